"""The sets that are drafted, each with what majority and retrieval may draw from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

from radraft.bench.starter_card.values import Known
from radraft.core import canonical
from radraft.eval.card_file import CardFile, card_file, table_rows
from radraft.eval.sets import load_set
from radraft.eval.values import EvalSet, SetItem
from radraft.reports.values import Certainty

ALL = 1_000_000
"""More than any split holds."""


class Source(StrEnum):
    """A set that is drafted."""

    KERMANY = "kermany"
    NIH14 = "nih14"
    COVID = "covid"


CARDS: Mapping[Source, tuple[str, str]] = {
    Source.KERMANY: ("cxr_kermany", "test"),
    Source.NIH14: (str(files("radraft.bench.starter_card").joinpath("nih14.yaml")), "test"),
    Source.COVID: ("cxr_covid", "valid"),
}
"""Card and the split that is drafted. There is no test split of the COVID set."""


@dataclass(frozen=True)
class Material:
    """One set, ready to be drafted."""

    source: Source
    data: Path
    """The data folder."""
    chosen: EvalSet
    patients: tuple[str, ...]
    """Of each item."""
    images: tuple[Path, ...]
    """The file of each item's picture."""
    notes: tuple[str, ...]
    """Free text that came with each item's picture; empty where there is none."""
    pool: tuple[Known, ...]
    """Labelled images of the training split."""
    pool_images: tuple[Path, ...]
    limit: int | None
    """Most studies that were wanted; None for all."""

    @property
    def items(self) -> tuple[SetItem, ...]:
        """The studies to draft."""
        return self.chosen.items

    @property
    def sha(self) -> str:
        """Of all that the figures depend on beside the model."""
        pool = [[film.key, dict(film.findings), film.note] for film in self.pool]
        return canonical.sha256([self.chosen.card.sha256, self.patients, self.notes, pool])


def load(source: Source, data: Path, cache: Path, limit: int | None) -> Material:
    """The set of `source` in the data folder, `limit` studies of it or all.

    EvalError as `load_set`, `eval_set_data_missing` where the table cannot be read.
    """
    name, split = CARDS[source]
    card = card_file(name)
    chosen = load_set(name, data=data, cache=cache, split=split, limit=limit or ALL)
    table = table_rows(card, data)
    rows = [table[item.id] for item in chosen.items]
    train = {key: row for key, row in table.items() if row["split"] == "train"}
    labelled = {key: _findings(card, source, row) for key, row in train.items()}
    pool = tuple(
        Known(key, findings, train[key].get("note", "").strip())
        for key, findings in labelled.items()
        if findings
    )
    folder = (data / (card.table or "")).parent
    return Material(
        source,
        data,
        chosen,
        tuple(row["patient"] for row in rows),
        tuple(folder / row["file"] for row in rows),
        tuple(row.get("note", "").strip() for row in rows),
        pool,
        tuple(folder / train[film.key]["file"] for film in pool),
        limit,
    )


def ready_labels(items: Sequence[SetItem], data: Path, cache: Path) -> dict[str, SetItem]:
    """Items of ChestX-ray14's ready card, by id: those whose mined labels no radiologist
    contradicts, and of which a label of 0 says nothing unless nothing at all was found."""
    wanted = {item.id for item in items}
    ready = load_set("cxr_nih14", data=data, cache=cache, split="test", limit=ALL)
    return {item.id: item for item in ready.items if item.id in wanted}


def _findings(card: CardFile, source: Source, row: Mapping[str, str]) -> dict[str, bool]:
    if card.column is None:
        return {code: row[field] == "1" for field, code in card.present.items()}
    stated = card.values.get(row[card.column], {})
    found = {
        code: certainty is Certainty.PRESENT
        for code, certainty in stated.items()
        if code != "no_finding"
    }
    if source is Source.KERMANY and "pneumonia" in found:
        # What was graded as pneumonia is an opacity that the grader saw.
        found["lung_opacity"] = found["pneumonia"]
    return found
