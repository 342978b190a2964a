"""`make bench-training`: samples/s of our loop over plain peft and transformers' `Trainer`.

    python -m radraft.bench.training_speed [CASE ...] [--pairs 8] [--steps 6] [--batch 8]

Both sides train the same LoRA on the same layers of the same model with the same examples in the
same order, AdamW and clipping. Each side lives in a process of its own, whose peak memory is told
at the end; they run in turns, never at once. A run's first step is not counted, nor its last, after
which ours validates and saves. The ratio's interval is of `turns`.

| case | model | the plain side |
|---|---|---|
| `embeds` | Qwen3 of 4 layers, 256 wide; small vision transformer | encodes films each step |
| `embeds-vit` | the same Qwen3; ViT-B/16 at its real width | the same |
| `text` | the same Qwen3, reports without images | its `labels` |
| `pixels` | Qwen2.5-VL of 2 layers, 64 wide | the model's processor in the collator |
| `gemma` | Gemma 3 270M, the starter's base in bf16; reports without images | its `labels` |

All weights but Gemma's are random.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.bench.turns import Cost, Ratio, load, ratio

if TYPE_CHECKING:
    from radraft.finetune.train.recipe import LanguageRecipe
    from radraft.finetune.train.values import Encoded

GOALS = {"embeds": 1.3, "embeds-vit": 1.3, "text": 1.0, "pixels": 1.0, "gemma": 1.0}
QWEN = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "initializer_range": 0.02,
}
PAIRS, STEPS, BATCH = 8, 6, 8
SEED = 3


@dataclass(frozen=True)
class Plan:
    """What both sides of a case do."""

    case: str
    folder: Path
    """With the model, and the pairs where they are files."""
    steps: int
    batch: int

    @property
    def recipe(self) -> LanguageRecipe:
        """Return our side's; the other takes its figures from it."""
        from radraft.finetune.train.recipe import LanguageRecipe, Lora

        return LanguageRecipe(
            lora=Lora(rank=16, alpha=32),
            batch=self.batch,
            micro_batch=self.batch,
            steps=self.steps,
            warm_up=1,
            learning_rate=1e-3,
            projector_rate=1e-3 if self.case.startswith("embeds") else 0.0,
            valid_every=self.steps,
            valid_pairs=1,
            checkpoint_every=self.steps,
            precision="bf16" if self.case == "gemma" else "fp32",
        )


@dataclass(frozen=True)
class Told:
    """What a run took."""

    seconds: float
    """A counted step, on average."""
    cpu_s: float
    """Of the process in it."""
    loss: float
    """Of the first step: the same on both sides where they do the same."""


def main() -> None:
    """Print a block for each case."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", choices=[*GOALS, []], default=list(GOALS))
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch", type=int, default=BATCH)
    given = parser.parse_args()
    for case in given.cases:
        with tempfile.TemporaryDirectory() as folder:
            plan = Plan(case, Path(folder), given.steps, given.batch)
            prepare(plan)
            measured(plan, given.pairs)


def measured(plan: Plan, pairs: int) -> Ratio:
    """Print what both sides of a case take in turns; return their ratio."""
    sides = [Side(name, plan) for name in ("ours", "plain")]
    runs: list[tuple[Cost, Cost]] = []
    for number in range(1 + pairs):
        order = sides if number % 2 else sides[::-1]
        told = {side.name: side.run() for side in order}
        if number == 0:
            print(
                f"{plan.case}: {sides[0].about}; batch {plan.batch}; first loss"
                f" {told['ours'].loss:.4f} (ours), {told['plain'].loss:.4f} (plain)"
            )
            continue
        ours, plain = (
            Cost(told[name].seconds, told[name].cpu_s, 0.0) for name in ("ours", "plain")
        )
        runs.append((ours, plain))
    found = ratio(runs)
    by_cpu = ratio([(of_cpu(ours), of_cpu(plain)) for ours, plain in runs])
    for name, side, cost in (("ours", sides[0], 0), ("plain", sides[1], 1)):
        each = [plan.batch / run[cost].seconds for run in runs]
        cpu = [run[cost].own_cpu_s / plan.batch for run in runs]
        memory, model = side.end()
        print(
            f"  {name:5}  {statistics.median(each):8.2f} samples/s,"
            f" {statistics.median(cpu):.4f} s of processor a sample"
            f" (medians of {len(each)} runs of {plan.steps - 2} steps);"
            f" peak memory {memory:.0f} MiB, {model:.0f} of it after the packages"
        )
    goal = GOALS[plan.case]
    print(f"  ours over plain, samples/s: {found}; goal {goal}: {found.verdict(goal)}")
    print(
        f"  ours over plain, by processor time: {by_cpu}; {by_cpu.verdict(goal)};"
        f" load {load():.1f}",
        flush=True,
    )
    return found


def of_cpu(cost: Cost) -> Cost:
    """Return a cost whose seconds are the process's own: on a crowded machine they say more."""
    return Cost(cost.own_cpu_s, cost.own_cpu_s, 0.0)


class Side:
    """One side in a process of its own, as the one sees it that asks it to run."""

    def __init__(self, name: str, plan: Plan) -> None:
        context = multiprocessing.get_context("spawn")
        self.name = name
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, plan, other), daemon=True)
        self._process.start()
        other.close()
        self.about: str = self._pipe.recv()

    def run(self) -> Told:
        """Have it train once."""
        self._pipe.send("run")
        told: Told = self._pipe.recv()
        return told

    def end(self) -> tuple[float, float]:
        """End it; return (peak memory, of that what came after the imports), in MiB."""
        self._pipe.send("end")
        peak, before = self._pipe.recv()
        self._process.join()
        return peak, peak - before


def _serve(name: str, plan: Plan, pipe: Connection) -> None:
    import peft  # noqa: F401
    import torch
    import transformers

    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    before = _peak_mib()
    torch.manual_seed(SEED)
    about, run = (ours if name == "ours" else plain)(plan)
    pipe.send(about)
    with suppress(EOFError):
        while pipe.recv() == "run":
            pipe.send(run())
        pipe.send((_peak_mib(), before))


def _peak_mib() -> float:
    # `ru_maxrss` would be the parent's where that was larger.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _told(times: Sequence[tuple[float, float]], loss: float) -> Told:
    # Neither the first step, which warms up, nor the last, after which ours saves.
    counted = list(pairwise(times))[:-1]
    wall = statistics.fmean(after[0] - before[0] for before, after in counted)
    return Told(wall, statistics.fmean(after[1] - before[1] for before, after in counted), loss)


def prepare(plan: Plan) -> None:
    """Write the case's model, and its pairs embedded where our side has them so."""
    from radraft.finetune.train.embedding import embed
    from radraft.llm.profiles import load_profile
    from radraft.vision_encoder.encode import Encoder
    from tests import embeds_model

    if plan.case == "pixels":
        _pixels("pixels_model").build(plan.folder / "model")
        return
    if plan.case == "gemma":
        return
    vit = plan.case == "embeds-vit"
    path = embeds_model.build_all(plan.folder / "model", real_width=vit, **QWEN)
    profile = load_profile(str(path))
    pairs = embeds_model.write_pairs(plan.folder / "pairs", profile.template)
    embed(pairs, Encoder.of(profile.encoder), plan.folder / "embedded", lambda far: None)


def ours(plan: Plan) -> tuple[str, Callable[[], Told]]:
    """Our loop, as the commands call it."""
    from radraft.core.run_folder import Step
    from radraft.finetune.train.run import train

    model, pairs = _ours(plan)
    recipe = plan.recipe
    number = iter(range(10**6))

    def run() -> Told:
        times, losses = [], []

        def note(step: Step) -> None:
            times.append(_now())
            losses.append(step.loss)

        folder = plan.folder / "runs" / str(next(number))
        train(model, pairs, recipe, folder, seed=SEED, on_step=note)
        return _told(times, losses[0])

    count = sum(weight.numel() for weight in model.parameters())
    tokens = statistics.fmean(pair.length for pair in pairs.train)
    return f"{count / 1e6:.1f} M weights, {tokens:.0f} tokens a pair", run


def _ours(plan: Plan) -> tuple[Any, Any]:
    """The module and the pairs."""
    from radraft.finetune.train import dataset, native, tuned
    from radraft.finetune.train.run import Pairs

    if plan.case == "pixels":
        return native.build(plan.folder / "model", plan.recipe), _pixel_pairs(plan)
    base, projector, tokenizer, parts = _embeds_base(plan)
    if plan.case.startswith("embeds"):
        found = dataset.read(plan.folder / "embedded")
        encoded = [tokenizer.encode(example) for example in found.train]
        pairs = Pairs(encoded, encoded[:1], found.tokens, tokenizer.image_id, parts)
    else:
        encoded = _text_pairs(tokenizer)
        pairs = Pairs(encoded, encoded[:1], _no_tokens, tokenizer.image_id, parts)
    return tuned.build(base, projector, plan.recipe), pairs


def _no_tokens(image_id: str) -> Any:
    raise KeyError(image_id)


def _embeds_base(plan: Plan) -> tuple[Path, Path, Any, int | None]:
    """(checkpoint, projector to begin with, tokenizer, parts a side)."""
    from radraft.core.settings import load as load_settings
    from radraft.finetune.train import dataset, ground
    from radraft.finetune.train.text import Tokenizer
    from radraft.llm import pins
    from radraft.llm.profiles import load_profile

    if plan.case == "gemma":
        base = ground.build(None, load_settings().cache_dir, lambda step, part: None)
        begin = pins.files()["projector"]
    else:
        profile = load_profile(str(plan.folder / "model" / "own.yaml"))
        base = ground.build(profile, plan.folder / "cache", lambda step, part: None)
        begin = ground.begin(plan.folder, base, dataset.read(plan.folder / "embedded"), SEED)
    tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
    return base.checkpoint, begin, tokenizer, base.parts


def _text_pairs(tokenizer: Any) -> list[Encoded]:
    from radraft.finetune.export import target_text
    from radraft.finetune.train.values import Example
    from tests import embeds_model

    asked = ({"role": "user", "content": [{"type": "text", "text": "Write the report. CR."}]},)
    return [
        tokenizer.encode(Example(asked, (), target_text(embeds_model.report(number))))
        for number in range(embeds_model.PAIRS)
    ]


def _pixels(name: str) -> Any:
    """A module of the tests of models that take pixels; their configurations are not typed."""
    return import_module(f"tests.{name}")


def _pixel_pairs(plan: Plan) -> Any:
    from radraft.llm.profiles import load_profile
    from tests import embeds_model

    profile = load_profile(str(plan.folder / "model" / "tiny.yaml"))
    pairs = _pixels("finetune.train.test_native").material(profile, range(embeds_model.PAIRS))
    return type(pairs)(pairs.train, pairs.train[:1], pairs.processor)


def plain(plan: Plan) -> tuple[str, Callable[[], Told]]:
    """peft and transformers' `Trainer`, as their documents have them."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    model, collate, examples = _plain(plan)
    recipe = plan.recipe
    # The same examples in the same order as ours.
    order = [
        int(place)
        for step in range(plan.steps)
        for place in _order(len(examples), step, recipe.batch)
    ]
    arguments = TrainingArguments(
        output_dir=str(plan.folder / "plain"),
        per_device_train_batch_size=recipe.batch,
        max_steps=plan.steps,
        learning_rate=recipe.learning_rate,
        weight_decay=0.0,
        max_grad_norm=recipe.clip,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warm_up,
        train_sampling_strategy="sequential",
        save_strategy="no",
        logging_strategy="steps",
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=not torch.cuda.is_available(),
        label_names=["labels"],
    )

    class Noted(TrainerCallback):
        def __init__(self) -> None:
            self.times: list[tuple[float, float]] = []
            self.losses: list[float] = []

        def on_step_end(self, *given: Any, **named: Any) -> None:
            self.times.append(_now())

        def on_log(self, *given: Any, **named: Any) -> None:
            if "loss" in named["logs"]:
                self.losses.append(named["logs"]["loss"])

    def run() -> Told:
        noted = Noted()
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=[examples[place] for place in order],
            data_collator=collate,
            callbacks=[noted],
        )
        trainer.remove_callback(_printer())
        trainer.train()
        return _told(noted.times, noted.losses[0])

    return "", run


def _printer() -> Any:
    from transformers.trainer_callback import PrinterCallback

    return PrinterCallback


def _order(count: int, step: int, size: int) -> list[int]:
    """As `train.run`'s."""
    import numpy as np

    places = [divmod(place, count) for place in range(step * size, (step + 1) * size)]
    return [
        int(np.random.default_rng((SEED, epoch)).permutation(count)[at]) for epoch, at in places
    ]


def _plain(plan: Plan) -> tuple[Any, Callable[[Sequence[Any]], dict[str, Any]], list[Any]]:
    """The model, the collator and the examples."""
    from peft import get_peft_model

    from radraft.finetune.train import native
    from radraft.finetune.train.language import load_base, lora_config

    recipe = plan.recipe
    if plan.case == "pixels":
        pairs = _pixel_pairs(plan)
        model = native.load(plan.folder / "model")
        tuned = get_peft_model(model, native.native_config(recipe.lora))
        return tuned, _pixel_collator(plan, pairs), list(pairs.train)
    base, begin, tokenizer, parts = _embeds_base(plan)
    language = get_peft_model(load_base(base, recipe.precision), lora_config(recipe.lora))
    if not plan.case.startswith("embeds"):
        return language, lambda some: _padded(some), _text_pairs(tokenizer)
    return _with_encoder(plan, language, begin, tokenizer, parts)


def _padded(some: Sequence[Encoded]) -> dict[str, Any]:
    """Ids, mask, and labels of the report alone."""
    import torch

    rows = [(*pair.prompt, *pair.chosen) for pair in some]
    ids = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for number, (row, pair) in enumerate(zip(rows, some, strict=True)):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
        labels[number, len(pair.prompt) : len(row)] = torch.tensor(pair.chosen)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _pixel_collator(plan: Plan, pairs: Any) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """The model's own processor over text and pictures of a whole batch."""
    import torch
    from transformers import AutoProcessor

    auto: Any = AutoProcessor
    processor = auto.from_pretrained(plan.folder / "model")

    def collate(some: Sequence[Any]) -> dict[str, Any]:
        seen = processor(
            text=[pair.text for pair in some],
            images=[[pairs.processor.picture(name) for name in pair.images] for pair in some],
            padding=True,
            padding_side="right",
            add_special_tokens=False,
            return_tensors="pt",
        )
        made = _padded(some)
        for name, value in seen.items():
            if name in {"input_ids", "attention_mask"}:
                continue
            if value.shape == seen["input_ids"].shape:
                # A kind for each token; those of a report are text.
                wide = made["input_ids"].shape[1] - value.shape[1]
                value = torch.nn.functional.pad(value, (0, wide))
            made[name] = value
        return made

    return collate


def _with_encoder(
    plan: Plan, language: Any, begin: Path, tokenizer: Any, parts: int | None
) -> tuple[Any, Callable[[Sequence[Any]], dict[str, Any]], list[Any]]:
    """Encoder, projector and language model as one module, which takes pictures."""
    import numpy as np
    import torch
    from PIL import Image

    from radraft.finetune.train import dataset
    from radraft.finetune.train.language import projector_module
    from radraft.llm.profiles import load_profile
    from radraft.vision_encoder.open_clip_tower import OpenClipTower
    from radraft.vision_encoder.source import locate

    profile = load_profile(str(plan.folder / "model" / "own.yaml"))
    assert profile.encoder is not None and parts is not None
    tower = OpenClipTower(locate(profile.encoder))

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.language = language
            self.projector = projector_module(begin)

        def forward(
            self, pixels: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor,
            labels: torch.Tensor,
        ) -> Any:  # fmt: skip
            with torch.no_grad():
                grid, _ = tower.forward(pixels)
                whole = grid.mean((2, 3))[:, None]
                part = torch.nn.functional.adaptive_avg_pool2d(grid, parts)
                pooled = torch.cat([whole, part.flatten(2).transpose(1, 2)], 1)
            read = self.language.get_input_embeddings()(input_ids)
            place = (input_ids == tokenizer.image_id)[..., None].expand_as(read)
            inputs = read.masked_scatter(place, self.projector(pooled).to(read.dtype))
            return self.language(inputs_embeds=inputs, attention_mask=attention_mask, labels=labels)

    def collate(some: Sequence[Encoded]) -> dict[str, Any]:
        pictures = []
        for pair in some:
            for name in pair.images:
                with Image.open(plan.folder / "pairs" / name) as picture:
                    pictures.append(tower.prepare(np.asarray(picture.convert("L"))))
        pixels = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy())
        return {"pixels": pixels, **_padded(some)}

    found = dataset.read(plan.folder / "embedded")
    return Whole(), collate, [tokenizer.encode(example) for example in found.train]


if __name__ == "__main__":
    main()
