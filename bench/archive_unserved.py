"""What a candidate of `bench.archive_flywheel` writes of a site's frozen share, without vLLM.

For a machine on which a gate would take an hour. The served model and the candidate write each
frozen report from its own images and from another patient's, greedily and many at once, in one
process; nothing holds them to the schema, and a draft that cannot be read counts as one that
failed. The figures are the gate's own (`finetune.gate.sums`), each with its 95% interval (bootstrap
over patients). This is no decision: only `radraft adapters gate` makes one, on real drafts.

    .venv/bin/python -m radraft.bench.archive_unserved --folder FOLDER --site east --adapter ID
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.bench.archive_flywheel import say
from radraft.core.settings import Settings, load as load_settings
from radraft.eval.values import Drafted
from radraft.finetune.adapt import peft_files
from radraft.finetune.adapt.base import trainable
from radraft.finetune.adapt.data import tokens as stored_tokens
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
from radraft.llm.profiles import Profile, load_profile
from radraft.store import adapters
from radraft.store.database import open_store
from radraft.vision_encoder.projector import Projector

if TYPE_CHECKING:
    import torch

FIGURES = (f"{EDITS}_zh", f"{EDITS}_en", "finding_f1_zh", "finding_f1_en", WHOLE)
RESAMPLES = 2000
LONGEST = 400
"""Tokens of a draft; the archive's reports have half as many."""


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
    options.add_argument("--site", required=True)
    options.add_argument("--adapter", required=True)
    options.add_argument("--set", type=Path, help="else FOLDER/SITE/set.jsonl")
    options.add_argument("--profile", default="starter")
    options.add_argument("--at-once", type=int, default=20)
    options.add_argument("--print-drafts", type=int, default=0)
    given = options.parse_args()
    profile, cache = load_profile(given.profile), load_settings().cache_dir
    base = trainable(profile, cache)
    assert isinstance(base, Base)
    settings = Settings(data_dir=given.folder / "data", cache_dir=cache)
    source = given.set or given.folder / given.site / "set.jsonl"
    share, folder, read = _opened(settings, profile, base, given.site, source, given.adapter)
    writer = Writer(base, read, given.at_once)
    drafts = {"before": writer.drafts(share, own=True)}
    drafts["before, another patient's images"] = writer.drafts(share, own=False)
    writer.load(folder)
    drafts["after"] = writer.drafts(share, own=True)
    drafts["after, another patient's images"] = writer.drafts(share, own=False)
    patients = {report.patient_ref for report in share.reports}
    say(f"{given.site}, {given.adapter}: {len(share.reports)} frozen reports of {len(patients)} "
        "patients, greedy, not served")  # fmt: skip
    tell({name: figures(share.reports, written) for name, written in drafts.items()})
    for report, *both in zip(share.reports, drafts["before"], drafts["after"], strict=True):
        if given.print_drafts:
            given.print_drafts -= 1
            print(json.dumps([[s.zh + " " + s.en for s in report.asserted.sentences],
                              *[[*draft.zh, *draft.en] for draft in both]],
                             ensure_ascii=False, indent=1))  # fmt: skip


def figures(reports: Sequence[ArchivedReference], drafts: Sequence[Drafted]) -> Ratios:
    """Return the gate's sums by patient."""
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(report.patient_ref, len(numbers)) for report in reports]
    return scored(reports, drafts).grouped(groups)


def tell(sums: Mapping[str, Ratios]) -> None:
    """Print every figure of every kind of drafts, and what changed, with intervals."""
    rows = {name: ratios.resampled(RESAMPLES) for name, ratios in sums.items()}
    values = {name: ratios.corpus() for name, ratios in sums.items()}
    for figure in FIGURES:
        for name in sums:
            said = found(values[name][figure], rows[name][figure])
            say(f"  {figure}, {name}: {said.value:.3f} ({said.low:.3f} to {said.high:.3f})")
        for one, other in (("after", "before"), ("after", "after, another patient's images")):
            change = values[one][figure] - values[other][figure]
            said = found(change, rows[one][figure] - rows[other][figure])
            say(f"    {one} less {other}: {said.value:+.3f} ({said.low:+.3f} to {said.high:+.3f})")


def _opened(
    settings: Settings, profile: Profile, base: Base, site: str, source: Path, adapter_id: str
) -> tuple[Share, Path, Any]:
    tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
    store = open_store(settings)
    with store.read() as session:
        reports = frozen_archive(session, profile, site, base.encoder_id).reports
        adapter = adapters.get(session, adapter_id)
    by_case: dict[str, Encoded] = {}
    for line in held_out_path(source).read_text("utf-8").splitlines():
        about = json.loads(line)["metadata"]
        ((_, example),) = dataset.examples([line], source)
        encoded = tokenizer.encode(example)
        by_case[about["case_id"]] = Encoded(encoded.prompt, tuple(about["image_ids"]), ())
    reports = tuple(report for report in reports if report.case_id in by_case)
    others = {}
    for place, report in enumerate(reports):
        rest = [*reports[place + 1 :], *reports[:place]]
        other = next(one for one in rest if one.patient_ref != report.patient_ref)
        others[report.case_id] = other.image_ids
    read = stored_tokens(store.objects, base.encoder_id)
    return Share(reports, by_case, others), settings.adapters_dir / adapter.adapter_id, read


class Writer:
    """The model in one process, as it is served or with an adapter."""

    def __init__(self, base: Base, read: Any, at_once: int) -> None:
        recipe = load_recipe("archive")
        plan = recipe.sft_plan(1, recipe.lora)
        self._base, self._read, self._at_once = base, read, at_once
        self._tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
        model: Any = tuned.build(base.checkpoint, base.projector, plan)
        self._model = model.eval()

    def load(self, folder: Path) -> None:
        """Put an adapter over the base."""
        adapter = folder.parent / f".{folder.name}.safetensors"
        peft_files.to_trainer(folder, adapter)
        tuned.load_adapter(self._model.language, stored(adapter))
        adapter.unlink()

    def drafts(self, share: Share, *, own: bool) -> list[Drafted]:
        """Return a draft of each report's study, from its images or another patient's."""
        written: list[Drafted] = []
        for start in range(0, len(share.reports), self._at_once):
            some = share.reports[start : start + self._at_once]
            texts = self._written(
                [
                    (
                        share.asked[report.case_id].prompt,
                        report.image_ids if own else share.others[report.case_id],
                    )
                    for report in some
                ]
            )
            written += [_draft(one.case_id, text) for one, text in zip(some, texts, strict=True)]
            say(f"  {len(written)} of {len(share.reports)} written")
        return written

    def _written(self, asked: Sequence[tuple[Sequence[int], Sequence[str]]]) -> list[str]:
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
            embeds = self._embedded(ids, torch.from_numpy(np.stack(seen)).float())
            out = self._model.language.generate(
                inputs_embeds=embeds,
                attention_mask=mask,
                max_new_tokens=LONGEST,
                do_sample=False,
                use_cache=True,
                pad_token_id=0,
            )
        return [self._tokenizer.text(row.tolist()) for row in out]

    def _embedded(self, ids: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        causal = self._model.language.get_base_model()
        read: torch.Tensor = causal.get_input_embeddings()(ids)
        image = (ids == self._tokenizer.image_id)[..., None].expand_as(read)
        return read.masked_scatter(image, self._model.projector(pooled).to(read.dtype))

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
