"""What is written down for good of what people and programs do: events, and no report's text.

An event names the person, the case and the site, and never a patient, a word of a report, a
question or a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

MOST_DETAIL = 200
"""Characters of one detail: an id, a number, a role, a code."""


class AuditKind(StrEnum):
    """What was done."""

    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    UNLOCK = "unlock"
    CONFIRM = "confirm"
    """Proved by the password again who he is."""
    VIEW = "view"
    """A study's page was opened."""
    WRITE = "write"
    """A report was saved."""
    REVIEW = "review"
    """A report was submitted, taken back, returned or taken over, or its amendment cancelled."""
    PRESENCE = "presence"
    """A study was taken over from whoever was on it."""
    SIGN = "sign"
    AMEND = "amend"
    SEARCH = "search"
    """Patients were searched for in the worklist."""
    QUESTION = "question"
    ALERT = "alert"
    """A step with a critical value."""
    INTAKE = "intake"
    """Studies were handed in by a person, or past reports imported."""
    PATIENT = "patient"
    """Patients' data were corrected or numbers merged by a hospital's message, or a person said
    whether a study is of such a patient."""
    EXPORT = "export"
    OUTBOX = "outbox"
    """A report that could not be delivered was sent again or dropped by a person, or signed reports
    were queued for a receiver."""
    RETENTION = "retention"
    """A study's images were dropped by the site's rule, or images moved to slower storage."""
    ACCESS = "access"
    """Something was asked for that its person may not see or do."""
    ACCOUNT = "account"
    """An account was made, disabled or enabled, or its password set."""
    TOKEN = "token"
    """A token of another program was made or revoked."""
    STUDY_LINK = "study_link"
    """A hospital's system had a link made for a person, or he came by it, or was refused."""
    ROLES = "roles"
    SESSIONS_ENDED = "sessions_ended"
    """By somebody else than their person."""
    CONFIGURATION = "configuration"
    ADAPTER = "adapter"
    """Another adapter serves from now on."""
    AUDIT_READ = "audit_read"
    BEGAN = "began"
    """The audit itself: event 1."""
    RESEALED = "resealed"
    """Its end had been changed past radraft; a person said on the server to go on from there."""
    DAMAGED = "damaged"
    """Stands for an event that cannot be read any more."""
    START = "start"
    STOP = "stop"


class Outcome(StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    """By a rule: a wrong password, a role without it, a report that may not be signed."""
    FAILED = "failed"
    """By a fault."""


@dataclass(frozen=True)
class AuditActor:
    """Who did it: a person's account, a name that was typed, or a program."""

    name: str = field(repr=False)
    """As it was then; of a program its own."""
    account_id: str | None = None
    """Of a program its token. None: nobody who was signed in."""
    address: str = ""
    """Where from; empty: on the server itself."""


@dataclass(frozen=True)
class AuditEvent:
    """One event. ValueError for a detail that is too long or holds a line's end."""

    kind: AuditKind
    at: datetime
    actor: AuditActor
    outcome: Outcome = Outcome.DONE
    site: str = ""
    case_id: str | None = None
    code: str = ""
    """Of the error that refused it or failed; empty where it was done."""
    details: Mapping[str, str] = field(default_factory=dict)
    """Ids, numbers, roles; no free text."""

    def __post_init__(self) -> None:
        """Raise ValueError for details that are no ids, numbers or roles."""
        for value in self.details.values():
            if len(value) > MOST_DETAIL or not value.isprintable():
                raise ValueError("a detail of an audit event is one short line")
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))


@dataclass(frozen=True)
class AuditQuery:
    """Which events are wanted, newest first; what is None or empty does not choose."""

    first: datetime | None = None
    last: datetime | None = None
    """Before this moment."""
    kinds: frozenset[AuditKind] = frozenset()
    outcome: Outcome | None = None
    account_id: str | None = None
    name: str = field(default="", repr=False)
    """Part of a person's name."""
    case_id: str | None = None
    address: str = ""
    sites: frozenset[str] | None = None
    """None: all."""
    before: int | None = None
    """Only events with a smaller number: the next page."""
