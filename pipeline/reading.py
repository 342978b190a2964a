"""Reading for other sites: rules, and who reads which study while nobody has begun to."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import NotFound, StorageError
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.reading_rule import ReadingRule, WaitingStudy, checked_rules, decide
from radraft.store import audit, cases, reading, sites

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from radraft.pipeline.audit_trail import AuditTrail
    from radraft.reports.people import Person
    from radraft.store.database import Store
    from radraft.store.reading import Queue, SetRules, Unread

log = logging.getLogger("radraft.pipeline.reading")

TURN_ROUND_DAYS = 7
"""Days of which the time to a signature is shown."""
LOOK_S = 30.0
"""Seconds between two looks at what waits: hours change, and the load does."""


class ReadingForOthers:
    """The rules by which a site's studies are read elsewhere. Thread-safe."""

    def __init__(self, store: Store, trail: AuditTrail, *, site: str) -> None:
        """`site`: the one that studies are of where nothing else is said."""
        self._store = store
        self._trail = trail
        self._site = site

    def rules(self, site: str) -> SetRules:
        """Return the rules of a site. NotFound `site_unknown`."""
        with self._store.read() as session:
            self._require_sites(session, site)
            return reading.or_damaged(session, site)

    def overview(
        self, named: frozenset[str] | None
    ) -> tuple[tuple[SetRules, ...], tuple[Queue, ...]]:
        """Return the rules of the sites that are known, by their names, and what waits and was
        read lately, of them or by them: those among `named`; None: all."""
        since = datetime.now(UTC) - timedelta(days=TURN_ROUND_DAYS)
        with self._store.read() as session:
            known = sites.known(session) | {self._site}
            wanted = sorted(known if named is None else known & named)
            found = reading.queues(session, since)
            return (
                tuple(reading.or_damaged(session, site) for site in wanted),
                tuple(
                    queue
                    for queue in found
                    if named is None or not named.isdisjoint((queue.site, queue.reading_site))
                ),
            )

    def set_rules(
        self,
        site: str,
        rules: Sequence[ReadingRule],
        *,
        base_number: int,
        by: Person,
        address: str = "",
    ) -> SetRules:
        """Make `rules` what holds at a site, and decide anew who reads what nobody has begun.

        ReportError as `reading_rule.checked_rules`, `reading_rules_changed_meanwhile`; NotFound
        `site_unknown`, also of a reading site.
        """
        now = datetime.now(UTC)
        who = AuditActor(by.name, by.id, address)
        others = ", ".join(dict.fromkeys(rule.reading_site for rule in rules))
        said = {"reading_rules": str(base_number + 1), "reading_sites": others[:200]}
        event = AuditEvent(AuditKind.CONFIGURATION, now, who, site=site, details=said)
        with self._trail.refusals(event), self._store.begin() as session:
            self._require_sites(session, site, *(rule.reading_site for rule in rules))
            changed = reading.change(
                session, site, checked_rules(site, rules), base_number=base_number, by=by, now=now
            )
            audit.append(session, event)
        decide_waiting(self._store, site, datetime.now(UTC))
        return changed

    def _require_sites(self, session: Session, *named: str) -> None:
        known = sites.known(session) | {self._site}
        for site in named:
            if site not in known:
                raise NotFound("site_unknown", site=site)


def decide_new(session: Session, site: str, case_id: str, now: datetime) -> None:
    """Decide who reads a study that is being taken in, in its transaction. Its own site does where
    the rules are damaged: the study is not to wait for whoever mends them."""
    held = reading.or_damaged(session, site)
    if held.damaged:
        log.error("rules of reading of site %s are damaged: case %s stays there", site, case_id)
    if held.damaged or held.number == reading.UNSET:
        return
    for study in reading.unread(session, site, case_id):
        _decide(session, held, study, reading.waiting_at_home(session, site), now)


def decide_waiting(store: Store, site: str, now: datetime) -> int:
    """Decide anew who reads what nobody has begun at a site; return how many changed hands.

    What a rule that still holds has sent away stays where it is, whatever the hour; what no rule
    sends away any more comes back. The newest go first: those that have waited longest are next at
    their own site.
    """
    with store.read() as session:
        held = reading.of_site(session, site)
        waiting = reading.waiting_at_home(session, site)
        found = reading.unread(session, site)
    changed = 0
    for study in found:
        if _stands(held, study, _place(held, study, waiting, now)[0]):
            continue
        with store.begin() as session:
            cases.lock(session, study.case_id)
            # Somebody may have begun it, or others may have decided, meanwhile.
            for still in reading.unread(session, site, study.case_id):
                before, after = still.reading_site, _decide(session, held, still, waiting, now)
                changed += before != after
                waiting += (after == reading.HOME) - (before == reading.HOME)
    return changed


def _decide(session: Session, held: SetRules, study: Unread, waiting: int, now: datetime) -> str:
    """Keep who reads a study, where that is another than before; return whose site that is."""
    reading_site, rule = _place(held, study, waiting, now)
    if not _stands(held, study, reading_site):
        reading.assign(
            session,
            study.case_id,
            reading_site,
            rules_number=held.number,
            rule=rule,
            now=now,
        )
    return reading_site


def _place(held: SetRules, study: Unread, waiting: int, now: datetime) -> tuple[str, int]:
    """Return whose readers a study is for now, and by which of the rules, from 1; 0: by none."""
    if study.reading_site != reading.HOME and study.rules_number == held.number:
        return study.reading_site, 0
    there = study.reading_site != reading.HOME
    known = WaitingStudy(study.modality, now.astimezone(), waiting + there, study.priority)
    place = decide(held.rules, known)
    if place is None:
        return reading.HOME, 0
    return held.rules[place].reading_site, place + 1


def _stands(held: SetRules, study: Unread, reading_site: str) -> bool:
    """Return whether that is what was decided before, by the rules that hold."""
    decided = study.reading_site == reading.HOME or study.rules_number == held.number
    return reading_site == study.reading_site and decided


class ReadingWatch(threading.Thread):
    """Looks again and again who reads what nobody has begun. Any number may run."""

    def __init__(self, store: Store) -> None:
        super().__init__(name="radraft-reading", daemon=True)
        self._store = store
        self._ending = threading.Event()

    def close(self) -> None:
        """Stop, and wait until it has ended."""
        self._ending.set()
        self.join()

    def run(self) -> None:
        """Thread body."""
        while not self._ending.is_set():
            try:
                with self._store.read() as session:
                    ruled = reading.ruled_sites(session)
            except (StorageError, SQLAlchemyError) as error:
                ruled = ()
                log.error("reading for others waits: %s", type(error).__name__)
            for site in ruled:
                self._decide(site)
            self._ending.wait(LOOK_S)

    def _decide(self, site: str) -> None:
        """Decide what waits at one site. What is damaged there, a full disk, a database that
        restarts: the other sites go on, and the next look decides."""
        try:
            decide_waiting(self._store, site, datetime.now(UTC))
        except (StorageError, SQLAlchemyError) as error:
            log.error("reading for others waits at site %s: %s", site, type(error).__name__)
