"""Who is on a study: whose pages have it open, which of them writes in it, what each is told.

Presence is a notice and no lock: whoever may write can save, whoever else is there. Rules only:
rows are in `store.presence`, the steps in `pipeline.presence`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from radraft.reports.accounts import Session, SessionState, SessionTerms
from radraft.reports.lifecycle import same_person
from radraft.reports.people import Person
from radraft.reports.roles import Permission

LAPSES = timedelta(seconds=30)
"""Without a sign of life from a page, after which nobody is at it."""


@dataclass(frozen=True)
class OpenPage:
    """A page of somebody's browser that has a study open. Times are by the database's clock."""

    session_id: str
    page: str
    """Tells the pages of one session from each other."""
    case_id: str
    site: str
    """Of the case."""
    person: Person
    opened_at: datetime
    seen_at: datetime
    """Its last sign of life."""
    taken_at: datetime | None = None
    """When its person took the study over from whoever was on it; None where he did not."""
    writing: bool = False
    """Whether he has changed anything in it since he opened it."""
    reading_site: str = ""
    """The other site whose readers the case is for; empty: its own."""


@dataclass(frozen=True)
class PresentPerson:
    """Somebody who has a study open, in one page or in several."""

    person: Person
    since: datetime
    taken_at: datetime | None
    writing: bool


class Standing(StrEnum):
    """What somebody is told who has a study open."""

    ALONE = "alone"
    """Nobody else has."""
    FIRST = "first"
    """He is on it, and others have it open too."""
    SECOND = "second"
    """Somebody else is on it."""
    TAKEN_OVER = "taken_over"
    """Somebody else took it over while he had it open."""


def is_there(page: OpenPage, session: Session, terms: SessionTerms, now: datetime) -> bool:
    """Return whether the page's person is at it: it has not lapsed, its session is open, and he may
    still write at its site, or where it is read for that."""
    return (
        not has_lapsed(page, now)
        and session.state(terms, now) is SessionState.OPEN
        and (
            session.account.may(Permission.WRITE, page.site)
            or (
                page.reading_site != ""
                and session.account.may_for_other(Permission.WRITE, page.reading_site)
            )
        )
    )


def has_lapsed(page: OpenPage, now: datetime) -> bool:
    """Return whether a page gave no sign of life within `LAPSES`. One that lies ahead by more is
    none either: the clock went back since."""
    return abs(now - page.seen_at) > LAPSES


def present(pages: Iterable[OpenPage]) -> tuple[PresentPerson, ...]:
    """Return the people at the pages of one study, the one who is on it first.

    That is whoever took it over last, or else whoever opened it first; once he is gone it is the
    next. Several pages of one person are one presence.
    """
    ordered = sorted(pages, key=lambda page: page.person.id or "")
    people = [_joined(list(own)) for _, own in groupby(ordered, key=lambda page: page.person.id)]
    return tuple(sorted(people, key=_order))


def standing(people: tuple[PresentPerson, ...], person: Person) -> Standing:
    """Return what `person` is told of a study that these `people` (`present`) have open."""
    if all(same_person(other.person, person) for other in people):
        return Standing.ALONE
    on_it = people[0]
    if same_person(on_it.person, person):
        return Standing.FIRST
    own = next((other for other in people if same_person(other.person, person)), None)
    if own is None or on_it.taken_at is None or on_it.taken_at < own.since:
        return Standing.SECOND
    return Standing.TAKEN_OVER


def taken_at(pages: Iterable[OpenPage], now: datetime) -> datetime:
    """Return the moment of a take-over at `now`: after all others of the study, whatever a clock
    says."""
    before = [page.taken_at for page in pages if page.taken_at is not None]
    return max([now, *(moment + timedelta(microseconds=1) for moment in before)])


def _joined(pages: list[OpenPage]) -> PresentPerson:
    taken = [page.taken_at for page in pages if page.taken_at is not None]
    return PresentPerson(
        person=pages[0].person,
        since=min(page.opened_at for page in pages),
        taken_at=max(taken, default=None),
        writing=any(page.writing for page in pages),
    )


def _order(present: PresentPerson) -> tuple[bool, float, datetime, str]:
    taken = present.taken_at
    latest = 0.0 if taken is None else -taken.timestamp()
    return taken is None, latest, present.since, present.person.id or ""
