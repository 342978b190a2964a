"""Follow-up questions and their answers, kept with the case."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.reports.characters import require_visible
from radraft.reports.people import Person, known_person
from radraft.store import faults
from radraft.store.cases import get_case
from radraft.store.sql import chunks
from radraft.store.tables import CaseRow, TurnRow


class SourceRole(StrEnum):
    """What a part of a report is to an answer."""

    QUOTED = "quoted"
    RELATED = "related"
    """It stands near the question and does not answer it."""
    SIZE = "size"


@dataclass(frozen=True)
class AnswerSource:
    """A part of a signed report that an answer shows, by ids alone: its text and day are read from
    the report, by whoever may see that."""

    role: SourceRole
    case_id: str
    version: int
    part: str
    """Id of a sentence, or the name of a field beside the text."""
    size: str = ""
    """Of the role SIZE: as the sentence writes it."""


@dataclass(frozen=True)
class AnswerBasis:
    """How a question was understood and what its answer rests on."""

    kind: str
    outcome: str
    polarity: str | None = None
    sources: tuple[AnswerSource, ...] = ()


@dataclass(frozen=True)
class Turn:
    """One question and its answer."""

    turn_id: int
    case_id: str
    question: str = field(repr=False)
    answer: str = field(repr=False)
    lang: str
    citations: tuple[str, ...]
    """Ids of the report sentences the answer rests on; empty for a refusal."""
    refused: bool
    nearest: tuple[str, ...]
    """Of a refusal: ids of the sentences nearest to the question, which do not answer it."""
    asked_by: Person
    asked_at: datetime
    version: int | None = None
    """The signed version it was answered from; None of turns of before that was kept."""
    basis: AnswerBasis | None = None
    """None of turns of before that was kept."""


def add_turn(
    session: Session,
    case_id: str,
    *,
    question: str,
    answer: str,
    lang: str,
    citations: tuple[str, ...],
    refused: bool,
    nearest: tuple[str, ...] = (),
    asked_by: Person,
    version: int | None = None,
    basis: AnswerBasis | None = None,
) -> Turn:
    """Keep one turn; a refusal has `nearest` and no `citations`.

    NotFound `case_not_found`; ReportError `character_refused` for a question that holds a character
    that cannot be seen.
    """
    require_visible(question, "question")
    get_case(session, case_id)
    row = TurnRow(
        case_id=case_id,
        question=question,
        answer=answer,
        lang=lang,
        # An answer has citations, a refusal the nearest sentences: `refused` tells which these are.
        citations=nearest if refused else citations,
        refused=refused,
        version=version,
        asked_by=asked_by.name,
        asked_by_account=asked_by.id,
        asked_at=datetime.now(UTC),
        **_columns(basis),
    )
    session.add(row)
    session.flush()
    return _turn(row)


def turns(session: Session, case_id: str) -> tuple[Turn, ...]:
    """The case's conversation, oldest first."""
    rows = session.scalars(
        select(TurnRow).where(TurnRow.case_id == case_id).order_by(TurnRow.turn_id)
    )
    return tuple(_turn(row) for row in rows)


def by_case(session: Session, turn_ids: Collection[int]) -> dict[str, tuple[Turn, ...]]:
    """Return these turns by their case, each case's oldest first."""
    found: dict[str, list[Turn]] = {}
    for some in chunks(sorted(turn_ids)):
        rows = session.scalars(
            select(TurnRow).where(TurnRow.turn_id.in_(some)).order_by(TurnRow.turn_id)
        )
        for row in rows:
            found.setdefault(row.case_id, []).append(_turn(row))
    return {case_id: tuple(turns) for case_id, turns in found.items()}


@dataclass(frozen=True, order=True)
class AskedCount:
    """How many questions of one sort were asked about one sort of examination in a month."""

    site: str
    month: str
    """`2026-05`, in UTC."""
    modality: str
    body_part: str
    kind: str
    """Empty of turns of before it was kept."""
    outcome: str
    """Empty of turns of before it was kept."""
    refused: bool
    questions: int


def counts(session: Session, site: str | None = None) -> tuple[AskedCount, ...]:
    """Return how much was asked at one site or all, without a word of it."""
    wanted = select(
        CaseRow.site,
        TurnRow.asked_at,
        CaseRow.modality,
        CaseRow.body_part,
        TurnRow.kind,
        TurnRow.outcome,
        TurnRow.refused,
    ).join(CaseRow, CaseRow.case_id == TurnRow.case_id)
    if site is not None:
        wanted = wanted.where(CaseRow.site == site)
    found = Counter(
        (of_site, f"{at:%Y-%m}", modality, part, kind or "", outcome or "", refused)
        for of_site, at, modality, part, kind, outcome, refused in session.execute(wanted)
    )
    return tuple(sorted(AskedCount(*sort, number) for sort, number in found.items()))


def _columns(basis: AnswerBasis | None) -> dict[str, str | None]:
    if basis is None:
        return {}
    return {
        "kind": basis.kind,
        "outcome": basis.outcome,
        "polarity": basis.polarity,
        "sources": canonical.dumps(basis.sources),
    }


def _basis(row: TurnRow) -> AnswerBasis | None:
    if row.outcome is None or row.kind is None:
        return None
    with faults.decoding("turns", str(row.turn_id)):
        sources = tuple(
            AnswerSource(**entry | {"role": SourceRole(entry["role"])})
            for entry in json.loads(row.sources or "[]")
        )
    return AnswerBasis(row.kind, row.outcome, row.polarity, sources)


def _turn(row: TurnRow) -> Turn:
    return Turn(
        turn_id=row.turn_id,
        case_id=row.case_id,
        question=row.question,
        answer=row.answer,
        lang=row.lang,
        citations=() if row.refused else row.citations,
        refused=row.refused,
        nearest=row.citations if row.refused else (),
        asked_by=known_person(row.asked_by, row.asked_by_account),
        asked_at=row.asked_at,
        version=row.version,
        basis=_basis(row),
    )
