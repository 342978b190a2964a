"""Critical-value alerts with the examination and the patient they are about, for people to read."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, ReportError, StorageDamaged
from radraft.store import alerts, cases
from radraft.store.alerts import AlertList, AlertRecord

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store

LONGEST_DAYS = 366
"""Of a register: what a page and a spreadsheet still show."""


@dataclass(frozen=True)
class AlertEntry:
    """An alert, and what is known of its case; None where that cannot be read."""

    record: AlertRecord
    case: cases.Case | None
    identity: cases.Identity | None = field(repr=False)


@dataclass(frozen=True)
class AlertEntries:
    """What a page lists."""

    entries: tuple[AlertEntry, ...]
    unreadable: tuple[str, ...]
    """Ids of alerts that cannot be read."""
    in_draft: tuple[str, ...] = ()
    """Of one case: codes of critical findings in a draft that no person has seen to yet."""


@dataclass(frozen=True)
class Days:
    """Days of the hospital's clock, both counted. ReportError `alert_dates_invalid`."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse an order that is wrong, and more days than a register shows."""
        if not timedelta(0) <= self.last - self.first < timedelta(days=LONGEST_DAYS):
            raise ReportError("alert_dates_invalid", most=LONGEST_DAYS)

    @classmethod
    def named(cls, first: str, last: str) -> Days:
        """Return the days that are written as YYYY-MM-DD."""
        try:
            return cls(date.fromisoformat(first), date.fromisoformat(last))
        except ValueError:
            raise ReportError("alert_dates_invalid", most=LONGEST_DAYS) from None

    @property
    def since(self) -> datetime:
        """When the first day begins here."""
        return datetime.combine(self.first, time.min).astimezone()

    @property
    def until(self) -> datetime:
        """When the last day is over."""
        return datetime.combine(self.last + timedelta(days=1), time.min).astimezone()


def open_entries(store: Store, sites: frozenset[str] | None = None) -> AlertEntries:
    """Return the open alerts of `sites`, None for all: most escalated first, then by deadline."""
    with store.read() as session:
        return _entries(session, alerts.listed_open(session, sites))


def case_entries(store: Store, case_id: str) -> AlertEntries:
    """Return a case's alerts, oldest first, closed ones too. NotFound `case_not_found`."""
    with store.read() as session:
        cases.get_case(session, case_id)
        found = _entries(session, alerts.listed_case(session, case_id))
        return replace(found, in_draft=alerts.marked_draft(session, case_id))


def register_entries(store: Store, days: Days, sites: frozenset[str] | None = None) -> AlertEntries:
    """Return the alerts of `sites`, None for all, opened on those days, oldest first."""
    with store.read() as session:
        found = alerts.listed_register(session, days.since, days.until, sites)
        return _entries(session, found)


def entry(store: Store, alert_id: str) -> AlertEntry:
    """Return one alert. NotFound `alert_not_found`."""
    with store.read() as session:
        return _entry(session, alerts.record(session, alert_id))


def _entries(session: Session, listed: AlertList) -> AlertEntries:
    found = tuple(_entry(session, record) for record in listed.records)
    return AlertEntries(found, listed.unreadable)


def _entry(session: Session, record: AlertRecord) -> AlertEntry:
    case, identity = None, None
    # A damaged record of the patient must not hide that somebody has to be told.
    with suppress(NotFound, StorageDamaged):
        case = cases.get_case(session, record.alert.case_id)
    with suppress(NotFound, StorageDamaged):
        identity = cases.identity(session, record.alert.case_id)
    return AlertEntry(record, case, identity)
