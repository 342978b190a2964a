"""The form of a set's card on disk."""

from __future__ import annotations

import csv
from pathlib import Path

from pydantic import Field, model_validator

from radraft.core.errors import EvalError
from radraft.core.yaml_files import Strict, YamlFolder
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Certainty

Labels = dict[str, Certainty]
READY = YamlFolder(
    "radraft.eval",
    "cards",
    EvalError,
    label="name",
    missing="eval_unknown_set",
    invalid="eval_card_invalid",
)


class CardFile(Strict):
    """One card. Exactly one of `table`, `studies` and `items` says where its studies are."""

    name: str = Field(min_length=1)
    source: str
    licence: str
    note: str = ""
    splits: tuple[str, ...] = ("all",)
    """Values of the column `split`; `all` takes every study."""
    limit: int = Field(default=100, ge=1)
    pictures: bool = True
    """Whether the licence lets the HTML report show the images."""

    table: str | None = None
    """CSV below the data folder with `file`, a label column or columns, and `split`."""
    patient: str | None = None
    view: str | None = None
    age: str | None = None
    sex: str | None = None
    present: dict[str, str] = Field(default={})
    """Column with 1 for what is there: finding code."""
    normal: tuple[str, ...] = ()
    """Columns with 1 where none of `present` is there."""
    column: str | None = None
    values: dict[str, Labels] = Field(default={})
    """Value of `column`: labels."""

    studies: str | None = None
    """Folder with one folder for each study."""
    labels: dict[str, Labels] = Field(default={})
    none_of: tuple[str, ...] = ()
    """What `no_finding: present` in `labels` says is absent."""

    items: str | None = None
    """JSONL below the data folder: `id`, `study`, `labels`, `report_zh`, `report_en`, `has_prior`
    and `split`."""

    @model_validator(mode="after")
    def _usable(self) -> CardFile:
        if sum(way is not None for way in (self.table, self.studies, self.items)) != 1:
            raise ValueError("exactly one of table, studies and items")
        codes = {*self.present.values(), *self.none_of}
        for labels in (*self.values.values(), *self.labels.values()):
            codes |= labels.keys()
        if unknown := codes - vocabulary().keys():
            raise ValueError(f"no finding codes: {', '.join(sorted(unknown))}")
        return self


def card_file(name_or_path: str) -> CardFile:
    """The ready card of that name, or the card in that YAML file.

    EvalError `eval_unknown_set`, or `eval_card_invalid` naming the fields to correct.
    """
    return READY.load(CardFile, name_or_path)


def names() -> tuple[str, ...]:
    """Names of the ready sets."""
    return READY.names()


def table_rows(card: CardFile, data: Path) -> dict[str, dict[str, str]]:
    """The rows of the card's table, by the name of each row's file without its ending.

    EvalError `eval_set_data_missing` where it cannot be read.
    """
    path = data / (card.table or "")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError):
        raise EvalError(
            "eval_set_data_missing", file=str(data), name=card.name, needs=card.table or ""
        ) from None
