"""Question and report files (JSON lines) in, a checked `QuestionSet` out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from radraft.core.errors import EvalError
from radraft.eval import json_lines
from radraft.eval.asking.values import AskedReport, Injection, Question, QuestionSet


@dataclass(frozen=True)
class _Notes:
    """What stands in a report's line and is not part of the report."""

    injections: tuple[Injection, ...] = ()


def read_question_set(questions: Path, reports: Path) -> QuestionSet:
    """Return the questions with the reports that they are about.

    EvalError `eval_file_missing`, `eval_not_utf8`, `eval_bad_json`, `eval_duplicate_key`,
    `eval_not_object`, `eval_ask_bad_line`, `eval_duplicate_id`, `eval_no_reports`, or
    `eval_ask_unknown_report` for a question or a list of priors that names a report which is not
    there. None of them quotes a line: one half of a set may be kept from whoever reads the message.
    """
    known: dict[str, AskedReport] = {}
    orders: dict[str, tuple[Injection, ...]] = {}
    for line, value in _lines(reports):
        report = _checked(_REPORT, value, line, reports)
        _once(report.id, known, line, reports)
        known[report.id] = report
        orders[report.id] = _checked(_NOTES, value, line, reports).injections
    asked: dict[str, Question] = {}
    for line, value in _lines(questions):
        question = _checked(_QUESTION, value, line, questions)
        _once(question.id, asked, line, questions)
        asked[question.id] = question
        _there(question.report, known, line, questions)
        for alternative in question.cites + question.related:
            for citation in alternative:
                _there(citation.partition("/")[0], known, line, questions)
    for report in known.values():
        for prior in report.priors:
            _there(prior, known, 0, reports)
    if not asked or not known:
        raise EvalError("eval_no_reports", file=str(reports if asked else questions))
    digest = hashlib.sha256(questions.read_bytes() + b"\0" + reports.read_bytes()).hexdigest()
    return QuestionSet(tuple(asked.values()), known, orders, digest)


_Shape = TypeVar("_Shape")
_QUESTION = TypeAdapter(Question)
_REPORT = TypeAdapter(AskedReport)
_NOTES = TypeAdapter(_Notes)


def _checked(shape: TypeAdapter[_Shape], value: dict[str, Any], line: int, path: Path) -> _Shape:
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        field = ".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "-"
    raise EvalError("eval_ask_bad_line", file=str(path), line=line, field=field)


def _once(key: str, known: dict[str, Any], line: int, path: Path) -> None:
    if key in known:
        first = list(known).index(key) + 1
        raise EvalError("eval_duplicate_id", file=str(path), line=line, id=key, first=first)


def _there(report: str, known: dict[str, AskedReport], line: int, path: Path) -> None:
    if report not in known:
        raise EvalError("eval_ask_unknown_report", file=str(path), line=line, id=report)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, _, raw in json_lines.lines(path):
        yield line, json_lines.entry(raw, line, path)
