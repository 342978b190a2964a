"""People who write, confirm and ask, and what they do it as."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from radraft.core.errors import ReportError
from radraft.reports.roles import Permission

MAX_NAME = 64


class PersonKind(StrEnum):
    """How a person is known."""

    TYPED = "typed"
    """By a name that was typed in: typed, not authenticated."""
    ACCOUNT = "account"
    """By the account he had signed in to."""


@dataclass(frozen=True)
class Person:
    """Somebody who answers for what is written. ValueError for an account without its id, and for a
    typed name with one."""

    kind: PersonKind
    name: str = field(repr=False)
    id: str | None = None
    """Of the account, never used again for another person; None for a typed name."""

    def __post_init__(self) -> None:
        """Raise ValueError where kind and id contradict each other."""
        if (self.kind is PersonKind.ACCOUNT) != (self.id is not None):
            raise ValueError("an account has an id, a typed name has none")


class ActorRole(StrEnum):
    """What a person does here at this moment."""

    READER = "reader"
    """Opens, edits and signs as one person, where nobody divides the work."""
    AUTHOR = "author"
    """Writes (书写)."""
    REVIEWER = "reviewer"
    """Reviews and signs what an author wrote (审核)."""
    CLINICIAN = "clinician"
    """Asks about signed reports."""
    ADMIN = "admin"
    SERVICE = "service"
    """A command or another program."""


_WRITES = frozenset({Permission.WRITE})
_SIGNS = _WRITES | {Permission.SIGN, Permission.AMEND}
_PERMISSIONS = {
    ActorRole.READER: _SIGNS,
    ActorRole.AUTHOR: _WRITES,
    ActorRole.REVIEWER: _SIGNS,
}


@dataclass(frozen=True)
class Actor:
    """Who does something in the service, what as, and at which site."""

    who: Person
    role: ActorRole
    site: str
    address: str = ""
    """Where from; empty: on the server itself."""
    session_id: str | None = None
    """Of the session in which he is signed in; None where he is in none."""
    reading_site: str = ""
    """Where he works, where he reads for `site` from another; empty: at `site`."""

    @property
    def permissions(self) -> frozenset[Permission]:
        """Return what he may do with a report as what he is here."""
        return _PERMISSIONS.get(self.role, frozenset())


def typed_person(name: str) -> Person:
    """Return the person behind a typed name. ReportError `author_invalid`."""
    return Person(PersonKind.TYPED, checked_name(name))


def typed_actor(name: str, role: ActorRole, site: str) -> Actor:
    """Return the actor behind a typed name. ReportError `author_invalid`."""
    return Actor(typed_person(name), role, site)


def known_person(name: str, account_id: str | None) -> Person:
    """Return the person whose name and account were stored; None: the name had been typed."""
    kind = PersonKind.TYPED if account_id is None else PersonKind.ACCOUNT
    return Person(kind, name, account_id)


def checked_name(name: str) -> str:
    """Return a person's name without the space around it.

    ReportError `author_invalid` for an empty or long one, and for one that holds a character that
    cannot be seen: control characters, those that turn the direction of writing, zero-width ones.
    """
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise ReportError("author_invalid")
    return name
