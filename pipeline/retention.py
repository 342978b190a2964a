"""Applies a site's retention rule: what it would do, and doing it.

Reports, drafts, training pairs and the audit are never touched; nothing here writes to their
tables. An object is moved by copying, comparing and only then removing; a study's images are
dropped by recording that first and removing them afterwards. So a run may be killed at any moment,
and the next one goes on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import RetentionError
from radraft.pipeline import retained_objects
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.retention import (
    HeldBack,
    RetentionAction,
    RetentionDecision,
    SignedState,
    StudyFacts,
    decide,
)
from radraft.store import audit, cases, retention, retention_rules, signatures
from radraft.store.retention import RetentionStep

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.settings import Settings
    from radraft.store.database import Store
    from radraft.store.objects import StoredObject
    from radraft.store.retention_rules import SetRetentionRule

log = logging.getLogger("radraft.pipeline.retention")

MOST_CLOCK_DAYS = 31
"""How far this machine's clock may be from the audit's newest event: a clock that is years ahead
would drop everything."""
Move = Callable[[str, float], None]
"""Moves a progress bar: what is being done, and the part of it from 0 to 1, which nobody knows."""


@dataclass(frozen=True)
class RetentionSum:
    """Studies, their objects and the bytes of these."""

    studies: int = 0
    objects: int = 0
    bytes: int = 0

    def __add__(self, other: RetentionSum) -> RetentionSum:
        """Return both together."""
        return RetentionSum(
            self.studies + other.studies, self.objects + other.objects, self.bytes + other.bytes
        )


@dataclass(frozen=True)
class RetentionResult:
    """What a rule would do at a site, or did."""

    rule: SetRetentionRule
    moved: RetentionSum
    dropped: RetentionSum
    held_back: Mapping[HeldBack, int]
    """Studies that are old enough and keep everything where it is, and why."""


def plan(store: Store, now: datetime, move: Move) -> tuple[RetentionResult, ...]:
    """Return what the rule of each site would do at `now`; nothing is changed. A damaged rule keeps
    everything. StorageError."""
    with store.read() as session:
        rules = _rules(session)
        if retention.any_moved(session) and store.objects.archive is not None:
            store.objects.archive.require()
    return tuple(_run(_Planned(store), store, rule, now, move) for rule in rules)


def apply(
    store: Store, settings: Settings, by: AuditActor, now: datetime, move: Move
) -> tuple[RetentionResult, ...]:
    """Do what the rule of each site says at `now`, after finishing what an earlier run began. A
    damaged rule keeps everything.

    RetentionError `retention_running`, `retention_clock`, `retention_archive_unset`,
    `retention_archive_inside`; StorageError where the archive or the database cannot be written:
    what was done until then stays done.
    """
    with retention.only_run(store, settings.data_dir):
        with store.read() as session:
            days = retention.days_from_newest_event(session, now)
            rules = _rules(session)
            unfinished = retention.unfinished(session)
            used = retention.any_moved(session)
        if days > MOST_CLOCK_DAYS:
            raise RetentionError("retention_clock", days=days)
        _require_archive(store, settings, used=used, moves=any(rule.rule.moves for rule in rules))
        for case_id in unfinished:
            _remove(store, case_id, by, now)
        return tuple(_run(_Applied(store, rule, now, by), store, rule, now, move) for rule in rules)


@dataclass(frozen=True)
class _Planned:
    """Counts what is concerned."""

    store: Store

    def move(self, study: StudyFacts) -> RetentionSum:
        with self.store.read() as session:
            return _sum(retained_objects.movable(session, self.store.objects, study.case_id))

    def drop(self, study: StudyFacts) -> RetentionSum:
        with self.store.read() as session:
            return _sum(_removable(session, self.store, study.case_id))

    def end(self, moved: RetentionSum) -> None:
        """Nothing was done."""


@dataclass(frozen=True)
class _Applied:
    """Does what is due."""

    store: Store
    rule: SetRetentionRule
    now: datetime
    by: AuditActor

    def move(self, study: StudyFacts) -> RetentionSum:
        """Move a study's images to the archive, then record that they lie there."""
        objects, case_id = self.store.objects, study.case_id
        with self.store.read() as session:
            found = retained_objects.movable(session, objects, case_id)
        sizes = [objects.move_to_archive(item.key) for item in found]
        done = RetentionSum(1, len(sizes), sum(sizes))
        with self.store.begin() as session:
            cases.lock(session, case_id)
            self._record(session, case_id, RetentionStep.MOVED, done)
        return done

    def drop(self, study: StudyFacts) -> RetentionSum:
        """Record that a study's images are dropped, and that in the audit, both or neither; then
        remove them. Nothing where its report was reopened, or an alert opened, in the meantime."""
        case_id = study.case_id
        with self.store.begin() as session:
            cases.lock(session, case_id)
            decision = decide(self.rule.rule, retention.facts_of(session, case_id), self.now)
            if decision.action is not RetentionAction.DROP:
                return RetentionSum()
            if signatures.read(session, case_id).broken:
                # What does not hold is looked into first, and its images may tell.
                log.error("images of case %s stay: its signed report does not hold", case_id)
                return RetentionSum()
            done = _sum(_removable(session, self.store, case_id))
            self._record(session, case_id, RetentionStep.DROPPED, done)
            audit.append(session, self._event(RetentionStep.DROPPED, case_id, done))
        _remove(self.store, case_id, self.by, self.now)
        return done

    def end(self, moved: RetentionSum) -> None:
        """Have the audit say how much was moved."""
        if moved.studies:
            with self.store.begin() as session:
                audit.append(session, self._event(RetentionStep.MOVED, None, moved))

    def _record(
        self,
        session: Session,
        case_id: str,
        step: RetentionStep,
        done: RetentionSum,
    ) -> None:
        retention.record(
            session,
            case_id,
            step,
            rule=self.rule.number,
            objects=done.objects,
            size=done.bytes,
            by=self.by.name,
            now=self.now,
        )

    def _event(self, step: RetentionStep, case_id: str | None, done: RetentionSum) -> AuditEvent:
        return AuditEvent(
            AuditKind.RETENTION,
            self.now,
            self.by,
            site=self.rule.site,
            case_id=case_id,
            details={
                "step": step.value,
                "rule": str(self.rule.number),
                "studies": str(done.studies),
                "objects": str(done.objects),
                "bytes": str(done.bytes),
            },
        )


def _run(
    work: _Planned | _Applied, store: Store, rule: SetRetentionRule, now: datetime, move: Move
) -> RetentionResult:
    """Go through the studies of one site that are old enough for anything."""
    moved = dropped = RetentionSum()
    held_back: Counter[HeldBack] = Counter()
    for looked, study in enumerate(_studies(store, rule, now), start=1):
        move(f"{rule.site}: {looked} studies", 0.0)
        decision: RetentionDecision = decide(rule.rule, study, now)
        if decision.held_back is not None:
            held_back[decision.held_back] += 1
        elif decision.action is RetentionAction.MOVE:
            moved += work.move(study)
        elif decision.action is RetentionAction.DROP:
            dropped += work.drop(study)
    work.end(moved)
    return RetentionResult(rule, moved, dropped, dict(sorted(held_back.items())))


def _studies(store: Store, rule: SetRetentionRule, now: datetime) -> Iterator[StudyFacts]:
    for state in SignedState:
        days = rule.rule.first_days(state)
        if days is None:
            continue
        before, after = now - timedelta(days=days), None
        while True:
            with store.read() as session:
                studies = retention.studies(session, rule.site, state, before, after)
            if not studies:
                break
            yield from studies
            after = (studies[-1].received_at, studies[-1].case_id)


def _remove(store: Store, case_id: str, by: AuditActor, now: datetime) -> None:
    """Remove what was recorded as dropped, and record that. What was written since stays."""
    objects = store.objects
    with store.read() as session:
        found = retention.dropped(session, case_id)
    if found is None:
        return
    gone = [item for item in retained_objects.own(objects, case_id) if item.written_at <= found.at]
    for item in gone:
        objects.remove(item.key)
    with store.begin() as session:
        cases.lock(session, case_id)
        # From here on nobody records a key image: what nobody shows now may go.
        retention.hold_key_images(session)
        shown = retained_objects.shown_nowhere(session, objects, case_id)
        for item in shown:
            objects.remove(item.key)
        done = _sum((*gone, *shown))
        retention.record(
            session,
            case_id,
            RetentionStep.REMOVED,
            rule=found.rule,
            objects=done.objects,
            size=done.bytes,
            by=by.name,
            now=now,
        )
    log.info("images of case %s dropped", case_id)


def _require_archive(store: Store, settings: Settings, *, used: bool, moves: bool) -> None:
    """Require an archive where one is in use or a rule needs one; mark it at its first use."""
    archive = store.objects.archive
    if not moves and not used:
        return
    if archive is None or settings.archive_dir is None:
        raise RetentionError("retention_archive_unset")
    place, data = settings.archive_dir.resolve(), settings.data_dir.resolve()
    if place.is_relative_to(data) or data.is_relative_to(place):
        raise RetentionError("retention_archive_inside")
    if used:
        # An empty folder in its place is not made another archive: its file system is away.
        archive.require()
    archive.begin()


def _rules(session: Session) -> list[SetRetentionRule]:
    rules = [retention_rules.or_damaged(session, site) for site in retention_rules.sites(session)]
    for rule in rules:
        if rule.damaged:
            log.error("retention rule %d of site %s is damaged", rule.number, rule.site)
    return rules


def _removable(session: Session, store: Store, case_id: str) -> tuple[StoredObject, ...]:
    return (
        *retained_objects.own(store.objects, case_id),
        *retained_objects.shown_nowhere(session, store.objects, case_id),
    )


def _sum(found: tuple[StoredObject, ...]) -> RetentionSum:
    return RetentionSum(1, len(found), sum(item.size for item in found))
