"""Reading for other sites: the rules of each site, and whose readers a study is for.

A changed set of rules is a new row, and so is each decision; the newest counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, true, update
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import ReportError, StorageDamaged
from radraft.reports.people import Person, known_person
from radraft.reports.reading_rule import ReadingRule
from radraft.store import faults
from radraft.store.sql import insert_new
from radraft.store.tables import (
    AlertRow,
    CaseRow,
    KeyImageRow,
    OpeningRow,
    ReadingAssignmentRow,
    ReadingRulesRow,
    SignedRow,
    WorklistEntryRow,
)
from radraft.store.values import CaseState
from radraft.studies.values import StudyPriority

UNSET = 0
"""Number of the rules of a site at which nobody set any."""
HOME = ""
"""Reading site of a study that its own site reads."""
_LAST = (
    select(func.max(ReadingAssignmentRow.number))
    .where(ReadingAssignmentRow.case_id == CaseRow.case_id)
    .correlate(CaseRow)
    .scalar_subquery()
)


@dataclass(frozen=True)
class SetRules:
    """A site's rules as somebody set them."""

    site: str
    rules: tuple[ReadingRule, ...]
    number: int
    """1 for a site's first; `UNSET` where nobody set any."""
    by: Person | None
    at: datetime | None
    damaged: bool = False
    """What is stored cannot be read: it sends no study away, and waits for other rules."""


@dataclass(frozen=True)
class Assignment:
    """Whose readers a study is for, and by which rule."""

    case_id: str
    number: int
    """From 1."""
    reading_site: str
    """`HOME` where it came back to its own site."""
    rules_number: int
    rule: int
    """Which of those rules, from 1; 0: none."""
    at: datetime


@dataclass(frozen=True)
class Unread:
    """A study that nobody has begun to read."""

    case_id: str
    modality: str
    priority: StudyPriority
    reading_site: str
    rules_number: int
    """Of the rules by which that was decided; `UNSET` where nothing was."""


@dataclass(frozen=True)
class Queue:
    """What of a site is read at one place, itself or another."""

    site: str
    reading_site: str
    """The site itself where its own people read."""
    waiting: int
    """Without a signature, whether or not somebody has begun."""
    oldest: datetime | None
    """When the longest waiting of them came."""
    signed: int
    """Signed for the first time since the moment that was asked for,"""
    median_minutes: float | None
    """and how long half of them took at most from coming in to that."""


def queues(session: Session, since: datetime) -> tuple[Queue, ...]:
    """Return what waits and what was signed for the first time since then, by site and by who reads
    it."""
    place = case(
        (WorklistEntryRow.reading_site == HOME, WorklistEntryRow.site),
        else_=WorklistEntryRow.reading_site,
    )
    waiting = {
        (row[0], row[1]): (row[2], row[3])
        for row in session.execute(
            select(
                WorklistEntryRow.site,
                place,
                func.count(),
                func.min(WorklistEntryRow.received_at),
            )
            .where(WorklistEntryRow.signed.is_(False), WorklistEntryRow.once_signed.is_(False))
            .group_by(WorklistEntryRow.site, place)
        )
    }
    minutes: dict[tuple[str, str], list[float]] = {}
    signed = (
        select(WorklistEntryRow.site, place, WorklistEntryRow.received_at, SignedRow.signed_at)
        .join(SignedRow, SignedRow.case_id == WorklistEntryRow.case_id)
        .where(SignedRow.version == 1, SignedRow.signed_at >= since)
    )
    for site, reads, received_at, signed_at in session.execute(signed):
        took = (signed_at - received_at).total_seconds() / 60
        minutes.setdefault((site, reads), []).append(took)
    found = []
    for pair in sorted(waiting.keys() | minutes.keys()):
        site, reads = pair
        count, oldest = waiting.get(pair, (0, None))
        took_each = minutes.get(pair, [])
        middle = median(took_each) if took_each else None
        found.append(Queue(site, reads, count, oldest, len(took_each), middle))
    return tuple(found)


def of_site(session: Session, site: str) -> SetRules:
    """Return the rules that hold at a site. StorageDamaged."""
    newest = _read(session, site, newest_alone=True)
    return newest[0] if newest else SetRules(site, (), UNSET, None, None)


def or_damaged(session: Session, site: str) -> SetRules:
    """Return the rules that hold at a site; where they cannot be read, that they are damaged."""
    try:
        return of_site(session, site)
    except StorageDamaged:
        return SetRules(site, (), _newest(session, site), None, None, damaged=True)


def history(session: Session, site: str) -> tuple[SetRules, ...]:
    """Return all sets of rules that held at a site, newest first."""
    return _read(session, site, newest_alone=False)


def ruled_sites(session: Session) -> tuple[str, ...]:
    """Return the sites at which somebody set rules."""
    return tuple(session.scalars(select(ReadingRulesRow.site).distinct()))


def change(
    session: Session,
    site: str,
    rules: tuple[ReadingRule, ...],
    *,
    base_number: int,
    by: Person,
    now: datetime,
) -> SetRules:
    """Make `rules` what holds at a site from now on.

    ReportError `reading_rules_changed_meanwhile` where `base_number` is not the number of those
    that held: of two who change them at once one does. Those that held may be damaged.
    """
    if _newest(session, site) != base_number or not insert_new(
        session,
        ReadingRulesRow,
        site=site,
        number=base_number + 1,
        rules=canonical.dumps(rules),
        by=by.name,
        by_account=by.id,
        at=now,
    ):
        raise ReportError("reading_rules_changed_meanwhile")
    return of_site(session, site)


def unread(session: Session, site: str, case_id: str | None = None) -> tuple[Unread, ...]:
    """Return the studies of a site that nobody has touched or opened since it was decided who
    reads them, newest first; of `case_id` that one, or none."""
    last_at = (
        select(func.max(ReadingAssignmentRow.at))
        .where(ReadingAssignmentRow.case_id == WorklistEntryRow.case_id)
        .correlate(WorklistEntryRow)
        .scalar_subquery()
    )
    last_rules = (
        select(ReadingAssignmentRow.rules_number)
        .where(ReadingAssignmentRow.case_id == WorklistEntryRow.case_id)
        .order_by(ReadingAssignmentRow.number.desc())
        .limit(1)
        .correlate(WorklistEntryRow)
        .scalar_subquery()
    )
    opened = (
        select(OpeningRow.opening_id)
        .where(OpeningRow.case_id == WorklistEntryRow.case_id)
        .where(or_(last_at.is_(None), OpeningRow.opened_at >= last_at))
        .exists()
    )
    rows = session.execute(
        select(
            WorklistEntryRow.case_id,
            WorklistEntryRow.modality,
            WorklistEntryRow.priority,
            WorklistEntryRow.reading_site,
            func.coalesce(last_rules, UNSET),
        )
        .where(*_waiting(site), ~opened)
        .where(true() if case_id is None else WorklistEntryRow.case_id == case_id)
        .order_by(WorklistEntryRow.received_at.desc(), WorklistEntryRow.case_id.desc())
    )
    found = []
    for unread_id, modality, priority, reading_site, decided_by in rows:
        with faults.decoding("worklist_entries", unread_id):
            study_priority = StudyPriority(priority)
        found.append(Unread(unread_id, modality, study_priority, reading_site, decided_by))
    return tuple(found)


def waiting_at_home(session: Session, site: str) -> int:
    """Return how many studies of a site wait to be read there."""
    wanted = select(func.count()).select_from(WorklistEntryRow)
    return session.scalar(wanted.where(*_waiting(site), WorklistEntryRow.reading_site == HOME)) or 0


def assign(
    session: Session,
    case_id: str,
    reading_site: str,
    *,
    rules_number: int,
    rule: int,
    now: datetime,
) -> Assignment:
    """Keep whose readers a study is for; the caller holds its case (`cases.lock`). What is so
    already is not written again."""
    before = of_case(session, case_id)
    if before is not None and (before.reading_site, before.rules_number) == (
        reading_site,
        rules_number,
    ):
        return before
    number = 1 if before is None else before.number + 1
    row = ReadingAssignmentRow(
        case_id=case_id,
        number=number,
        reading_site=reading_site,
        rules_number=rules_number,
        rule=rule,
        at=now,
    )
    session.add(row)
    session.flush()
    session.execute(
        update(WorklistEntryRow)
        .where(WorklistEntryRow.case_id == case_id)
        .values(reading_site=reading_site)
        .execution_options(synchronize_session=False)
    )
    return Assignment(case_id, number, reading_site, rules_number, rule, now)


def of_case(session: Session, case_id: str) -> Assignment | None:
    """Return whose readers a study is for; None where that was never decided."""
    row = session.scalar(
        select(ReadingAssignmentRow)
        .where(ReadingAssignmentRow.case_id == case_id)
        .order_by(ReadingAssignmentRow.number.desc())
        .limit(1)
    )
    if row is None:
        return None
    return Assignment(row.case_id, row.number, row.reading_site, row.rules_number, row.rule, row.at)


def readings_of_case(session: Session, case_id: str) -> frozenset[tuple[str, str]]:
    """Return the site of a case and the other site that reads it; none where no other does."""
    return _readings(session, CaseRow.case_id == case_id)


def readings_of_image(session: Session, image_id: str) -> frozenset[tuple[str, str]]:
    """Return the same of all cases that have the key image."""
    cases = select(KeyImageRow.case_id).where(KeyImageRow.image_id == image_id)
    return _readings(session, CaseRow.case_id.in_(cases))


def readings_of_alert(session: Session, alert_id: str) -> frozenset[tuple[str, str]]:
    """Return the same of the case that an alert is of."""
    cases = select(AlertRow.case_id).where(AlertRow.alert_id == alert_id)
    return _readings(session, CaseRow.case_id.in_(cases))


def _readings(session: Session, which: ColumnElement[bool]) -> frozenset[tuple[str, str]]:
    rows = session.execute(
        select(CaseRow.site, ReadingAssignmentRow.reading_site)
        .join(ReadingAssignmentRow, ReadingAssignmentRow.case_id == CaseRow.case_id)
        .where(which, ReadingAssignmentRow.number == _LAST)
        .where(ReadingAssignmentRow.reading_site != HOME)
    )
    return frozenset((row[0], row[1]) for row in rows)


def _waiting(site: str) -> tuple[ColumnElement[bool], ...]:
    """Of a site, never signed, and no person has touched its report."""
    return (
        WorklistEntryRow.site == site,
        WorklistEntryRow.signed.is_(False),
        WorklistEntryRow.once_signed.is_(False),
        WorklistEntryRow.phase.in_([state.value for state in CaseState]),
    )


def _newest(session: Session, site: str) -> int:
    """Return the number of the rules that hold, whatever they say."""
    wanted = select(func.max(ReadingRulesRow.number)).where(ReadingRulesRow.site == site)
    return session.scalar(wanted) or UNSET


def _read(session: Session, site: str, *, newest_alone: bool) -> tuple[SetRules, ...]:
    wanted = (
        select(ReadingRulesRow)
        .where(ReadingRulesRow.site == site)
        .order_by(ReadingRulesRow.number.desc())
    )
    rows = session.scalars(wanted.limit(1) if newest_alone else wanted)
    with faults.decoding("reading_rules", site):
        return tuple(
            SetRules(
                site=row.site,
                rules=tuple(map(_rule, json.loads(row.rules))),
                number=row.number,
                by=known_person(row.by, row.by_account),
                at=row.at,
            )
            for row in rows
        )


def _rule(plain: dict[str, Any]) -> ReadingRule:
    return ReadingRule(
        reading_site=plain["reading_site"],
        modalities=tuple(plain["modalities"]),
        weekdays=tuple(plain["weekdays"]),
        from_hour=plain["from_hour"],
        to_hour=plain["to_hour"],
        more_than=plain["more_than"],
        priorities=tuple(StudyPriority(priority) for priority in plain["priorities"]),
    )
