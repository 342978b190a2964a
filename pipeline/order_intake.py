"""Orders and corrections of patients that come over HL7: a message is answered once it is
committed, and taken once.

What cannot be read is kept for a person and its sender told why; what cannot be kept is refused,
and its sender sends it again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import MessageError, SettingsError, StorageError, StorageUnavailable
from radraft.core.networks import is_loopback
from radraft.exchange import hl7_answer, hl7_fields, hl7_order, hl7_patient
from radraft.exchange.hl7_bytes import DecodedMessage, decoded
from radraft.pipeline.orders import match_missed, take_order
from radraft.pipeline.patient_corrections import forget_unneeded, look_again, take_patients
from radraft.reports.hl7_text import Message, parsed
from radraft.store import order_messages
from radraft.store.order_messages import MessageKey, MessageState, StoredMessage
from radraft.store.orders import OrderSource, Said
from radraft.store.patient_records import Entered

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.settings import Settings
    from radraft.exchange.mllp_listener import MllpListener, MllpSettings
    from radraft.store.database import Store

_LOG = logging.getLogger("radraft.orders")

TICK_S = 60.0
"""How often orders are matched again, and studies brought to what was said of their patients."""
TICKS_KEPT = 60
"""After how many of them what nobody needs is forgotten."""
TAKEN = hl7_order.ORDER_KINDS | hl7_patient.PATIENT_KINDS
"""Types of messages that are taken."""
UNREADABLE = "unreadable"
"""Among what is counted: a message that was refused."""


@dataclass(frozen=True)
class _Read:
    """A message whose header could be read."""

    message: Message
    decoded: DecodedMessage
    key: MessageKey


class OrderIntake:
    """Takes HL7 messages. Threads may share one, and processes one store."""

    def __init__(self, store: Store, authorities: Mapping[str, str] | None = None) -> None:
        """Make one. `authorities`: by site, whose patient numbers its studies bear (CX.4); all
        count at others."""
        self._store = store
        self._authorities = dict(authorities or {})
        self._counts: Counter[str] = Counter()
        self._counting = threading.Lock()

    def counts(self) -> dict[str, int]:
        """Return how many messages were taken since the start, by what became of them."""
        with self._counting:
            return dict(self._counts)

    def receive(self, raw: bytes, *, site: str, source: str) -> bytes:
        """Return the answer to a message; what it says is durable by then."""
        now = datetime.now(UTC)
        try:
            read = _read(raw)
        except MessageError as error:
            return self._not_read(raw, error, site, now)
        if read.message.kind not in TAKEN:
            # Read well, and neither order nor correction: its sender is told, and nothing of a feed
            # that was sent to the wrong place is kept.
            self._count(UNREADABLE)
            wrong = MessageError("hl7_type_unsupported")
            return hl7_answer.refused(read.message, wrong, codec=read.decoded.codec, now=now)
        try:
            self._take(read, raw, site, now, address=source)
        except MessageError as error:
            return self._refused(read, raw, error, site, now)
        except (StorageError, SQLAlchemyError) as error:
            _LOG.error("an HL7 message could not be kept: %s", type(error).__name__)
            return self._not_kept(read, error, now)
        except Exception as error:  # noqa: BLE001 - the type only: its text may quote the message
            _LOG.error("an HL7 message broke the line: %s", type(error).__name__)
            return self._refused(read, raw, MessageError("hl7_breaks_line"), site, now)
        return hl7_answer.accepted(read.message, codec=read.decoded.codec, now=now)

    def refuse(self, beginning: bytes, code: str) -> bytes:
        """Return the answer to a message of which only the beginning was read."""
        self._count(UNREADABLE)
        header = _header_of(beginning)
        return hl7_answer.refused(header, MessageError(code), now=datetime.now(UTC))

    def read_again(self, message_id: int) -> str | None:
        """Read a message that was kept once more; the code of what keeps it from being taken.

        NotFound `order_message_not_found`.
        """
        with self._store.read() as session:
            kept = order_messages.get(session, message_id)
        if kept.content is None:
            return kept.code
        try:
            self._take_again(kept, kept.content)
        except (MessageError, StorageError) as error:
            return error.code
        except SQLAlchemyError as error:
            _LOG.error("a kept HL7 message could not be taken: %s", type(error).__name__)
            return "storage_failed"
        except Exception as error:  # noqa: BLE001 - the type only: its text may quote the message
            _LOG.error("a kept HL7 message broke the line: %s", type(error).__name__)
            return "hl7_breaks_line"
        return None

    def _take_again(self, kept: StoredMessage, content: bytes) -> None:
        """Apply a message that was kept, as of the time when it came."""
        read = _read(content)
        self._take(read, content, kept.site, datetime.now(UTC), heard_at=kept.received_at)
        if read.key != kept.key:
            with self._store.begin() as session:
                order_messages.settle(session, kept.key, MessageState.APPLIED, site=kept.site)

    def _take(
        self,
        read: _Read,
        raw: bytes,
        site: str,
        now: datetime,
        *,
        heard_at: datetime | None = None,
        address: str = "",
    ) -> None:
        """Apply a message, once. `heard_at`: when it came, now where it is not said; `address`:
        where from."""
        with self._store.begin() as session:
            before = order_messages.add(
                session,
                read.key,
                site=site,
                kind=read.message.kind,
                mended=read.decoded.mended,
                content=raw,
                now=now,
            )
            if before is not None and before.state is not MessageState.KEPT:
                self._count("repeated")
                return
            if read.message.kind in hl7_patient.PATIENT_KINDS:
                self._take_patients(session, read.message, site, heard_at or now, address, now)
            else:
                sent_at = hl7_fields.sent_at(read.message)
                said = Said(read.message.sender, sent_at, heard_at or now)
                for order in hl7_order.read_orders(read.message, site=site):
                    take_order(session, order, OrderSource.HL7, now, said)
            order_messages.settle(session, read.key, MessageState.APPLIED, site=site)
        self._count(MessageState.APPLIED.value)

    def _take_patients(
        self,
        session: Session,
        message: Message,
        site: str,
        heard_at: datetime,
        address: str,
        now: datetime,
    ) -> None:
        said = hl7_patient.read_patients(message, authority=self._authorities.get(site, ""))
        take_patients(
            session,
            said,
            site,
            Entered(message.sender, hl7_patient.recorded_at(message), heard_at),
            secret=self._store.secret,
            address=address,
            now=now,
        )

    def _not_read(self, raw: bytes, error: MessageError, site: str, now: datetime) -> bytes:
        key = MessageKey("", "", hashlib.sha256(_body(raw)).hexdigest())
        problem = self._keep(key, raw, error.code, site, "", now) or error
        return hl7_answer.refused(_header_of(raw), problem, now=now)

    def _refused(
        self, read: _Read, raw: bytes, error: MessageError, site: str, now: datetime
    ) -> bytes:
        message = read.message
        problem = self._keep(read.key, raw, error.code, site, message.kind, now) or error
        return hl7_answer.refused(message, problem, codec=read.decoded.codec, now=now)

    def _keep(
        self, key: MessageKey, raw: bytes, code: str, site: str, kind: str, now: datetime
    ) -> StorageError | None:
        """Keep what was refused for a person; what kept that from being done."""
        self._count(UNREADABLE)
        _LOG.warning("an HL7 message was refused: %s", code)
        try:
            with self._store.begin() as session:
                order_messages.add(
                    session, key, site=site, kind=kind, mended=False, content=raw, now=now
                )
                order_messages.settle(session, key, MessageState.KEPT, code, site=site)
        except StorageError as error:
            return error
        except SQLAlchemyError:
            return StorageUnavailable("storage_failed")
        return None

    def _not_kept(self, read: _Read, error: StorageError | SQLAlchemyError, now: datetime) -> bytes:
        self._count("not_kept")
        known = error if isinstance(error, StorageError) else StorageUnavailable("storage_failed")
        return hl7_answer.refused(read.message, known, codec=read.decoded.codec, now=now)

    def _count(self, what: str) -> None:
        with self._counting:
            self._counts[what] += 1


def _read(raw: bytes) -> _Read:
    text = decoded(raw)
    message = parsed(text.text)
    # Without the header, where a sender writes the time of each try.
    body = text.text.lstrip("\ufeff\r\n").partition("\r")[2]
    sha256 = hashlib.sha256((body or text.text).encode("utf-8", "replace")).hexdigest()
    return _Read(message, text, MessageKey(message.sender, message.control_id, sha256))


def _body(raw: bytes) -> bytes:
    """Return what follows the header, where a sender writes the time of each try; all of it where
    there is none."""
    header, _, body = raw.lstrip(b"\xef\xbb\xbf\r\n ").partition(b"\r")
    return body if header.startswith(b"MSH") and body.strip() else raw


def _header_of(beginning: bytes) -> Message | None:
    """Return the header of what could not be read whole, None where that cannot be read either."""
    try:
        return parsed(decoded(beginning.split(b"\r", 1)[0]).text)
    except MessageError:
        return None


@contextmanager
def receiving_orders(settings: Settings, store: Store) -> Iterator[OrderReceiver]:
    """Listen for orders until the end of the context.

    SettingsError `mllp_peers_missing`, `mllp_port_in_use`, `mllp_tls_unusable`.
    """
    from radraft.exchange.mllp_listener import MllpListener

    intake = OrderIntake(store, settings.hl7_authorities)
    receiver = OrderReceiver(store, intake, MllpListener(_listener_settings(settings), intake))
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


class OrderReceiver(threading.Thread):
    """The listener, and what is done from time to time beside it, until `stop` is called."""

    def __init__(self, store: Store, intake: OrderIntake, listener: MllpListener) -> None:
        super().__init__(name="radraft-orders", daemon=True)
        self.intake = intake
        self.listener = listener
        self._store = store
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Thread body."""
        ticks = 0
        while not self._stop_event.wait(TICK_S):
            try:
                look_again(self._store, datetime.now(UTC))
                match_missed(self._store, datetime.now(UTC))
                if ticks % TICKS_KEPT == 0:
                    forget_unneeded(self._store, datetime.now(UTC))
                ticks += 1
            except (StorageError, SQLAlchemyError) as error:
                _LOG.error("matching orders paused: %s", type(error).__name__)

    def stop(self) -> None:
        """Answer what is under way, take nothing more, and end."""
        self.listener.close()
        self._stop_event.set()
        self.join()


def _listener_settings(settings: Settings) -> MllpSettings:
    from radraft.exchange.dimse import Tls
    from radraft.exchange.mllp_listener import MllpPeer, MllpSettings

    if not is_loopback(settings.hl7_host) and not settings.hl7_peers:
        raise SettingsError("mllp_peers_missing")
    tls = None
    if settings.hl7_tls_cert is not None:
        tls = Tls(settings.hl7_tls_cert, settings.hl7_tls_key, settings.hl7_tls_ca)
    return MllpSettings(
        host=settings.hl7_host,
        port=settings.hl7_port,
        site=settings.site,
        peers=tuple(MllpPeer(peer.host, peer.site) for peer in settings.hl7_peers),
        tls=tls,
        most_bytes=settings.hl7_max_kib * 1024,
        most_connections=settings.hl7_connections,
    )
