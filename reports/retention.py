"""What a site keeps of its studies' images, and for how long. Text is never concerned.

A rule is read from lines like `CR: move after 365 days, drop after 3,650 days`. Days count from the
newest signature. A study without a signed report keeps its images; they may be moved to slower
storage (`CT unsigned: move after 1825 days`, counted from its receipt).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from radraft.core.errors import RetentionError

EVERY_MODALITY = "*"
LEAST_DAYS = 1
MOST_DAYS = 36_500
_LINE = re.compile(
    r"(?P<modality>\*|[A-Za-z]{2,16})(?:\s+(?P<state>signed|unsigned))?\s*:\s*(?P<steps>.+)", re.I
)
_STEP = re.compile(r"(?P<step>move|drop)\s+after\s+(?P<days>\d[\d,]*)(?:\s*days?)?", re.I)


class RetentionAction(StrEnum):
    """What is to be done with a study's images."""

    KEEP = "keep"
    MOVE = "move"
    """To slower storage."""
    DROP = "drop"


class SignedState(StrEnum):
    """Whether a study's report is signed as it stands."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"


class HeldBack(StrEnum):
    """Why a study that is old enough keeps its images where they are."""

    ALERT = "open_alert"
    """A critical-value alert of it is open."""
    FROZEN = "frozen_case"
    """A site's adapters are judged on it."""


@dataclass(frozen=True)
class RetentionTerm:
    """What holds for one modality. RetentionError for days that make no sense."""

    modality: str
    """DICOM's code, or `EVERY_MODALITY`."""
    state: SignedState
    move_after: int | None
    """Days; None: never."""
    drop_after: int | None

    def __post_init__(self) -> None:
        """Raise RetentionError `retention_unsigned_dropped`, `retention_days_invalid`."""
        if self.state is SignedState.UNSIGNED and self.drop_after is not None:
            raise RetentionError("retention_unsigned_dropped")
        given = [days for days in (self.move_after, self.drop_after) if days is not None]
        inside = all(LEAST_DAYS <= days <= MOST_DAYS for days in given)
        if not given or not inside or (len(given) == 2 and given[0] >= given[1]):
            raise RetentionError("retention_days_invalid", least=LEAST_DAYS, most=MOST_DAYS)

    def __str__(self) -> str:
        """Return it as it is written."""
        state = "" if self.state is SignedState.SIGNED else f" {self.state.value}"
        steps = [
            f"{step} after {days} days"
            for step, days in (("move", self.move_after), ("drop", self.drop_after))
            if days is not None
        ]
        return f"{self.modality}{state}: {', '.join(steps)}"


@dataclass(frozen=True)
class RetentionRule:
    """What a site's rule says; without terms everything is kept for ever."""

    terms: tuple[RetentionTerm, ...] = ()

    def __post_init__(self) -> None:
        """Raise RetentionError `retention_rule_repeated` where two terms speak of the same."""
        spoken = [(term.modality, term.state) for term in self.terms]
        for modality, state in spoken:
            if spoken.count((modality, state)) > 1:
                raise RetentionError("retention_rule_repeated", modality=modality)

    def term(self, modality: str, state: SignedState) -> RetentionTerm | None:
        """Return what holds for a study: of its modality, else of every one."""
        found = {term.modality: term for term in self.terms if term.state is state}
        return found.get(modality.upper()) or found.get(EVERY_MODALITY)

    @property
    def moves(self) -> bool:
        """Whether anything of it needs slower storage."""
        return any(term.move_after is not None for term in self.terms)

    def first_days(self, state: SignedState) -> int | None:
        """Return after how many days the first study is concerned; None where none ever is."""
        days = [
            day
            for term in self.terms
            if term.state is state
            for day in (term.move_after, term.drop_after)
            if day is not None
        ]
        return min(days, default=None)


@dataclass(frozen=True)
class StudyFacts:
    """What a rule asks of a study."""

    case_id: str
    modality: str
    received_at: datetime
    signed_at: datetime | None
    """Its newest signature; None where its report is not signed as it stands."""
    open_alert: bool = False
    frozen: bool = False
    """Of the site's frozen cases."""
    moved: bool = False
    dropped: bool = False


@dataclass(frozen=True)
class RetentionDecision:
    """What becomes of a study's images now, and what keeps them where the rule would not."""

    action: RetentionAction
    held_back: HeldBack | None = None


def parse(lines: Iterable[str]) -> RetentionRule:
    """Return the rule that is written in `lines`, one term each or several divided by `;`.

    RetentionError `retention_rule_invalid`, and as `RetentionTerm` and `RetentionRule`.
    """
    texts = [text.strip() for line in lines for text in line.split(";")]
    return RetentionRule(tuple(_term(text) for text in texts if text))


def decide(rule: RetentionRule, study: StudyFacts, now: datetime) -> RetentionDecision:
    """Return what `rule` says of `study` at `now`.

    Days count from the newest signature or from the receipt, whichever is later: a clock that was
    wrong at the one makes no study old.
    """
    if study.dropped:
        return RetentionDecision(RetentionAction.KEEP)
    state = SignedState.UNSIGNED if study.signed_at is None else SignedState.SIGNED
    since = max(study.received_at, study.signed_at or study.received_at)
    wanted = _due(rule.term(study.modality, state), now - since)
    if wanted is RetentionAction.MOVE and study.moved:
        wanted = RetentionAction.KEEP
    if wanted is RetentionAction.KEEP:
        return RetentionDecision(wanted)
    if study.open_alert:
        return RetentionDecision(RetentionAction.KEEP, HeldBack.ALERT)
    if study.frozen:
        return RetentionDecision(RetentionAction.KEEP, HeldBack.FROZEN)
    return RetentionDecision(wanted)


def _due(term: RetentionTerm | None, age: timedelta) -> RetentionAction:
    if term is None:
        return RetentionAction.KEEP
    if term.drop_after is not None and age >= timedelta(days=term.drop_after):
        return RetentionAction.DROP
    if term.move_after is not None and age >= timedelta(days=term.move_after):
        return RetentionAction.MOVE
    return RetentionAction.KEEP


def _term(text: str) -> RetentionTerm:
    line = _LINE.fullmatch(text)
    days: dict[str, int] = {}
    for part in re.split(r",\s*(?=[a-z])", line["steps"], flags=re.I) if line else ():
        step = _STEP.fullmatch(part.strip())
        if step is None or step["step"].lower() in days:
            raise RetentionError("retention_rule_invalid", rule=text[:80])
        # More digits than any number of days has are no number of days.
        days[step["step"].lower()] = int(step["days"].replace(",", "")[:9])
    if line is None:
        raise RetentionError("retention_rule_invalid", rule=text[:80])
    return RetentionTerm(
        modality=line["modality"].upper(),
        state=SignedState((line["state"] or SignedState.SIGNED).lower()),
        move_after=days.get("move"),
        drop_after=days.get("drop"),
    )
