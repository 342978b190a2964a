"""Archived reports as what a run learns from: a folder of `radraft train embed` over a set of
`radraft archive export`.

Which of its examples train is decided by today's records: none of a patient who is held out now,
and none of a study that is not of the site.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from radraft.core import canonical
from radraft.core.errors import AdapterError, TrainingError
from radraft.finetune.adapt import data
from radraft.finetune.adapt.rare import said_present, times
from radraft.finetune.adapt.stages import Material, Taught
from radraft.finetune.adapt.values import Base, Plan, Start, Task
from radraft.finetune.archive_set.kinds import ORIGIN
from radraft.finetune.archive_set.values import HELD_OUT, TRAIN, VALID
from radraft.finetune.gate.archived import frozen_archive, judged_by_signatures
from radraft.finetune.gate.limits import limits
from radraft.finetune.train import dataset
from radraft.finetune.train.run import Pairs
from radraft.finetune.train.text import Tokenizer, fitting_file
from radraft.finetune.train.values import Example
from radraft.llm.adapter import ARCHIVE
from radraft.reports.training_pair import split_of
from radraft.reports.values import LANGS, Lang
from radraft.store import adapters, cases, pairs

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OTHER_SITE, LEAKED, VALIDATES = "other_site", "leaked", "more_than_validate"
"""Of a study that this store does not have at the site; of a patient who is held out by now; beyond
the recipe's `valid_pairs`."""


@dataclass(frozen=True)
class _Line:
    """What is known of an example without its text."""

    example_id: str
    case_id: str
    split: str
    image_ids: tuple[str, ...]
    start: int
    """Where its line begins, in bytes."""


@dataclass(frozen=True)
class ArchivedReports:
    """The examples of `folder`."""

    task: Task
    folder: Path
    kind: ClassVar[str] = ARCHIVE

    def require(self) -> None:
        """TrainingError `training_data_missing`, `training_pairs_invalid` or
        `training_other_encoder`; AdapterError `adapt_archive_needs_embeddings` over a model that
        takes images as they are, `adapt_not_an_archive_set`."""
        base = self.task.base
        if not isinstance(base, Base):
            raise AdapterError("adapt_archive_needs_embeddings", profile=self.task.profile.name)
        found = self._dataset.encoder_id
        if found != base.encoder_id:
            raise TrainingError(
                "training_other_encoder", expected=base.encoder_id, found=found or "?"
            )
        if not self._lines:
            raise AdapterError("adapt_not_an_archive_set", path=str(self.folder))

    def planned(self) -> Plan:
        """Return the examples to train on: those that the parent's chain was not trained on, drawn
        up to the recipe's `most_pairs`, and drawn earlier ones. Errors as `require`; AdapterError
        `adapt_base_differs`, `adapt_archive_too_few`, `adapt_archive_unjudged` where the gate would
        have too little to judge by; TrainingError `training_pairs_missing` where no patient of the
        set says when to stop."""
        self.require()
        task, recipe = self.task, self.task.recipe
        left_out: Counter[str] = Counter()
        with task.store.read() as session:
            serving = adapters.route(session, task.site).serving
            parent = data.parent_id(serving if task.start is Start.SERVING else None, task.profile)
            before = data.trained_on(session, parent)
            frozen = self._judged(session)
            usable = list(self._usable(session, left_out))
        valid = [line for line in usable if line.split == VALID]
        train = [line for line in usable if line.split == TRAIN]
        new = [line for line in train if line.example_id not in before]
        old = [line for line in train if line.example_id in before]
        kept, waiting = self._drawn(new, recipe.most_pairs)
        judging, more = self._drawn(valid, recipe.valid_pairs)
        left_out.update({data.WAITING: waiting} if waiting else {})
        left_out.update({VALIDATES: more} if more else {})
        if len(kept) < recipe.least_pairs:
            raise AdapterError(
                "adapt_archive_too_few", site=task.site, found=len(kept), needed=recipe.least_pairs
            )
        if not judging:
            raise TrainingError("training_pairs_missing", train=len(kept), valid=0)
        again, _ = self._drawn(old, round(recipe.replay * len(kept)))
        return Plan(
            parent=parent,
            train=tuple(line.example_id for line in kept),
            replay=tuple(line.example_id for line in again),
            valid=tuple(line.example_id for line in judging),
            left_out=dict(sorted(left_out.items())),
            frozen=frozen,
        )

    def taught(self, planned: Plan) -> Taught:
        """Return the plan's examples as the model takes them, in files. Errors as `require`;
        TrainingError `training_run_differs` where the folder no longer has one of them,
        AdapterError `adapt_pairs_too_long`."""
        self.require()
        base = self.task.base
        assert isinstance(base, Base)
        train = self._found([*planned.train, *planned.replay])
        valid = self._found(planned.valid)
        tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
        longest = self.task.recipe.longest
        repeats = times([self._codes(line) for line in train], self.task.recipe.rare)
        known, long = fitting_file(
            (
                tokenizer.encode(self._example(line))
                for turn in range(max(repeats, default=0))
                for line, count in zip(train, repeats, strict=True)
                if turn < count
            ),
            longest,
            self.folder,
        )
        judging, more = fitting_file(
            (tokenizer.encode(self._example(line)) for line in valid), longest, self.folder
        )
        if not known or not judging:
            raise AdapterError("adapt_pairs_too_long", count=long + more, longest=longest)
        tokens = self._dataset.tokens
        material = Material(Pairs(known, judging, tokens, tokenizer.image_id, base.parts))
        used = (*train, *valid)
        return Taught(
            material,
            long + more,
            frozenset(name for line in used for name in line.image_ids),
            {"case_ids": sorted({line.case_id for line in used}), "repeated": sum(repeats)},
        )

    def _judged(self, session: Session) -> int:
        """Return how many archived reports of held-out patients can judge the candidate."""
        task, needed = self.task, limits().adapter.frozen_least
        found = frozen_archive(session, task.profile, task.site, task.base.encoder_id).found
        if found < needed and not judged_by_signatures(session, task.store.objects, task.site):
            raise AdapterError("adapt_archive_unjudged", site=task.site, found=found, needed=needed)
        return found

    def _usable(self, session: Session, left_out: Counter[str]) -> Iterator[_Line]:
        ids = {line.case_id for line in self._lines}
        sites, patients = cases.sites(session, ids), cases.patient_refs(session, ids)
        held, judging = pairs.held_out(session)
        for line in self._lines:
            if sites.get(line.case_id) != self.task.site:
                left_out[OTHER_SITE] += 1
                continue
            patient = patients[line.case_id]
            gone = patient in held or split_of(patient) == HELD_OUT
            if gone or not judging.isdisjoint(line.image_ids):
                left_out[LEAKED] += 1
            else:
                yield line

    def _drawn(self, lines: Sequence[_Line], most: int) -> tuple[list[_Line], int]:
        """Return up to `most` of the lines, drawn by the seed, and how many are left."""
        salt = self.task.seed
        order = sorted(
            lines, key=lambda line: hashlib.sha256(f"{salt}:{line.example_id}".encode()).digest()
        )
        return sorted(order[:most], key=lambda line: line.start), max(0, len(order) - most)

    def _found(self, example_ids: Sequence[str]) -> list[_Line]:
        by_id = {line.example_id: line for line in self._lines}
        if any(example_id not in by_id for example_id in example_ids):
            raise TrainingError("training_run_differs", path=str(self.folder), fields=dataset.PAIRS)
        return [by_id[example_id] for example_id in example_ids]

    def _codes(self, line: _Line) -> frozenset[str]:
        """Return what the report of an example states to be there."""
        try:
            said = json.loads(self._example(line).chosen)
            sentences = [*said.get("findings", ()), *said["impression"]]
            texts: dict[Lang, str] = {
                lang: "\n".join(sentence.get(lang, "") for sentence in sentences) for lang in LANGS
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            # A kind that answers with no report: a sentence in the other language.
            return frozenset()
        return said_present(texts)

    def _example(self, line: _Line) -> Example:
        with (self.folder / dataset.PAIRS).open("rb") as stream:
            stream.seek(line.start)
            value = json.loads(stream.readline())
        *asked, answer = value["messages"]
        (part,) = answer["content"]
        return Example(tuple(asked), tuple(value["images"]), part["text"])

    @cached_property
    def _dataset(self) -> dataset.Dataset:
        return dataset.read(self.folder)

    @cached_property
    def _lines(self) -> tuple[_Line, ...]:
        found: list[_Line] = []
        start = 0
        with (self.folder / dataset.PAIRS).open("rb") as stream:
            for line in stream:
                found.append(self._line(json.loads(line), start))
                start += len(line)
        return tuple(found)

    def _line(self, value: Any, start: int) -> _Line:
        about = value["metadata"]
        if about.get("origin") != ORIGIN or about["split"] == HELD_OUT:
            raise AdapterError("adapt_not_an_archive_set", path=str(self.folder))
        images = tuple(about.get("image_ids", value["images"]))
        told = [about["case_id"], about["kind"], images, value["messages"]]
        example_id = canonical.sha256(told)
        return _Line(example_id, about["case_id"], about["split"], images, start)
