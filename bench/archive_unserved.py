"""What a candidate of `bench.archive_flywheel` writes of a site's frozen share, without vLLM.

For a machine on which a gate would take hours. The served model writes each frozen report from its
images, the candidate from them and from another patient's, greedily and many at once, in one
process; nothing holds them to the schema, and a draft that cannot be read counts as one that
failed. The figures are the gate's own (`finetune.gate.sums`), each with its 95% interval (bootstrap
over patients). This is no decision: only `radraft adapters gate` makes one, on real drafts.

    .venv/bin/python -m radraft.bench.archive_unserved --folder FOLDER --candidate east:ID
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.bench.archive_flywheel import say
from radraft.bench.starter_card.goals import shown
from radraft.core.settings import Settings, load as load_settings
from radraft.eval.looks.intake import read_json, write_json
from radraft.eval.values import Drafted
from radraft.finetune.adapt import peft_files
from radraft.finetune.adapt.base import trainable
from radraft.finetune.adapt.data import StoredTokens
from radraft.finetune.adapt.recipe import load_recipe
from radraft.finetune.adapt.values import Base
from radraft.finetune.archived import held_out_path
from radraft.finetune.gate.archived import frozen_archive
from radraft.finetune.gate.reference import ArchivedReference
from radraft.finetune.gate.sums import EDITS, WHOLE, Ratios, found, scored
from radraft.finetune.train import dataset, tuned
from radraft.finetune.train.language import stored
from radraft.finetune.train.text import Tokenizer
from radraft.finetune.train.values import Encoded
from radraft.llm.pins import LORA_FILE
from radraft.llm.profiles import Profile, load_profile
from radraft.store.database import open_store
from radraft.vision_encoder.projector import Projector

if TYPE_CHECKING:
    import torch

FIGURES = (f"{EDITS}_zh", f"{EDITS}_en", "finding_f1_zh", "finding_f1_en", WHOLE)
RESAMPLES = 2000
LONGEST = 320
"""Tokens of a draft: none of the archive's reports has as many."""
BEFORE, AFTER, SHUFFLED = "before", "after", "after, another patient's images"
KINDS = ((BEFORE, False, True), (AFTER, True, True), (SHUFFLED, True, False))
"""Name of a kind of drafts, whether the candidate writes them, whether from the own images."""


@dataclass(frozen=True)
class Share:
    """The frozen reports and what is asked of each."""

    reports: tuple[ArchivedReference, ...]
    asked: Mapping[str, Encoded]
    """By case."""
    others: Mapping[str, tuple[str, ...]]
    """Case -> another patient's images."""


def main() -> None:
    """Write the drafts and print the figures."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--folder", type=Path, required=True, help="of `bench.archive_flywheel`")
    options.add_argument(
        "--candidate", action="append", required=True, metavar="SITE:ID", help="one or more"
    )
    options.add_argument("--set", type=Path, help="of one site; else FOLDER/SITE/set.jsonl")
    options.add_argument("--profile", default="starter")
    options.add_argument("--most", type=int, default=60, help="reports of a site")
    options.add_argument("--at-once", type=int, default=20)
    options.add_argument("--print-drafts", type=int, default=0)
    given = options.parse_args()
    profile, cache = load_profile(given.profile), load_settings().cache_dir
    base = trainable(profile, cache)
    assert isinstance(base, Base)
    settings = Settings(data_dir=given.folder / "data", cache_dir=cache)
    reports: list[ArchivedReference] = []
    every: dict[str, list[Drafted]] = {name: [] for name, *_ in KINDS}
    for candidate in given.candidate:
        site, _, adapter_id = candidate.partition(":")
        source = given.set or given.folder / site / "set.jsonl"
        share = _share(settings, profile, base, site, source, given.most)
        writer = Writer(base, settings, adapter_id, given.at_once)
        texts = {name: writer.texts(share, given.folder, name) for name, *_ in KINDS}
        drafts = {
            name: [_draft(case_id, text) for case_id, text in known.items()]
            for name, known in texts.items()
        }
        tell(f"{site}, {adapter_id}", share.reports, drafts)
        reports += share.reports
        for name, written in drafts.items():
            every[name] += written
        for report, *both in zip(share.reports[: given.print_drafts], *drafts.values()):  # noqa: B905
            wanted = [f"{sentence.zh} {sentence.en}" for sentence in report.asserted.sentences]
            shown = [wanted, *([*draft.zh, *draft.en] for draft in both)]
            print(json.dumps(shown, ensure_ascii=False, indent=1))
    if len(given.candidate) > 1:
        tell("all", reports, every)


def figures(reports: Sequence[ArchivedReference], drafts: Sequence[Drafted]) -> Ratios:
    """Return the gate's sums by patient."""
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(report.patient_ref, len(numbers)) for report in reports]
    return scored(reports, drafts).grouped(groups)


def tell(
    name: str, reports: Sequence[ArchivedReference], drafts: Mapping[str, Sequence[Drafted]]
) -> None:
    """Print every figure of every kind of drafts, and what changed, with intervals."""
    sums = {kind: figures(reports, written) for kind, written in drafts.items()}
    rows = {kind: ratios.resampled(RESAMPLES) for kind, ratios in sums.items()}
    values = {kind: ratios.corpus() for kind, ratios in sums.items()}
    failed = {kind: sum(bool(draft.failed) for draft in some) for kind, some in drafts.items()}
    say(f"{name}: {len(reports)} frozen reports of {next(iter(sums.values())).n} patients, greedy, "
        f"not served; could not be read: {failed}")  # fmt: skip
    for figure in FIGURES:
        for kind in sums:
            said = found(values[kind][figure], rows[kind][figure])
            say(f"  {figure}, {kind}: {shown(vars(said))}")
        for one, other in ((AFTER, BEFORE), (AFTER, SHUFFLED)):
            change = values[one][figure] - values[other][figure]
            said = found(change, rows[one][figure] - rows[other][figure])
            say(f"    {one} less {other}: {shown(vars(said))}")


def _share(
    settings: Settings, profile: Profile, base: Base, site: str, source: Path, most: int
) -> Share:
    tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
    store = open_store(settings)
    with store.read() as session:
        reports = frozen_archive(session, profile, site, base.encoder_id).reports
    store.close()
    by_case: dict[str, Encoded] = {}
    for line in held_out_path(source).read_text("utf-8").splitlines():
        about = json.loads(line)["metadata"]
        ((_, example),) = dataset.examples([line], source)
        encoded = tokenizer.encode(example)
        by_case[about["case_id"]] = Encoded(encoded.prompt, tuple(about["image_ids"]), ())
    reports = tuple(report for report in reports if report.case_id in by_case)[:most]
    others = {}
    for place, report in enumerate(reports):
        rest = [*reports[place + 1 :], *reports[:place]]
        other = next(one for one in rest if one.patient_ref != report.patient_ref)
        others[report.case_id] = other.image_ids
    return Share(reports, by_case, others)


class Writer:
    """The model in one process, as it is served or with an adapter."""

    def __init__(self, base: Base, settings: Settings, adapter_id: str, at_once: int) -> None:
        self._base, self._settings = base, settings
        self._adapter_id, self._at_once = adapter_id, at_once
        self._read = StoredTokens(open_store(settings).objects, base.encoder_id)
        self._tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)

    def texts(self, share: Share, folder: Path, kind: str) -> dict[str, str]:
        """Return what is written of each report's study, by case; what was before is not again."""
        with_adapter, own = next((adapted, own) for name, adapted, own in KINDS if name == kind)
        keep = folder / "unserved" / f"{self._adapter_id}-{with_adapter:d}{own:d}.json"
        known: dict[str, str] = read_json(keep) or {}
        left = [report for report in share.reports if report.case_id not in known]
        for start in range(0, len(left), self._at_once):
            some = left[start : start + self._at_once]
            prompts = [share.asked[report.case_id].prompt for report in some]
            images = [report.image_ids if own else share.others[report.case_id] for report in some]
            written = self._written(
                list(zip(prompts, images, strict=True)), self._model(with_adapter)
            )
            known |= {one.case_id: text for one, text in zip(some, written, strict=True)}
            keep.parent.mkdir(exist_ok=True)
            write_json(keep, known)
            say(f"  {kind}: {len(known)} written")
        return {report.case_id: known[report.case_id] for report in share.reports}

    @lru_cache(maxsize=1)  # noqa: B019 - one writer a site
    def _model(self, with_adapter: bool) -> Any:
        recipe = load_recipe("archive")
        plan = recipe.sft_plan(1, recipe.lora)
        model: Any = tuned.build(self._base.checkpoint, self._base.projector, plan)
        if with_adapter:
            folder = self._settings.adapters_dir / self._adapter_id
            with tempfile.TemporaryDirectory() as made:
                peft_files.to_trainer(folder, Path(made) / LORA_FILE)
                tuned.load_adapter(model.language, stored(Path(made) / LORA_FILE))
        return model.eval()

    def _written(
        self, asked: Sequence[tuple[Sequence[int], Sequence[str]]], model: Any
    ) -> list[str]:
        import torch

        longest = max(len(prompt) for prompt, _ in asked)
        ids = torch.zeros((len(asked), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, (prompt, _) in enumerate(asked):
            # What is written follows the prompt, so what is padded stands before it.
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        seen = [self._pooled(name) for _, images in asked for name in images]
        with torch.inference_mode():
            embeds = self._embedded(model, ids, torch.from_numpy(np.stack(seen)).float())
            out = model.language.generate(
                inputs_embeds=embeds,
                attention_mask=mask,
                max_new_tokens=LONGEST,
                do_sample=False,
                use_cache=True,
                pad_token_id=0,
            )
        return [self._tokenizer.text(row.tolist()) for row in out]

    def _embedded(self, model: Any, ids: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        causal = model.language.get_base_model()
        read: torch.Tensor = causal.get_input_embeddings()(ids)
        image = (ids == self._tokenizer.image_id)[..., None].expand_as(read)
        return read.masked_scatter(image, model.projector(pooled).to(read.dtype))

    def _pooled(self, image_id: str) -> Any:
        return Projector.pool(self._read(image_id), self._base.parts)


def _draft(case_id: str, text: str) -> Drafted:
    """Return what was written; what is no report is a draft that failed."""
    try:
        value = json.loads(text)
        sentences = [*value["findings"], *value["impression"]]
        return Drafted(
            case_id,
            zh=tuple(str(sentence["zh"]) for sentence in sentences),
            en=tuple(str(sentence["en"]) for sentence in sentences),
        )
    except (ValueError, KeyError, TypeError):
        return Drafted(case_id, (), (), failed="llm_invalid_output")


if __name__ == "__main__":
    main()
