"""The keyed chain over all signatures of a store: what was signed, in which order, and no other.

Link n is HMAC-SHA256(key, head of n-1 || what link n says). The key is made of the site secret,
which lies in the data folder and not in the database: whoever can write to the database alone can
change nothing, seal nothing under another name and take nothing out of the middle without its
showing. The newest links can be cut off, and with the secret everything can be made anew; against
both stand the heads that were sent elsewhere before (`signature_log`, docs/signatures.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, tuple_, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports import sign
from radraft.store.tables import SignatureHeadRow, SignatureLinkRow, SignedRow

FIRST = "0" * 64
"""What stands for the head before the first link."""
_KEY_LABEL = b"radraft signature chain, key 1"
_NAME_LABEL = b"radraft signature chain, name 1"
_INFO = "radraft_signature_chain_key"
_LINKED = "radraft_signature_linked"
_SEALED_AT_ONCE = 500


class Fault(StrEnum):
    """What does not hold of a signature or of the chain."""

    CONTENT = "content_changed"
    """The text is not what was signed."""
    UNLINKED = "not_in_chain"
    """A signed version that the chain does not know."""
    MISSING = "version_missing"
    """The chain, or the working report, knows a version that is gone."""
    LINK = "link_broken"
    """A link that the site's key did not make, or that does not follow the one before it."""
    GAP = "links_missing"
    HEAD = "head_differs"
    """The chain does not end where the store says."""
    CUT = "sent_head_missing"
    """A head was sent that the chain does not reach: newer signatures are gone."""
    FORK = "sent_head_differs"
    """Another head was sent of the same number: history was written anew."""
    LOG = "signature_log_unreadable"
    TRIGGER = "trigger_missing"
    WORKING = "shown_report_differs"
    """The working report of a signed case is not what was signed."""


@dataclass(frozen=True)
class Link:
    """One link: the signature it stands for and where it stands."""

    sequence: int
    """1 for the first."""
    case_id: str
    version: int
    schema: int
    """Of the stored form."""
    content_sha: str
    signed_at: datetime
    linked_at: datetime
    """By the clock of who signed; only `sequence` gives the order."""
    inherited: bool
    """Signed before there was a chain, which cannot vouch for the time before `linked_at`."""
    previous: str
    """Head of the link before."""
    head: str


LINK_FIELDS = tuple(item.name for item in fields(Link))
"""Also the columns of its table."""


def chain_key(secret: bytes) -> bytes:
    """Return the chain's key, made of the site secret."""
    return hmac.new(secret, _KEY_LABEL, hashlib.sha256).digest()


def chain_name(key: bytes) -> str:
    """Return 16 hexadecimal characters by which heads of this chain are known among others."""
    return hmac.new(key, _NAME_LABEL, hashlib.sha256).hexdigest()[:16]


def session_info(key: bytes) -> dict[str, object]:
    """Return what a session has to carry to sign and to verify."""
    return {_INFO: key}


def key_of(session: Session) -> bytes:
    """Return the chain's key. ValueError for a session that `Store` did not open."""
    key = session.info.get(_INFO)
    if not isinstance(key, bytes):
        raise ValueError("a session of Store.begin or Store.read is needed")
    return key


def grew(session: Session) -> bool:
    """Return whether this session has added a link."""
    return bool(session.info.get(_LINKED))


def append(session: Session, signed: SignedRow) -> None:
    """Add the link of `signed`, in the transaction that signs it. Other signatures wait until it
    ends, in this process or another.

    ReportError `signature_chain_broken` where the store does not say where the chain ends.
    """
    session.flush()
    where = session.execute(
        select(SignatureHeadRow.sequence, SignatureHeadRow.head)
        .where(SignatureHeadRow.id == 1)
        .with_for_update()
    ).one_or_none()
    if where is None or not where.head:
        raise ReportError("signature_chain_broken")
    link = Link(
        sequence=where.sequence + 1,
        case_id=signed.case_id,
        version=signed.version,
        schema=0,
        content_sha=signed.content_sha,
        signed_at=signed.signed_at,
        linked_at=datetime.now(UTC),
        inherited=False,
        previous=where.head,
        head="",
    )
    link = _sealed(link, signed.content, key_of(session))
    session.execute(insert(SignatureLinkRow).values(**asdict(link)))
    session.execute(
        update(SignatureHeadRow)
        .values(sequence=link.sequence, head=link.head)
        .execution_options(synchronize_session=False)
    )
    session.info[_LINKED] = True


def begin(connection: Connection, key: bytes) -> None:
    """Seal what was signed before there was a chain, once, in the transaction of `connection`."""
    where = connection.execute(
        select(SignatureHeadRow.head).where(SignatureHeadRow.id == 1).with_for_update()
    ).one_or_none()
    # Without the row nothing is sealed: whoever took it away would have it made anew.
    if where is None or where.head:
        return
    sequence, head, now = 0, FIRST, datetime.now(UTC)
    for rows in _signed(connection):
        links = []
        for row in rows:
            link = Link(
                sequence=sequence + 1,
                case_id=row.case_id,
                version=row.version,
                schema=0,
                content_sha=row.content_sha,
                signed_at=row.signed_at,
                linked_at=now,
                inherited=True,
                previous=head,
                head="",
            )
            link = _sealed(link, row.content, key)
            links.append(asdict(link))
            sequence, head = link.sequence, link.head
        connection.execute(insert(SignatureLinkRow), links)
    connection.execute(update(SignatureHeadRow).values(sequence=sequence, head=head))


def link_of(row: SignatureLinkRow | Row[*tuple[Any, ...]]) -> Link:
    """Return the link that `row` keeps."""
    return Link(**{name: getattr(row, name) for name in LINK_FIELDS})


def holds(link: Link, key: bytes) -> bool:
    """Return whether the site's key made this link."""
    return hmac.compare_digest(_head(link, key), link.head)


def fault_of(signed: SignedRow, link: Link | None, key: bytes) -> Fault | None:
    """Return what does not hold of a stored signature; None where it is what was signed."""
    if link is None:
        return Fault.UNLINKED
    if not holds(link, key):
        return Fault.LINK
    stored = (signed.case_id, signed.version, signed.content_sha, signed.signed_at)
    linked = (link.case_id, link.version, link.content_sha, link.signed_at)
    if stored != linked or not sign.verify(signed.content):
        return Fault.CONTENT
    said = json.loads(signed.content)
    # What was sealed at the upgrade may be anything that has its own hash.
    content = tuple(said.get(name) for name in ("case_id", "version", "content_sha", "signed_at"))
    wanted = (*linked[:3], link.signed_at.isoformat())
    return None if content == wanted and said.get("schema", 1) == link.schema else Fault.CONTENT


def _signed(connection: Connection) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    """All signatures in the order of their keys, some at a time."""
    after: tuple[str, int] = ("", 0)
    columns = (
        SignedRow.case_id,
        SignedRow.version,
        SignedRow.content,
        SignedRow.content_sha,
        SignedRow.signed_at,
    )
    while rows := connection.execute(
        select(*columns)
        .where(tuple_(SignedRow.case_id, SignedRow.version) > after)
        .order_by(SignedRow.case_id, SignedRow.version)
        .limit(_SEALED_AT_ONCE)
    ).all():
        yield rows
        after = (rows[-1].case_id, rows[-1].version)


def _sealed(link: Link, content: str, key: bytes) -> Link:
    """`link` with the schema of `content` and its head."""
    link = replace(link, schema=_schema(content))
    return replace(link, head=_head(link, key))


def _schema(content: str) -> int:
    """The number that a stored form says it is of; 0 for what was damaged before it was sealed."""
    try:
        schema = json.loads(content).get("schema", 1)
    except (ValueError, AttributeError, RecursionError):
        return 0
    return schema if type(schema) is int and 0 < schema < 2**31 else 0


def _head(link: Link, key: bytes) -> str:
    said = {
        "sequence": link.sequence,
        "case_id": link.case_id,
        "version": link.version,
        "schema": link.schema,
        "content_sha": link.content_sha,
        "signed_at": link.signed_at.astimezone(UTC),
        "linked_at": link.linked_at.astimezone(UTC),
        "inherited": link.inherited,
    }
    # A head has one length, so that no two of it and what follows read the same.
    message = f"{link.previous:>64.64}{canonical.dumps(said)}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()
