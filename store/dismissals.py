"""Warnings that reports had, and what readers said of them: every dismissal is kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.reports.dismissal import Dismissal, DismissalReason, StandingWarning, texts_to_json
from radraft.reports.people import Actor, known_person
from radraft.store import faults
from radraft.store.sql import insert_all_new
from radraft.store.tables import CaseRow, DismissalRow, FoundWarningRow

SHOWN = timedelta(seconds=10)
"""A warning that stood for less was of words that were still being typed: it is not counted."""


class _Move(StrEnum):
    DISMISSED = "dismissed"
    RESTORED = "restored"


@dataclass(frozen=True)
class CheckCount:
    """What became of one check's warnings at one site."""

    site: str
    code: str
    found: int
    """Warnings that stood for `SHOWN`, that were dismissed, or that stand."""
    mended: int
    """Stand no longer, and nobody had dismissed them."""
    reasons: Mapping[DismissalReason, int]
    """Those dismissed, by the newest reason; every reason has its number."""

    @property
    def dismissed(self) -> int:
        """Return how many were dismissed, whether or not their words stand."""
        return sum(self.reasons.values())

    @property
    def left(self) -> int:
        """Return how many stand and nobody dismissed."""
        return self.found - self.mended - self.dismissed

    @property
    def dismissed_share(self) -> float:
        """Return the share of those found that were dismissed, 0 to 1."""
        return self.dismissed / self.found if self.found else 0.0


def dismiss(
    session: Session,
    case_id: str,
    warning: StandingWarning,
    *,
    reason: DismissalReason,
    text: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Keep that the actor dismissed a warning of the case's report; the caller holds the case.

    The same word of the same person again is kept once; another person's, or another reason, is
    kept beside the first.
    """
    known = of_case(session, case_id).get(warning.key)
    if known is not None and (known.reason, known.text, known.by) == (reason, text, actor.who):
        return
    _insert_found(session, case_id, [warning], now)
    session.get_one(FoundWarningRow, (case_id, warning.key)).reason = reason.value
    _add(session, case_id, warning, _Move.DISMISSED, reason, text, actor, now)


def restore(
    session: Session, case_id: str, warning: StandingWarning, *, actor: Actor, now: datetime
) -> None:
    """Keep that the actor took the dismissals of a warning of the case's report back; the caller
    holds the case. Nothing where none holds."""
    if warning.key in of_case(session, case_id):
        session.get_one(FoundWarningRow, (case_id, warning.key)).reason = None
        _add(session, case_id, warning, _Move.RESTORED, None, "", actor, now)


def of_case(session: Session, case_id: str) -> dict[str, Dismissal]:
    """Return the dismissals that hold by the key of their warning: of each the newest, unless it
    was taken back since."""
    rows = session.scalars(
        select(DismissalRow)
        .where(DismissalRow.case_id == case_id)
        .order_by(DismissalRow.dismissal_id)
    )
    return _holding(rows)


def note(
    session: Session, case_id: str, warnings: Sequence[StandingWarning], *, since: datetime
) -> None:
    """Note which warnings the case's report has from `since` on, for the counts: what it had before
    and has no longer is gone, what comes back stands again. The caller holds the case."""
    standing = {warning.key for warning in warnings}
    _insert_found(session, case_id, warnings, since)
    for row in session.scalars(select(FoundWarningRow).where(FoundWarningRow.case_id == case_id)):
        if row.warning_key in standing:
            row.gone_at = None
        elif row.gone_at is None and row.reason is None and since - row.found_at < SHOWN:
            session.delete(row)
        elif row.gone_at is None:
            row.gone_at = since
    session.flush()


def counts(session: Session, site: str | None = None) -> tuple[CheckCount, ...]:
    """Return what became of every check's warnings, of all sites or of one, by site and code."""
    gone = FoundWarningRow.gone_at.is_not(None)
    rows = session.execute(
        select(CaseRow.site, FoundWarningRow.code, FoundWarningRow.reason, gone, func.count())
        .join(CaseRow, CaseRow.case_id == FoundWarningRow.case_id)
        .where(*([] if site is None else [CaseRow.site == site]))
        .group_by(CaseRow.site, FoundWarningRow.code, FoundWarningRow.reason, gone)
    )
    found: Counter[tuple[str, str]] = Counter()
    mended: Counter[tuple[str, str]] = Counter()
    reasons: dict[tuple[str, str], Counter[DismissalReason]] = defaultdict(Counter)
    for of_site, code, reason, is_gone, number in rows:
        found[of_site, code] += number
        if reason is not None:
            with faults.decoding("found_warnings", code):
                reasons[of_site, code][DismissalReason(reason)] += number
        elif is_gone:
            mended[of_site, code] += number
    return tuple(
        CheckCount(
            site=check[0],
            code=check[1],
            found=found[check],
            mended=mended[check],
            reasons={reason: reasons[check][reason] for reason in DismissalReason},
        )
        for check in sorted(found)
    )


def _insert_found(
    session: Session, case_id: str, warnings: Sequence[StandingWarning], found_at: datetime
) -> None:
    rows = {
        warning.key: {
            "case_id": case_id,
            "warning_key": warning.key,
            "code": warning.issue.code,
            "found_at": found_at,
            "gone_at": None,
            "reason": None,
        }
        for warning in warnings
    }
    if rows:
        insert_all_new(session, FoundWarningRow, list(rows.values()))


def _add(
    session: Session,
    case_id: str,
    warning: StandingWarning,
    move: _Move,
    reason: DismissalReason | None,
    own_words: str,
    actor: Actor,
    now: datetime,
) -> None:
    session.add(
        DismissalRow(
            case_id=case_id,
            warning_key=warning.key,
            code=warning.issue.code,
            texts=texts_to_json(warning.texts),
            move=move.value,
            reason=None if reason is None else reason.value,
            own_words=own_words,
            by=actor.who.name,
            by_account=actor.who.id,
            role=actor.role.value,
            site=actor.site,
            at=now,
        )
    )
    session.flush()


def _holding(rows: Iterable[DismissalRow]) -> dict[str, Dismissal]:
    held: dict[str, Dismissal] = {}
    for row in rows:
        with faults.decoding("dismissals", row.case_id):
            if _Move(row.move) is _Move.RESTORED:
                held.pop(row.warning_key, None)
                continue
            held[row.warning_key] = Dismissal(
                warning_key=row.warning_key,
                code=row.code,
                reason=DismissalReason(row.reason or ""),
                text=row.own_words,
                by=known_person(row.by, row.by_account),
                at=row.at,
            )
    return held
