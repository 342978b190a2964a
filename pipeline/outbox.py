"""The outbox: what is to be sent where is written down with the signature, and people see to what
could not be delivered. `pipeline.outbox_delivery` sends."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, ReportError, SignInError, StorageDamaged
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.export.values import OutgoingStatus, status_of
from radraft.reports.outgoing_entry import EntryState, ListedEntry, NewEntry, checked_reason
from radraft.store import audit, commitments, outbox, signatures
from radraft.store.sql import chunks

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.exchange.targets import Target
    from radraft.reports.editing import WorkingReport
    from radraft.reports.values import SignedReport
    from radraft.store.database import Store
    from radraft.store.outbox import TargetFigures


BATCH = 50
"""Cases of which what was signed before is queued in one transaction."""


@dataclass(frozen=True)
class TargetStanding:
    """A receiver and how much there is for it."""

    name: str
    target: Target | None
    """None: the file does not name it any more, and nothing of it is sent."""
    figures: TargetFigures
    commits: bool = True
    """Whether it offers storage commitment, as far as is known, where it is asked."""


@dataclass(frozen=True)
class Queued:
    """What became of the request to queue what was signed before."""

    new: int
    """Entries that were not queued before."""
    broken: tuple[str, ...]
    """Cases that were left out, as a signature of theirs does not hold."""


class Outbox:
    """What waits to be sent. Threads may share one."""

    def __init__(self, store: Store, targets: Sequence[Target] = ()) -> None:
        self.targets = tuple(targets)
        """The receivers, in the file's order."""
        self.woken = threading.Event()
        """Set when something was queued here."""
        self._store = store

    def put_signed(self, session: Session, signed: SignedReport, site: str) -> None:
        """Queue a signed version for whoever wants it, in the signature's transaction."""
        self._put(session, site, signed.case_id, signed.version, 0, status_of(signed))

    def put_submitted(self, session: Session, working: WorkingReport, site: str) -> None:
        """Queue a report that was handed over for review, in that step's transaction."""
        version = working.base_version + 1
        status = OutgoingStatus.PRELIMINARY
        self._put(session, site, working.case_id, version, working.steps, status)

    def wake(self) -> None:
        """Have what was queued sent now: its transaction is over."""
        if self.targets:
            self.woken.set()

    def standings(self, sites: frozenset[str] | None = None) -> tuple[TargetStanding, ...]:
        """Return each receiver with what there is for it: the file's first, then those that it
        names no more; `sites`: whose studies are counted, None for all."""
        known = {target.name: target for target in self.targets}
        with self._store.read() as session:
            found = outbox.figures(session, known, sites)
            not_offering = commitments.not_offering(
                session, [target.name for target in self.targets if target.commitment is not None]
            )
        figures = {standing.target: standing for standing in found}
        names = [*known, *(name for name in figures if name not in known)]
        return tuple(
            TargetStanding(name, known.get(name), figures[name], name not in not_offering)
            for name in names
        )

    def entries(
        self,
        *,
        target: str | None = None,
        states: Sequence[EntryState] = tuple(EntryState),
        sites: frozenset[str] | None = None,
        limit: int = 200,
    ) -> tuple[ListedEntry, ...]:
        """Return entries, the newest first; `sites`: of whose studies, None for all."""
        with self._store.read() as session:
            return outbox.entries(session, target=target, states=states, sites=sites, limit=limit)

    def resend(
        self, entry_id: int, *, by: AuditActor, sites: frozenset[str] | None = None
    ) -> ListedEntry:
        """Have an entry tried at once. As `store.outbox.resend`; SignInError `not_allowed` where it
        is of a site that is not among `sites`."""
        with self._store.begin() as session:
            site = _site(session, entry_id, sites)
            entry = outbox.resend(session, entry_id)
            audit.append(session, _event(entry, site, by, "resent"))
        self.wake()
        return entry

    def drop(
        self, entry_id: int, reason: str, *, by: AuditActor, sites: frozenset[str] | None = None
    ) -> ListedEntry:
        """Take an entry out of its queue for good; the reason stands in the audit. As
        `store.outbox.drop` and `outgoing_entry.checked_reason`; SignInError as `resend`."""
        reason = checked_reason(reason)
        with self._store.begin() as session:
            site = _site(session, entry_id, sites)
            entry = outbox.drop(session, entry_id)
            audit.append(session, _event(entry, site, by, "dropped", reason))
        # What came after it may go now.
        self.wake()
        return entry

    def queue_since(self, name: str, since: datetime, *, by: AuditActor) -> Queued:
        """Queue for a receiver what was signed from `since` on and it wants, and return how much of
        it was not queued for it before. A version of which a later one was queued for it is left
        out: it must not come after that; and so is all of a case whose signatures do not hold.
        NotFound `outbox_target_unknown`."""
        target = next((target for target in self.targets if target.name == name), None)
        if target is None:
            raise NotFound("outbox_target_unknown", target=name)
        with self._store.read() as session:
            sites = {case_id: site for case_id, site, _ in outbox.signed_since(session, since)}
        new = 0
        broken: list[str] = []
        # Others write between two batches.
        for case_ids in chunks(sites, BATCH) if sites else [[]]:
            wanted = self._wanted_since(target, {case: sites[case] for case in case_ids}, since)
            broken += (case_id for case_id in case_ids if wanted[case_id] is None)
            new += self._queue(target, wanted, by)
            self.wake()
        return Queued(new, tuple(broken))

    def _wanted_since(
        self, target: Target, sites: Mapping[str, str], since: datetime
    ) -> dict[str, list[NewEntry] | None]:
        """Return what a receiver is sent of each case that was signed from `since` on, first to
        newest version; None for a case whose signatures do not hold."""
        found: dict[str, list[NewEntry] | None] = {}
        with self._store.read() as session:
            for case_id, site in sites.items():
                try:
                    held = signatures.versions(session, case_id)
                except (ReportError, StorageDamaged):
                    found[case_id] = None
                    continue
                found[case_id] = [
                    entry
                    for signed in held
                    if signed.signed_at >= since and target.wants(site, status_of(signed))
                    for entry in _entries(target, case_id, signed.version, 0, status_of(signed))
                ]
        return found

    def _queue(
        self, target: Target, wanted: Mapping[str, list[NewEntry] | None], by: AuditActor
    ) -> int:
        """Queue what is not older than what was queued; return how much of it is new."""
        with self._store.begin() as session:
            newest = outbox.newest_versions(session, target.name, wanted)
            entries = [
                entry
                for case_id, of_case in wanted.items()
                for entry in of_case or ()
                if entry.version >= newest.get(case_id, 0)
            ]
            new = outbox.enqueue(session, entries)
            said = {"what": "queued", "target": target.name, "entries": str(new)}
            event = AuditEvent(AuditKind.OUTBOX, datetime.now(UTC), by, details=said)
            audit.append(session, event)
        return new

    def _put(
        self,
        session: Session,
        site: str,
        case_id: str,
        version: int,
        step: int,
        status: OutgoingStatus,
    ) -> None:
        wanted = [target for target in self.targets if target.wants(site, status)]
        outbox.enqueue(
            session,
            [
                entry
                for target in wanted
                for entry in _entries(target, case_id, version, step, status)
            ],
        )


def _entries(
    target: Target, case_id: str, version: int, step: int, status: OutgoingStatus
) -> list[NewEntry]:
    return [NewEntry(target.name, case_id, version, step, status, form) for form in target.forms]


def _site(session: Session, entry_id: int, sites: frozenset[str] | None) -> str:
    site = outbox.site_of(session, entry_id)
    if sites is not None and site not in sites:
        raise SignInError("not_allowed", site=site)
    return site


def delivered_event(entry: ListedEntry, site: str) -> AuditEvent:
    """Return what the audit says of a report that left."""
    return _event(entry, site, AuditActor("outbox"), "delivered", kind=AuditKind.EXPORT)


def commitment_event(entry: ListedEntry, site: str, what: str, code: str) -> AuditEvent:
    """Return what the audit says of a PACS's commitment; `code`: why it was not given."""
    return _event(entry, site, AuditActor("outbox"), what, code)


def _event(
    entry: ListedEntry,
    site: str,
    by: AuditActor,
    what: str,
    reason: str = "",
    kind: AuditKind = AuditKind.OUTBOX,
) -> AuditEvent:
    said = {
        "what": what,
        "entry": str(entry.entry_id),
        "target": entry.target,
        "form": entry.form,
        "version": str(entry.version),
        "status": entry.status,
        **({"reason": reason} if reason else {}),
    }
    return AuditEvent(kind, datetime.now(UTC), by, site=site, case_id=entry.case_id, details=said)
