"""Links by which a hospital's system opens a signed study for a person who has no account here.

The system asks for a link with its token and names the accession number and the person; radraft
seals both, and when the link ends, with the site's secret (AES-256-GCM): nobody who holds a link
can read or change it. A link is good once and for minutes. The visit that it begins ends by itself,
and with the token: a token that is revoked, or replaced by another, lets nobody in any more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from radraft.core import sealed
from radraft.core.errors import NotFound, SignInError
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, Outcome
from radraft.reports.characters import refused
from radraft.reports.machine_tokens import MachineToken, TokenState
from radraft.reports.people import MAX_NAME
from radraft.reports.roles import Scope
from radraft.store import audit, machine_tokens, numbered_studies, visits
from radraft.store.visits import Visit
from radraft.studies.name_search import number_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store

MOST_MINUTES = 15
PRESET_MINUTES = 5
"""How long a link may be opened."""
VISIT = timedelta(minutes=60)
"""How long whoever opened it stays."""
KEPT = timedelta(days=1)
"""How long a visit is remembered: longer than its link could be opened."""
MOST_LINK = 4000
"""Characters: what is longer was not made here."""
MOST_PERSON_ID = 64
_KEY_LABEL = b"radraft study links, key 1"
_PERSON_LABEL = b"radraft study links, people, key 1"
_OWNER = "study link"
_TOLD = 5
"""Studies of one accession number that the audit names with a link."""


@dataclass(frozen=True)
class StudyLink:
    """A link that was made."""

    secret: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class BegunVisit:
    """A visit, and the secret that its browser is to hold."""

    visit: Visit
    secret: str = field(repr=False)


class StudyLinks:
    """Makes and opens links. Thread-safe; all it knows is in the store."""

    def __init__(
        self, store: Store, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._now = now

    def make(
        self,
        token: MachineToken,
        *,
        accession: str,
        name: str,
        person_id: str,
        minutes: int = PRESET_MINUTES,
        address: str = "",
    ) -> StudyLink:
        """Return a link for one person to the studies of one accession number; whether there are
        any is said to him who opens it.

        SignInError `study_link_person_invalid` for a name or number that is none,
        `study_link_accession_invalid`.
        """
        name, person_id = name.strip(), person_id.strip()
        if not _is_line(name, MAX_NAME) or not _is_line(person_id, MOST_PERSON_ID):
            raise SignInError("study_link_person_invalid", most=MAX_NAME)
        if not number_key(accession):
            raise SignInError("study_link_accession_invalid")
        link_id = f"l-{secrets.token_hex(8)}"
        expires_at = self._now() + timedelta(minutes=minutes)
        text = json.dumps(
            {
                "link": link_id,
                "token": token.token_id,
                "accession": number_key(accession),
                "name": name,
                "person": self._person_ref(token, person_id),
                "expires": int(expires_at.timestamp()),
            },
            ensure_ascii=False,
        )
        with self._store.begin() as session:
            actor = AuditActor(token.name, token.token_id, address)
            self._note(session, actor, accession, link=link_id, what="made", person=name)
        return StudyLink(sealed.seal(self._key, text, _OWNER), expires_at)

    def open(self, link: str, accession: str, *, address: str) -> BegunVisit:
        """Begin the visit that a link is good for.

        SignInError `study_link_invalid` for what was not made here or was changed,
        `study_link_foreign` for a link to another study, `study_link_expired`, `study_link_used`,
        `study_link_revoked` where its token can be used no more.
        """
        now = self._now()
        said = self._unsealed(link)
        if not hmac.compare_digest(said["accession"].encode(), number_key(accession).encode()):
            raise SignInError("study_link_foreign")
        if now.timestamp() >= said["expires"]:
            raise SignInError("study_link_expired")
        visit = Visit(
            visit_id=f"v-{secrets.token_hex(8)}",
            link_id=said["link"],
            token_id=said["token"],
            name=said["name"],
            person_ref=said["person"],
            accession=said["accession"],
            began_at=now,
            ends_at=now + VISIT,
        )
        secret = secrets.token_urlsafe(32)
        with self._store.begin() as session:
            visits.sweep(session, now - KEPT)
            token = _token(session, visit.token_id, now)
            if token is None:
                raise SignInError("study_link_revoked")
            if not visits.begin(session, visit, secret, address=address):
                raise SignInError("study_link_used")
            actor = AuditActor(visit.name, visit.person_ref, address)
            via = f"{token.name} ({token.token_id})"
            self._note(session, actor, accession, link=visit.link_id, what="opened", via=via)
        return BegunVisit(visit, secret)

    def visit(self, secret: str) -> tuple[Visit, MachineToken]:
        """Return the visit of a browser, and the token that answers for it. SignInError
        `visit_ended`."""
        now = self._now()
        with self._store.read() as session:
            found = visits.by_secret(session, secret)
            token = None if found is None else _token(session, found.token_id, now)
        if found is None or token is None or now >= found.ends_at:
            raise SignInError("visit_ended")
        return found, token

    def end(self, secret: str) -> None:
        """Have a visit be over; what is none is none."""
        with self._store.begin() as session:
            visits.end(session, secret, self._now())

    def refusal(self, error: SignInError, *, address: str) -> AuditEvent:
        """Return what the audit is told of a link that was refused."""
        return AuditEvent(
            AuditKind.STUDY_LINK,
            self._now(),
            AuditActor("", address=address),
            outcome=Outcome.REFUSED,
            code=error.code,
        )

    @property
    def _key(self) -> bytes:
        return sealed.key_of(self._store.secret, _KEY_LABEL)

    def _person_ref(self, token: MachineToken, person_id: str) -> str:
        """What stands for a person of a hospital's system: the same with its next token of the same
        name, and nobody reads his number there from it."""
        key = sealed.key_of(self._store.secret, _PERSON_LABEL)
        text = f"{token.name}\0{person_id}".encode()
        return f"h-{hmac.new(key, text, hashlib.sha256).hexdigest()[:16]}"

    def _unsealed(self, link: str) -> dict[str, Any]:
        if len(link) > MOST_LINK or not link.isascii():
            raise SignInError("study_link_invalid")
        try:
            said: dict[str, Any] = json.loads(sealed.unseal(self._key, link, _OWNER))
        except ValueError:
            raise SignInError("study_link_invalid") from None
        return said

    def _note(self, session: Session, actor: AuditActor, accession: str, **details: str) -> None:
        """Write a link down with each study that it opens now; without any where there is none."""
        found = numbered_studies.of_accession(session, number_key(accession), _TOLD)
        places: list[tuple[str, str | None]] = [(study.site, study.case_id) for study in found]
        for site, case_id in places or [("", None)]:
            event = AuditEvent(
                AuditKind.STUDY_LINK,
                self._now(),
                actor,
                site=site,
                case_id=case_id,
                details=details,
            )
            audit.append(session, event)


def _token(session: Session, token_id: str, now: datetime) -> MachineToken | None:
    """Return the token of a link while it can be used for links."""
    try:
        token = machine_tokens.get(session, token_id)
    except NotFound:
        return None
    usable = token.state(now) is TokenState.USABLE and Scope.LINK in token.scopes
    return token if usable else None


def _is_line(text: str, most: int) -> bool:
    return 1 <= len(text) <= most and text.isprintable() and not any(refused(text))
