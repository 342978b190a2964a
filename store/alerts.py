"""Critical-value alerts: each move is one appended event and the state after it, or neither.

Whoever moves an alert holds its row, so of two at once one waits and then sees what the other did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select, true
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import NotFound, StorageDamaged
from radraft.reports import alerts as rules
from radraft.reports.alerts import (
    OPEN_STATES,
    Alert,
    AlertEvent,
    AlertMove,
    AlertState,
    AlertStep,
    Channel,
)
from radraft.reports.critical import AlertTerms, CriticalFinding
from radraft.reports.people import Actor, ActorRole, known_person
from radraft.reports.values import Certainty, Laterality
from radraft.store import cases, faults
from radraft.store.sql import chunks, insert_new, storable
from radraft.store.tables import AlertEventRow, AlertRow, CriticalDraftRow, WorklistEntryRow

_OPEN = tuple(state.value for state in OPEN_STATES)
_CLOSED = tuple(state.value for state in AlertState if state not in OPEN_STATES)


@dataclass(frozen=True)
class AlertRecord:
    """An alert with everything that was done about it."""

    alert: Alert
    events: tuple[AlertEvent, ...]
    """First to last."""

    def last(self, move: AlertMove) -> AlertEvent | None:
        """Return the last event of a kind; None where there is none."""
        return next((event for event in reversed(self.events) if event.move is move), None)


@dataclass(frozen=True)
class Alarms:
    """What moves a case to the head of the worklist."""

    alerts: tuple[Alert, ...]
    """Open ones: most escalated first, then by deadline."""
    critical_drafts: Mapping[str, tuple[str, ...]]
    """By case id: codes that a draft states and no person has seen to yet, newest draft first."""
    unreadable: tuple[str, ...]
    """Ids of open alerts that cannot be read."""


@dataclass(frozen=True)
class AlertList:
    """Alerts as a page lists them: one that is damaged hides no other."""

    records: tuple[AlertRecord, ...]
    unreadable: tuple[str, ...]
    """Ids of those that cannot be read."""


@dataclass(frozen=True)
class AlertCounts:
    """How many alerts a site has."""

    open: int
    untold: int
    """Of the open ones, those of which nobody was notified yet."""
    escalated: int
    """Of the open ones, those whose time has passed and that went to the next level."""
    gone: int
    """Of the open ones, those whose finding left the report."""


def update(
    session: Session,
    case_id: str,
    found: Sequence[CriticalFinding],
    *,
    actor: Actor,
    now: datetime,
) -> tuple[Alert, ...]:
    """Bring a case's alerts to what its report states, in the transaction that saves or signs it;
    all alerts of the case as they stand then.

    The same report again changes nothing. What a draft was marked for is settled by it.
    """
    # The case first, as whoever saves has it: two that open the same alert queue here.
    cases.lock(session, case_id)
    site = cases.get_case(session, case_id).site
    held = _held(session, case_id)
    changes = rules.reconcile(list(held.values()), found)
    for finding, side in changes.new:
        alert, event = rules.opened(finding, side, case_id=case_id, site=site, actor=actor, now=now)
        if insert_new(session, AlertRow, **_columns(alert)):
            _append(session, alert.alert_id, event)
    for alert in changes.gone:
        _keep(session, *rules.left(alert, actor=actor, now=now))
    for alert, finding in changes.back:
        _keep(session, *rules.returned(alert, finding, actor=actor, now=now))
    unmark_draft(session, case_id)
    session.flush()
    return tuple(_held(session, case_id).values())


def move(
    session: Session,
    alert_id: str,
    step: AlertStep,
    *,
    actor: Actor,
    base_revision: int,
    now: datetime,
) -> Alert:
    """Take a person's step and record it. NotFound `alert_not_found`; ReportError as
    `reports.alerts.moved`, and `alert_changed` for the loser of two at once."""
    row = _locked(session, alert_id)
    if row is None:
        raise NotFound("alert_not_found", alert_id=alert_id)
    later, event = rules.moved(_alert(row), step, actor=actor, base_revision=base_revision, now=now)
    _keep(session, later, event)
    session.flush()
    return later


def escalate(session: Session, seen: Alert, now: datetime) -> Alert | None:
    """Tell the next level of an alert that was `seen` to be due; None where it is not any more:
    somebody moved it, or another process told that level."""
    row = _locked(session, seen.alert_id)
    if row is None:
        return None
    alert = _alert(row)
    if not alert.is_open or alert.due_at is None:
        return None
    if (alert.leg, alert.level) != (seen.leg, seen.level):
        return None
    later, event = rules.escalated(alert, now)
    _keep(session, later, event)
    session.flush()
    return later


def record(session: Session, alert_id: str) -> AlertRecord:
    """Return an alert with its events. NotFound `alert_not_found`."""
    row = session.get(AlertRow, alert_id)
    if row is None:
        raise NotFound("alert_not_found", alert_id=alert_id)
    return _records(session, [row])[0]


def of_case(session: Session, case_id: str) -> tuple[AlertRecord, ...]:
    """Return a case's alerts, oldest first, closed ones too."""
    rows = session.scalars(
        select(AlertRow)
        .where(AlertRow.case_id == case_id)
        .order_by(AlertRow.opened_at, AlertRow.alert_id)
    )
    return _records(session, rows.all())


def open_alerts(session: Session, site: str | None = None) -> tuple[AlertRecord, ...]:
    """Return all open alerts, of one site or of all: most escalated first, then by deadline."""
    wanted = select(AlertRow).where(AlertRow.state.in_(_OPEN))
    if site is not None:
        wanted = wanted.where(AlertRow.site == site)
    rows = session.scalars(
        wanted.order_by(AlertRow.level.desc(), AlertRow.deadline_at, AlertRow.alert_id)
    )
    return _records(session, rows.all())


def alarms(session: Session, sites: frozenset[str] | None = None) -> Alarms:
    """Return what there is now at `sites`, None for all. A damaged row hides no other."""
    listed = listed_open(session, sites)
    return Alarms(
        alerts=tuple(record.alert for record in listed.records),
        critical_drafts=_marked_drafts(session, sites),
        unreadable=listed.unreadable,
    )


def listed_open(session: Session, sites: frozenset[str] | None = None) -> AlertList:
    """Return the open alerts of `sites`, and of the studies that are read there for others, None
    for all, as `open_alerts` orders them."""
    here = _at(sites)
    if sites is not None:
        read = select(WorklistEntryRow.case_id).where(WorklistEntryRow.reading_site.in_(sites))
        here = or_(here, AlertRow.case_id.in_(read))
    # One whose state is damaged may be open.
    wanted = select(AlertRow.alert_id).where(AlertRow.state.not_in(_CLOSED), here)
    ids = wanted.order_by(AlertRow.level.desc(), AlertRow.deadline_at, AlertRow.alert_id)
    return _listed(session, session.scalars(ids).all())


def listed_register(
    session: Session, since: datetime, until: datetime, sites: frozenset[str] | None = None
) -> AlertList:
    """Return the alerts of `sites`, None for all, opened from `since` to before `until`, oldest
    first."""
    wanted = select(AlertRow.alert_id).where(
        AlertRow.opened_at >= since, AlertRow.opened_at < until, _at(sites)
    )
    ids = wanted.order_by(AlertRow.opened_at, AlertRow.alert_id)
    return _listed(session, session.scalars(ids).all())


def listed_case(session: Session, case_id: str) -> AlertList:
    """Return a case's alerts, oldest first, closed ones too."""
    wanted = select(AlertRow.alert_id).where(AlertRow.case_id == case_id)
    return _listed(
        session, session.scalars(wanted.order_by(AlertRow.opened_at, AlertRow.alert_id)).all()
    )


def register(
    session: Session, since: datetime, until: datetime, site: str | None = None
) -> tuple[AlertRecord, ...]:
    """Return the alerts that were opened from `since` to before `until`, oldest first."""
    wanted = select(AlertRow).where(AlertRow.opened_at >= since, AlertRow.opened_at < until)
    if site is not None:
        wanted = wanted.where(AlertRow.site == site)
    rows = session.scalars(wanted.order_by(AlertRow.opened_at, AlertRow.alert_id))
    return _records(session, rows.all())


def counts(session: Session, site: str | None = None) -> AlertCounts:
    """Return how many alerts are open, and what they wait for."""
    untold = [state.value for state in rules.UNTOLD_STATES]
    wanted = select(
        func.count(),
        func.count().filter(AlertRow.state.in_(untold)),
        func.count().filter(AlertRow.level > 0),
        func.count().filter(AlertRow.in_report.is_(False)),
    ).where(AlertRow.state.in_(_OPEN))
    if site is not None:
        wanted = wanted.where(AlertRow.site == site)
    return AlertCounts(*session.execute(wanted).one())


def waiting(session: Session) -> tuple[Alert, ...]:
    """Return the open alerts of which a next level can be told, by deadline."""
    rows = session.scalars(
        select(AlertRow)
        .where(AlertRow.state.in_(_OPEN), AlertRow.due_at.is_not(None))
        .order_by(AlertRow.due_at, AlertRow.alert_id)
    )
    return tuple(map(_alert, rows))


def mark_draft(session: Session, case_id: str, findings: Collection[str], now: datetime) -> None:
    """Note which critical findings the newest draft of a case states, but those that there is an
    alert of already; none takes the mark away."""
    unmark_draft(session, case_id)
    known = set(session.scalars(select(AlertRow.finding).where(AlertRow.case_id == case_id)))
    new = tuple(finding for finding in findings if finding not in known)
    if new:
        session.add(CriticalDraftRow(case_id=case_id, findings=new, marked_at=now))
        session.flush()


def unmark_draft(session: Session, case_id: str) -> None:
    """Take the mark of a case's draft away: a person has seen to it."""
    session.execute(
        delete(CriticalDraftRow)
        .where(CriticalDraftRow.case_id == case_id)
        .execution_options(synchronize_session="fetch")
    )


def critical_cases(session: Session, case_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return those of the cases that have an open alert or a draft with a critical finding, with
    the codes of these findings."""
    wanted = tuple(case_ids)
    found: dict[str, list[str]] = {}
    for case_id, finding in session.execute(
        select(AlertRow.case_id, AlertRow.finding)
        .where(AlertRow.case_id.in_(wanted), AlertRow.state.in_(_OPEN))
        .order_by(AlertRow.opened_at, AlertRow.alert_id)
    ):
        found.setdefault(case_id, []).append(finding)
    for case_id, findings in session.execute(
        select(CriticalDraftRow.case_id, CriticalDraftRow.findings).where(
            CriticalDraftRow.case_id.in_(wanted)
        )
    ):
        found.setdefault(case_id, []).extend(findings)
    return {case_id: tuple(dict.fromkeys(codes)) for case_id, codes in found.items()}


def _listed(session: Session, ids: Sequence[str]) -> AlertList:
    records: dict[str, AlertRecord] = {}
    for chunk in chunks(ids):
        records |= _read(session, chunk)
    return AlertList(
        records=tuple(records[alert_id] for alert_id in ids if alert_id in records),
        unreadable=tuple(alert_id for alert_id in ids if alert_id not in records),
    )


def _read(session: Session, ids: Sequence[str]) -> dict[str, AlertRecord]:
    """Those that can be read: all at once, and one by one only where something is damaged."""
    try:
        rows = session.scalars(select(AlertRow).where(AlertRow.alert_id.in_(ids)))
        return {record.alert.alert_id: record for record in _records(session, rows.all())}
    except StorageDamaged:
        if len(ids) == 1:
            return {}
    found: dict[str, AlertRecord] = {}
    for alert_id in ids:
        found |= _read(session, (alert_id,))
    return found


def _marked_drafts(session: Session, sites: frozenset[str] | None) -> dict[str, tuple[str, ...]]:
    """The marks at `sites`, newest first: read at once, and one by one only where something is
    damaged."""
    newest = (CriticalDraftRow.marked_at.desc(), CriticalDraftRow.case_id)
    wanted = select(CriticalDraftRow.case_id).order_by(*newest)
    if sites is not None:
        entry = WorklistEntryRow
        wanted = wanted.join(entry, entry.case_id == CriticalDraftRow.case_id)
        wanted = wanted.where(or_(entry.site.in_(sites), entry.reading_site.in_(sites)))
    with suppress(StorageDamaged):
        marks = session.execute(wanted.add_columns(CriticalDraftRow.findings))
        return {row[0]: row[1] for row in marks.all()}
    marked = session.scalars(wanted).all()
    return {case_id: marked_draft(session, case_id) for case_id in marked}


def marked_draft(session: Session, case_id: str) -> tuple[str, ...]:
    """Return what a case's newest draft is marked for; nothing where it is not, or where the mark
    cannot be read."""
    with suppress(StorageDamaged):
        row = session.get(CriticalDraftRow, case_id)
        return () if row is None else row.findings
    return ()


def _held(session: Session, case_id: str) -> dict[str, Alert]:
    """A case's alerts, held until the transaction ends."""
    rows = session.scalars(
        select(AlertRow)
        .where(AlertRow.case_id == case_id)
        .order_by(AlertRow.alert_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.alert_id: _alert(row) for row in rows}


def _at(sites: frozenset[str] | None) -> ColumnElement[bool]:
    """Whether an alert is of one of the sites; None: of any."""
    return true() if sites is None else AlertRow.site.in_(sites)


def _locked(session: Session, alert_id: str) -> AlertRow | None:
    return session.get(AlertRow, alert_id, with_for_update=True, populate_existing=True)


def _keep(session: Session, later: Alert, event: AlertEvent) -> None:
    row = session.get_one(AlertRow, later.alert_id)
    for name, value in _columns(later).items():
        setattr(row, name, value)
    _append(session, later.alert_id, event)


def _append(session: Session, alert_id: str, event: AlertEvent) -> None:
    session.add(
        AlertEventRow(
            alert_id=alert_id,
            sequence=event.sequence,
            move=event.move.value,
            state=event.state.value,
            actor=event.actor.who.name,
            actor_account=event.actor.who.id,
            role=event.actor.role.value,
            site=event.actor.site,
            at=event.at,
            text=storable(event.text),
            recipient=storable(event.recipient),
            channel=event.channel.value if event.channel else None,
            level=event.level,
        )
    )


def _columns(alert: Alert) -> dict[str, object]:
    return {
        "alert_id": alert.alert_id,
        "case_id": alert.case_id,
        "site": alert.site,
        "finding": alert.finding,
        "side": alert.side.value if alert.side else "",
        "certainty": alert.certainty.value,
        "state": alert.state.value,
        "in_report": alert.in_report,
        "revision": alert.revision,
        "sequence": alert.sequence,
        "leg": alert.leg,
        "level": alert.level,
        "opened_at": alert.opened_at,
        "deadline_at": alert.deadline_at,
        "due_at": alert.due_at,
        "finder": alert.finder.name,
        "finder_account": alert.finder.id,
        "terms": canonical.dumps_plain(alert.terms.model_dump(mode="json")),
    }


def _alert(row: AlertRow) -> Alert:
    with faults.decoding("alerts", row.alert_id):
        return Alert(
            alert_id=row.alert_id,
            case_id=row.case_id,
            site=row.site,
            finding=row.finding,
            side=Laterality(row.side) if row.side else None,
            certainty=Certainty(row.certainty),
            state=AlertState(row.state),
            in_report=row.in_report,
            revision=row.revision,
            sequence=row.sequence,
            leg=row.leg,
            level=row.level,
            opened_at=row.opened_at,
            deadline_at=row.deadline_at,
            due_at=row.due_at,
            finder=known_person(row.finder, row.finder_account),
            terms=AlertTerms.model_validate_json(row.terms),
        )


def _event(row: AlertEventRow) -> AlertEvent:
    with faults.decoding("alert_events", row.alert_id):
        return AlertEvent(
            sequence=row.sequence,
            move=AlertMove(row.move),
            state=AlertState(row.state),
            actor=Actor(known_person(row.actor, row.actor_account), ActorRole(row.role), row.site),
            at=row.at,
            text=row.text,
            recipient=row.recipient,
            channel=Channel(row.channel) if row.channel else None,
            level=row.level,
        )


def _records(session: Session, rows: Sequence[AlertRow]) -> tuple[AlertRecord, ...]:
    events: dict[str, list[AlertEvent]] = {row.alert_id: [] for row in rows}
    for row in session.scalars(
        select(AlertEventRow)
        .where(AlertEventRow.alert_id.in_(list(events)))
        .order_by(AlertEventRow.alert_id, AlertEventRow.sequence)
    ):
        events[row.alert_id].append(_event(row))
    return tuple(AlertRecord(_alert(row), tuple(events[row.alert_id])) for row in rows)
