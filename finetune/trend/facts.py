"""What signatures and drafts say, read from the store once and kept without text."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass

from sqlalchemy.orm import Session

from radraft.core.weeks import Week
from radraft.finetune.trend.values import Fact
from radraft.llm.adapter import AdapterMove
from radraft.reports.assertion import asserted_report
from radraft.reports.draft import Draft
from radraft.reports.edits import Edit, EditStats
from radraft.reports.values import Coverage, Origin, SignedReport
from radraft.store.adapters import moves
from radraft.store.drafts import draft_ids, site_drafts
from radraft.store.pairs import pair_keys, signed_edits
from radraft.store.signatures import BrokenSignature

log = logging.getLogger("radraft.finetune.trend")


@dataclass(frozen=True)
class Made:
    """Drafts that one model made at one site in one week."""

    site: str
    week: Week
    adapter_id: str | None
    count: int


@dataclass(frozen=True)
class Known:
    """Everything that figures are made of."""

    facts: tuple[Fact, ...]
    made: tuple[Made, ...]
    moves: tuple[AdapterMove, ...]
    broken: int = 0
    """Pairs that are left out: their reports are not what was signed."""


class Ledger:
    """What was read so far. Pairs and drafts never change, so that each is read only once.

    Threads may share one. About a kilobyte is kept for each pair.
    """

    def __init__(self) -> None:
        self._facts: dict[tuple[str, int], Fact] = {}
        self._made: dict[int, tuple[str, Week, str | None] | None] = {}
        self._broken = 0
        self._lock = threading.Lock()

    def read(self, session: Session) -> Known:
        """All signatures, drafts and moves as they stand in `session`'s snapshot."""
        with self._lock:
            self._read_pairs(session)
            self._read_drafts(session)
            made = Counter(week for week in self._made.values() if week is not None)
            return Known(
                facts=tuple(sorted(self._facts.values(), key=lambda fact: fact.signed_at)),
                made=tuple(Made(*place, count) for place, count in made.items()),
                moves=moves(session),
                broken=self._broken,
            )

    def _read_pairs(self, session: Session) -> None:
        fresh = [key for key in pair_keys(session) if key not in self._facts]
        self._broken = 0
        for key, edited in signed_edits(session, fresh):
            if isinstance(edited, BrokenSignature):
                # Asked again each time: a backup may have put right what was changed.
                self._broken += 1
                log.error(str(edited.error()))
                continue
            self._facts[key] = fact(
                site=edited.site,
                draft=edited.draft,
                signed=edited.signed,
                stats=edited.stats,
                seconds=edited.seconds,
            )

    def _read_drafts(self, session: Session) -> None:
        fresh = [draft_id for draft_id in draft_ids(session) if draft_id not in self._made]
        for draft_id, made in site_drafts(session, fresh):
            drafted = made.draft.coverage is Coverage.DRAFTED
            place = (made.site, Week.of(made.created_at), made.draft.adapter_id)
            self._made[draft_id] = place if drafted else None


def fact(
    *, site: str, draft: Draft, signed: SignedReport, stats: EditStats, seconds: float | None
) -> Fact:
    """What one training pair says."""
    counts = Counter(edit.edit for edit in stats.sentences)
    changed = sum(n for edit, n in counts.items() if edit is not Edit.KEPT)
    kept = {edit.sentence_id for edit in stats.sentences if edit.edit is Edit.KEPT}
    by_model = {
        sentence.id for sentence in draft.report.sentences if sentence.origin is Origin.MODEL
    }
    sizes = {
        sentence.id: len(sentence.zh) + len(sentence.en)
        for sentence in asserted_report(signed).sentences
    }
    return Fact(
        site=site,
        signed_at=signed.signed_at,
        first=signed.version == 1,
        drafted=draft.coverage is Coverage.DRAFTED,
        adapter_id=draft.adapter_id,
        edits={edit: counts[edit] for edit in Edit if counts[edit]},
        unchanged=not changed and not any(edit.moved for edit in stats.sentences),
        distance=stats.distance,
        seconds=seconds,
        corrections=corrections(stats),
        untouched=sum(size for key, size in sizes.items() if key in kept & by_model),
        characters=sum(sizes.values()),
    )


def corrections(stats: EditStats) -> dict[str, Edit]:
    """How a reader changed each finding of one report.

    A finding that was taken out in one sentence and put in with another was corrected.
    """
    found: dict[str, set[Edit]] = {}
    for edit in stats.sentences:
        if edit.edit in {Edit.CORRECTED, Edit.DELETED, Edit.ADDED}:
            for code in {*edit.findings, *edit.sides}:
                found.setdefault(code, set()).add(edit.edit)
    return {
        code: next(iter(edits)) if len(edits) == 1 else Edit.CORRECTED
        for code, edits in sorted(found.items())
    }
