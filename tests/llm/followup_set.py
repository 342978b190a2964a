"""The question set, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from radraft.reports.people import typed_person
from radraft.reports.values import Origin, Report, Sentence, SignedReport, both

FILES = ("followup_questions.yaml", "followup_details.yaml")


@dataclass(frozen=True)
class Question:
    text: str
    cites: frozenset[str]
    history: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    name: str
    split: str
    report: Report
    questions: tuple[Question, ...]


def cases() -> tuple[Case, ...]:
    found = []
    for item in _reports():
        findings, impression = (
            tuple(
                Sentence(key, both(zh, en, Origin.PERSON)) for key, (zh, en) in item[part].items()
            )
            for part in ("findings", "impression")
        )
        questions = tuple(
            Question(q["q"], frozenset(q["cites"]), tuple(map(tuple, q.get("history", ()))))
            for q in item["questions"]
        )
        report = Report(f"c-{item['id']}", findings, impression)
        found.append(Case(item["id"], item["split"], report, questions))
    return tuple(found)


def _reports() -> Iterator[dict[str, Any]]:
    for name in FILES:
        text = Path(__file__).with_name(name).read_text(encoding="utf-8")
        yield from yaml.safe_load(text)["reports"]


def case(name: str) -> Case:
    return next(item for item in cases() if item.name == name)


def signed(report: Report) -> SignedReport:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    return SignedReport(
        report.case_id, 1, report, None, typed_person("r1"), None, at, (), None, "0" * 64
    )


def with_sentence(report: Report, sentence: Sentence) -> Report:
    return replace(report, findings=(*report.findings, sentence))
