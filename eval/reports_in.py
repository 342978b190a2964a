"""Reports as people have them (files, frames, lists) as texts by study."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from radraft.core.errors import EvalError
from radraft.eval import json_lines
from radraft.eval.drafts_file import draft_text, is_draft
from radraft.eval.pairs import is_in
from radraft.eval.values import NOTHING
from radraft.reports.values import Lang

if TYPE_CHECKING:
    import pandas as pd

Texts: TypeAlias = dict[str, list[str]]
"""Texts of each study by its id, in order; more than one where a study has several references."""
Reports: TypeAlias = (
    "str | Path | pd.DataFrame | Mapping[str, str | Sequence[str]] | Sequence[str | Sequence[str]]"
)
"""A CSV or JSONL file; a frame; texts by id; or texts alone, whose ids are their places. A study
with several references has a row for each, or a list of them."""


def texts_of(reports: Reports, lang: Lang, name: str) -> Texts:
    """Return the reports' texts in `lang`; `name` is what an error calls them.

    EvalError `eval_bad_id`, `eval_wrong_type`, `eval_no_report`, `eval_two_reports`,
    `eval_empty_report`, `eval_wrong_language`, `eval_no_reports`, and those of `eval.json_lines`.
    """
    found: Texts = {}
    for line, key, given in _rows(reports, lang, name):
        found.setdefault(key, []).extend(_checked(text, line, key, name) for text in given)
    if not found:
        raise EvalError("eval_no_reports", file=name)
    foreign = [
        key
        for key, texts in found.items()
        if not all(text == NOTHING or is_in(text, lang) for text in texts)
    ]
    if foreign:
        raise EvalError(
            "eval_wrong_language",
            file=name,
            lang=lang,
            count=len(foreign),
            examples=", ".join(map(json_lines.shown, foreign[:3])),
        )
    return found


def _rows(reports: Reports, lang: Lang, name: str) -> Iterator[tuple[int, str, Sequence[object]]]:
    """Yield (row from 1, id, texts)."""
    if isinstance(reports, str | Path):
        path = Path(reports)
        entries = _csv(path) if path.suffix.lower() == ".csv" else _jsonl(path)
    elif isinstance(reports, Mapping):
        for row, (key, texts) in enumerate(reports.items(), start=1):
            yield row, _key(key, row, name), _several(texts)
        return
    elif hasattr(reports, "to_dict"):
        frame: Any = reports
        if "id" not in frame.columns:
            frame = frame.rename_axis("id").reset_index()
        entries = enumerate(frame.to_dict("records"), start=1)
    else:
        for row, texts in enumerate(reports, start=1):
            yield row, str(row - 1), _several(texts)
        return
    for row, entry in entries:
        key = _key(entry.get("id"), row, name)
        yield row, key, [_text(entry, lang, row, key, name)]


def _several(texts: object) -> Sequence[object]:
    return texts if isinstance(texts, list | tuple) else (texts,)


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for entry in reader:
                yield reader.line_num, dict(entry)
    except UnicodeDecodeError:
        raise EvalError("eval_not_utf8", file=str(path), line=1) from None
    except (OSError, csv.Error):
        raise EvalError("eval_file_missing", file=str(path)) from None


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, _, raw in json_lines.lines(path):
        yield line, json_lines.entry(raw, line, path)


def _key(key: object, row: int, name: str) -> str:
    text = key if isinstance(key, str) else "" if key is None or key != key else str(key)
    if not text.strip() or not text.isprintable():
        raise EvalError("eval_bad_id", file=name, line=row)
    return text


def _text(entry: Mapping[str, Any], lang: Lang, row: int, key: str, name: str) -> object:
    if is_draft(entry):
        return draft_text(entry, lang)
    where: dict[str, Any] = {"file": name, "line": row, "id": json_lines.shown(key)}
    # What a frame holds where nothing is, a NaN, is not equal to itself.
    given = {
        field: value
        for field in ("report", "findings", "impression")
        if (value := entry.get(field)) is not None and value == value
    }
    if not given:
        raise EvalError("eval_no_report", **where)
    for field, value in given.items():
        if not isinstance(value, str):
            raise EvalError("eval_wrong_type", field=field, **where)
    if given.get("report") and len([value for value in given.values() if value.strip()]) > 1:
        raise EvalError("eval_two_reports", **where)
    return "\n".join(text.strip() for text in given.values() if text.strip())


def _checked(text: object, row: int, key: str, name: str) -> str:
    where: dict[str, Any] = {"file": name, "line": row, "id": json_lines.shown(key)}
    if not isinstance(text, str):
        raise EvalError("eval_wrong_type", field="report", **where)
    if not text.strip():
        raise EvalError("eval_empty_report", **where)
    # What UTF-8 cannot hold has no hash either.
    return text.strip().encode("utf-8", "replace").decode("utf-8")
