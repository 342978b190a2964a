"""Critical values in the service: drafts are marked, reports open alerts, signatures ask for the
notification, and what waits too long is told to the next level."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import ReportError, StorageError
from radraft.pipeline.audit_trail import case_event
from radraft.reports.alerts import Alert, AlertStep, is_due
from radraft.reports.audit import AuditKind
from radraft.reports.critical import CriticalFinding, CriticalRules, critical_findings, load_rules
from radraft.reports.findings.body_parts import region_of
from radraft.reports.findings.vocabulary import vocabulary
from radraft.store import alerts, audit, cases
from radraft.store.alerts import AlertCounts, AlertRecord

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.settings import Settings
    from radraft.reports.people import Actor
    from radraft.reports.values import Report
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.alerts")

LOOK_S = 5.0
"""Seconds between two looks at what waits."""


class CriticalValues:
    """A site's rules over the store. Thread-safe; holds nothing that a restart may lose."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """SettingsError where the site's rules cannot be read."""
        self.store = store
        self.rules: CriticalRules = load_rules(settings.critical_values)

    def move(
        self, alert_id: str, step: AlertStep, *, actor: Actor, base_revision: int
    ) -> AlertRecord:
        """Take a step with an alert that was seen at `base_revision` (`Alert.revision`).

        NotFound `alert_not_found`; ReportError as `reports.alerts.moved`.
        """
        with self.store.begin() as session:
            alerts.move(
                session,
                alert_id,
                step,
                actor=actor,
                base_revision=base_revision,
                now=datetime.now(UTC),
            )
            found = alerts.record(session, alert_id)
            event = case_event(
                AuditKind.ALERT,
                found.alert.case_id,
                actor,
                alert=alert_id,
                move=step.move.value,
            )
            audit.append(session, event)
            return found

    def record(self, alert_id: str) -> AlertRecord:
        """Return an alert with its events. NotFound `alert_not_found`."""
        with self.store.read() as session:
            return alerts.record(session, alert_id)

    def of_case(self, case_id: str) -> tuple[AlertRecord, ...]:
        """Return a case's alerts, closed ones too."""
        with self.store.read() as session:
            return alerts.of_case(session, case_id)

    def open_alerts(self, site: str | None = None) -> tuple[AlertRecord, ...]:
        """Return all open alerts, of one site or of all: most escalated first, then by deadline."""
        with self.store.read() as session:
            return alerts.open_alerts(session, site)

    def register(
        self, since: datetime, until: datetime, site: str | None = None
    ) -> tuple[AlertRecord, ...]:
        """Return the alerts that were opened from `since` to before `until`, oldest first."""
        with self.store.read() as session:
            return alerts.register(session, since, until, site)

    def counts(self, site: str | None = None) -> AlertCounts:
        """Return how many alerts are open, and what they wait for."""
        with self.store.read() as session:
            return alerts.counts(session, site)

    def report_saved(
        self, session: Session, case_id: str, report: Report, *, actor: Actor, now: datetime
    ) -> tuple[Alert, ...]:
        """Bring the case's alerts to what `report` states, in the transaction that saves it."""
        found = self.found(session, case_id, report)
        return alerts.update(session, case_id, found, actor=actor, now=now)

    def found(self, session: Session, case_id: str, report: Report) -> tuple[CriticalFinding, ...]:
        """Return the critical findings of a case's report."""
        region = region_of(cases.get_case(session, case_id).body_part)
        return critical_findings(report, self.rules, region)


def mark_draft(session: Session, case_id: str, report: Report, rules: CriticalRules) -> None:
    """Mark a case whose new draft states a critical finding, in the transaction that stores it."""
    region = region_of(cases.get_case(session, case_id).body_part)
    found = critical_findings(report, rules, region)
    alerts.mark_draft(session, case_id, [finding.code for finding in found], datetime.now(UTC))


def signature_refusal(held: Sequence[Alert]) -> ReportError | None:
    """Return the refusal of a signature while somebody has still to be notified of one of a case's
    alerts: ReportError `critical_not_notified`; None where nothing stands in its way."""
    names = [
        f"{vocabulary()[alert.finding].zh} {vocabulary()[alert.finding].en}"
        for alert in held
        if alert.holds_signature
    ]
    if not names:
        return None
    return ReportError("critical_not_notified", findings=", ".join(dict.fromkeys(names)))


@dataclass(frozen=True)
class _Watched:
    leg: int
    level: int
    since: float


class DeadlineWatch:
    """Finds the alerts that are due by the clock on the wall or by `clock`, which only goes
    forward: a wall clock that was set back delays no escalation by more than its own wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds from any beginning."""
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    def due(self, waiting: Sequence[Alert], now: datetime) -> tuple[Alert, ...]:
        """Look at the waiting alerts as they are at `now`; those of which the next level is due."""
        tick = self._clock()
        watched = {alert.alert_id: self._seen(alert, tick) for alert in waiting}
        self._watched = watched
        return tuple(
            alert
            for alert in waiting
            if is_due(alert, now) or _waited(alert, tick - watched[alert.alert_id].since)
        )

    def _seen(self, alert: Alert, tick: float) -> _Watched:
        before = self._watched.get(alert.alert_id)
        if before is not None and (before.leg, before.level) == (alert.leg, alert.level):
            return before
        return _Watched(alert.leg, alert.level, tick)


def _waited(alert: Alert, seconds: float) -> bool:
    return alert.wait_s is not None and seconds >= alert.wait_s


def escalate_due(store: Store, watch: DeadlineWatch, now: datetime) -> tuple[Alert, ...]:
    """Tell the next level of every alert that is due, each in a transaction of its own and once,
    however many processes do so; those that this call told."""
    with store.read() as session:
        waiting = alerts.waiting(session)
    told = []
    for alert in watch.due(waiting, now):
        with store.begin() as session:
            later = alerts.escalate(session, alert, now)
        if later is not None:
            log.warning("alert %s is past its time: level %d", later.alert_id, later.level)
            told.append(later)
    return tuple(told)


class Escalation(threading.Thread):
    """A thread that looks at what waits until `stop` is called."""

    def __init__(
        self, store: Store, *, wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(name="radraft-alerts", daemon=True)
        self._store = store
        self._wall = wall
        self._watch = DeadlineWatch()
        self._ending = threading.Event()

    def stop(self) -> None:
        """End after the look in progress."""
        self._ending.set()

    def close(self) -> None:
        """Stop, and wait until it has ended."""
        self.stop()
        self.join()

    def run(self) -> None:
        """Thread body."""
        while not self._ending.is_set():
            try:
                escalate_due(self._store, self._watch, self._wall())
            except (StorageError, SQLAlchemyError) as error:
                # A full disk or a database that restarts: the next look tells what is due.
                log.error("escalation waits on: %s", type(error).__name__)
            self._ending.wait(LOOK_S)
