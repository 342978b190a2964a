"""Evaluation sets: a card and a data folder in, studies with what is known of them out."""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from radraft.core import canonical
from radraft.core.errors import EvalError
from radraft.core.file_hash import file_sha256
from radraft.core.settings import CHECKOUT
from radraft.eval.card_file import CardFile, card_file
from radraft.eval.values import EvalSet, SetCard, SetItem
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Certainty


def load_set(
    name: str,
    *,
    data: Path | None,
    cache: Path,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> EvalSet:
    """Studies of a ready set, or of the card in a YAML file.

    `data` is the folder that the card's paths start at: the source checkout for the demo, the
    card's own folder for a card by path. Pictures are wrapped as DICOM below `cache`. Where the
    split holds more than `limit` studies, patients are drawn by `seed` until it is reached.
    EvalError for a set, a split, data or a row that cannot be used.
    """
    card = card_file(name)
    chosen = split or card.splits[0]
    if chosen not in card.splits:
        raise EvalError("eval_set_empty", name=card.name, split=chosen)
    if data is None:
        # A ready card has no folder of its own.
        data = Path(name).expanduser().parent if Path(name).suffix else CHECKOUT
    most = limit or card.limit
    if card.table is not None:
        items = _table(card, data, chosen, most, seed, cache)
    elif card.studies is not None:
        items = _folders(card, data / card.studies)[:most]
    else:
        items = _items(card, data, chosen, most, seed)
    if not items:
        raise EvalError("eval_set_empty", name=card.name, split=chosen)
    return EvalSet(_card(card, chosen, items), tuple(items))


def item_sha(item: SetItem) -> str:
    """Hash of an item: its images' bytes, its labels and its reports."""
    return canonical.sha256(
        {
            "id": item.id,
            "images": [file_sha256(path) for path in _files(item.study)],
            "labels": {code: certainty.value for code, certainty in item.labels.items()},
            "reports": [item.report_zh, item.report_en],
            "has_prior": item.has_prior,
        }
    )


def _card(card: CardFile, split: str, items: list[SetItem]) -> SetCard:
    sha = canonical.sha256([item_sha(item) for item in items])
    return SetCard(card.name, card.source, card.licence, split, sha, card.note)


def _table(
    card: CardFile, data: Path, split: str, most: int, seed: int, cache: Path
) -> list[SetItem]:
    assert card.table is not None
    table = data / card.table
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(enumerate(csv.DictReader(file), start=2))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise _missing(card, card.table, data) from None
    usable = []
    for line, row in rows:
        labels = _labels(card, row, line)
        if labels and split in ("all", row.get("split")):
            usable.append((line, row, labels))
    drawn = _draw(usable, lambda one: one[1].get(card.patient or "", "") or str(one[0]), most, seed)
    return [_wrapped(card, row, labels, line, table.parent, cache) for line, row, labels in drawn]


def _labels(card: CardFile, row: Mapping[str, str], line: int) -> dict[str, Certainty]:
    """What a row says; empty where it says nothing that can be used, or contradicts itself."""
    if card.column is not None:
        if card.column not in row:
            raise EvalError("eval_set_row_invalid", name=card.name, line=line, field=card.column)
        return dict(card.values.get(row[card.column], {}))
    for field in (*card.present, *card.normal):
        if row.get(field) not in {"0", "1"}:
            raise EvalError("eval_set_row_invalid", name=card.name, line=line, field=field)
    there = {code for field, code in card.present.items() if row[field] == "1"}
    if any(row[field] == "1" for field in card.normal):
        absent = dict.fromkeys(card.present.values(), Certainty.ABSENT)
        return {} if there else {"no_finding": Certainty.PRESENT, **absent}
    return dict.fromkeys(sorted(there), Certainty.PRESENT)


def _wrapped(
    card: CardFile,
    row: Mapping[str, str],
    labels: dict[str, Certainty],
    line: int,
    folder: Path,
    cache: Path,
) -> SetItem:
    from radraft.studies.wrap import Picture, wrap

    picture = folder / row["file"]
    key = Path(row["file"]).stem
    age = row.get(card.age or "", "")
    about = Picture(
        key=f"{card.name}/{key}",
        patient=f"{card.name}-{row.get(card.patient or '', '') or key}",
        view=row.get(card.view or "", ""),
        age_years=int(float(age)) if age.replace(".", "", 1).isdigit() else None,
        sex=row.get(card.sex or "", ""),
    )
    try:
        sha = hashlib.sha256(picture.read_bytes() + repr(about).encode()).hexdigest()
        target = cache / "sets" / card.name / f"{key}-{sha[:12]}.dcm"
        if not target.exists():
            wrap(picture, target, about)
    except OSError:
        raise EvalError("eval_set_row_invalid", name=card.name, line=line, field="file") from None
    return SetItem(id=key, study=target, labels=labels)


def _folders(card: CardFile, folder: Path) -> list[SetItem]:
    items = []
    for name, given in card.labels.items():
        labels = dict(given)
        if labels.get("no_finding") is Certainty.PRESENT:
            labels |= dict.fromkeys(card.none_of, Certainty.ABSENT)
        if not (folder / name).is_dir():
            raise _missing(card, card.studies or "", folder)
        items.append(SetItem(id=name, study=folder / name, labels=labels))
    return items


def _items(card: CardFile, data: Path, split: str, most: int, seed: int) -> list[SetItem]:
    assert card.items is not None
    try:
        lines = (data / card.items).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise _missing(card, card.items, data) from None
    found: dict[str, tuple[str, SetItem]] = {}
    for line, text in enumerate(lines, start=1):
        if text.strip():
            patient, item, part = _item(card, text, line, data)
            if item.id in found:
                raise EvalError("eval_set_row_invalid", name=card.name, line=line, field="id")
            if split in ("all", part):
                found[item.id] = (patient, item)
    drawn = _draw(found.values(), lambda one: one[0], most, seed)
    return [item for _, item in drawn]


def _item(card: CardFile, text: str, line: int, data: Path) -> tuple[str, SetItem, str]:
    field = "line"
    try:
        row: dict[str, Any] = json.loads(text)
        field = "id"
        key = row["id"]
        if not isinstance(key, str) or not key.strip() or not key.isprintable():
            raise ValueError
        field = "study"
        study = data / row["study"]
        if not study.exists():
            raise ValueError
        field = "labels"
        labels = {code: Certainty(value) for code, value in row.get("labels", {}).items()}
        if labels.keys() - vocabulary().keys():
            raise ValueError
        for field in ("report_zh", "report_en"):
            if not isinstance(row.get(field, ""), str | None):
                raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EvalError("eval_set_row_invalid", name=card.name, line=line, field=field) from None
    item = SetItem(
        id=key,
        study=study,
        labels=labels,
        report_zh=(row.get("report_zh") or "").strip() or None,
        report_en=(row.get("report_en") or "").strip() or None,
        has_prior=row.get("has_prior") is True,
    )
    return str(row.get("patient", key)), item, str(row.get("split", ""))


def _draw(rows: Iterable[Any], patient: Callable[[Any], str], most: int, seed: int) -> list[Any]:
    """Rows of patients drawn by `seed` until there are `most`, in the set's order."""
    groups: dict[str, list[tuple[int, Any]]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(patient(row), []).append((place, row))
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    taken = [group for key in order for group in groups[key]][:most]
    return [row for _, row in sorted(taken, key=lambda one: one[0])]


def _files(study: Path) -> list[Path]:
    if study.is_file():
        return [study]
    return sorted(path for path in study.rglob("*") if path.is_file())


def _missing(card: CardFile, needs: str, data: Path) -> EvalError:
    return EvalError("eval_set_data_missing", file=str(data), name=card.name, needs=needs)
