"""The DICOM listener: C-ECHO, C-STORE and reports of storage commitment (PS3.4 A, B, J). Success
means durable and committed."""

from __future__ import annotations

import logging
import ssl
import threading
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core.errors import SettingsError, StorageError
from radraft.exchange._elements import SOP_INSTANCE, STUDY, encoded_as, uids
from radraft.exchange.addresses import Network, is_within
from radraft.exchange.storage_commitment import INVALID_ARGUMENT, PUSH_MODEL, answer
from radraft.exchange.values import CommitmentSink, Incoming, ObjectSink
from radraft.studies import _sop

if TYPE_CHECKING:
    from pynetdicom.events import Event


_LOG = logging.getLogger("radraft.intake")

SUCCESS, OUT_OF_RESOURCES, MISMATCH, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000
"""Statuses of PS3.4 B.2.3."""
_REJECTED, _BY_USER, _CALLING_UNKNOWN = 0x01, 0x01, 0x03
_FOR_NOW, _BY_PRESENTATION, _LIMIT_REACHED = 0x02, 0x03, 0x02
"""A-ASSOCIATE-RJ of PS3.8 9.3.4."""
PDU = 1 << 17
"""Largest PDU that we ask for, in bytes."""


@dataclass(frozen=True)
class Peer:
    """Who may send. A peer without `host` may send from anywhere."""

    aet: str
    host: str = ""
    """An address or a network (`10.1.2.0/24`)."""
    site: str = ""

    def is_it(self, aet: str, address: str) -> bool:
        """Return whether a caller of that title and address is this peer."""
        if aet != self.aet:
            return False
        return self.network is None or is_within(address, (self.network,))

    @property
    def network(self) -> Network | None:
        """Return where it sends from; None: from anywhere."""
        return ip_network(self.host, strict=False) if self.host else None


@dataclass(frozen=True)
class Tls:
    """Our certificate, and whose client certificates are believed; without `ca` none is asked."""

    certificate: Path
    key: Path | None
    ca: Path | None

    def context(self) -> ssl.SSLContext:
        """SettingsError `dicom_tls_unusable`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.ca is not None:
                context.load_verify_locations(self.ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError):
            raise SettingsError("dicom_tls_unusable") from None
        return context


@dataclass(frozen=True)
class ListenerSettings:
    """Where and to whom the listener listens."""

    host: str
    port: int
    aet: str
    site: str
    """Of peers that name none."""
    peers: tuple[Peer, ...] = ()
    """Nobody else may send; where it is empty, everybody who reaches `host`."""
    tls: Tls | None = None
    most_bytes: int = 1 << 30
    """Of one data set."""
    most_associations: int = 16
    most_each: int | None = None
    """Associations of one address; None: as many as there are."""
    request_s: float = 10.0
    """Longest time from a connection to its association request, TLS handshake included."""
    patience_s: float = 60.0
    """Longest silence of a peer within a message."""
    idle_s: float = 300.0
    """Longest silence between two messages."""


class Listener:
    """Accepts associations, on threads of its own, from construction until `close`."""

    def __init__(
        self,
        settings: ListenerSettings,
        sink: ObjectSink,
        commitments: CommitmentSink | None = None,
    ) -> None:
        """SettingsError `dicom_port_in_use` or `dicom_tls_unusable`."""
        self._settings = settings
        self._sink = sink
        self._commitments = commitments
        self._failed = 0
        self._counting = threading.Lock()
        self._entity = self._make()
        self._server = self._bind()
        self.port: int = self._server.server_address[1]
        """The port, also where 0 asked for any."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="radraft-dicom", daemon=True
        )
        self._thread.start()
        _LOG.info("listening for DICOM, TLS %s", "on" if settings.tls else "off")

    @property
    def failed(self) -> int:
        """Return how many objects were not stored."""
        return self._failed

    def close(self) -> None:
        """Stop accepting, and abort the associations that are open."""
        self._server.shutdown()
        for association in self._server.active_associations:
            association.abort()
        self._thread.join()

    def _make(self) -> Any:
        from pynetdicom import AE, _config
        from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

        # Private classes of real scanners are stored like all others; its debug texts cost time.
        _config.UNRESTRICTED_STORAGE_SERVICE = True
        _config.LOG_HANDLER_LEVEL = "none"
        entity = AE(self._settings.aet)
        entity.require_called_aet = True
        entity.maximum_pdu_size = PDU
        entity.maximum_associations = self._settings.most_associations
        entity.acse_timeout = self._settings.request_s
        entity.dimse_timeout = self._settings.patience_s
        entity.network_timeout = self._settings.idle_s
        entity.add_supported_context(Verification)
        if self._commitments is not None:
            # The peer that calls is the provider here: it reports on what it was asked.
            entity.add_supported_context(PUSH_MODEL, scu_role=False, scp_role=True)
        return entity

    def _bind(self) -> Any:
        from pynetdicom import evt

        from radraft.exchange._transport import Allowance, ConnectionLimits, Server

        settings = self._settings
        try:
            server = self._entity.make_server(
                (settings.host, settings.port),
                ssl_context=settings.tls.context() if settings.tls else None,
                evt_handlers=[
                    (evt.EVT_REQUESTED, self._meet),
                    (evt.EVT_C_STORE, self._store),
                    (evt.EVT_N_EVENT_REPORT, self._commit),
                ],
                server_class=Server,
            )
        except OSError:
            raise SettingsError("dicom_port_in_use", port=settings.port) from None
        server.allowance = Allowance(settings.most_bytes, 2 * settings.most_bytes)
        networks = [peer.network for peer in settings.peers]
        known = [network for network in networks if network is not None]
        server.networks = known if settings.peers and len(known) == len(networks) else None
        server.limits = ConnectionLimits(
            connections=2 * settings.most_associations,
            pending_each=settings.most_associations,
            request_s=settings.request_s,
            silence_s=settings.patience_s,
        )
        return server

    def _peer(self, event: Event) -> Peer | None:
        """Return the calling peer; None where it may not send."""
        caller = event.assoc.requestor
        aet = (caller.primitive.calling_ae_title or "").strip() if caller.primitive else ""
        if not self._settings.peers:
            return Peer(aet)
        return next(
            (peer for peer in self._settings.peers if peer.is_it(aet, caller.address)), None
        )

    def _meet(self, event: Event) -> None:
        """Reject strangers; of several transfer syntaxes have those first that can be read."""
        association = event.assoc
        most = self._settings.most_each
        if self._peer(event) is None:
            _reject(association, _REJECTED, _BY_USER, _CALLING_UNKNOWN)
            _LOG.warning("an association of a peer that is not configured was rejected")
            return
        if most is not None and self._others_of(association) >= most:
            _reject(association, _FOR_NOW, _BY_PRESENTATION, _LIMIT_REACHED)
            _LOG.warning("an address has all the associations that it may have; one was rejected")
            return
        asked = association.requestor.primitive
        for context in asked.presentation_context_definition_list if asked else ():
            context.transfer_syntax = sorted(
                context.transfer_syntax, key=lambda syntax: str(syntax) not in _sop.DECODABLE
            )

    def _others_of(self, association: Any) -> int:
        """Return how many other associations the same address has."""
        address = association.requestor.address
        return sum(
            other.is_established and other.requestor.address == address
            for other in self._server.active_associations
            if other is not association
        )

    def _store(self, event: Event) -> int:
        """Return the status of one C-STORE."""
        peer = self._peer(event)
        assert peer is not None
        incoming = incoming_of(event)
        if isinstance(incoming, int):
            return self._not_stored(incoming)
        try:
            self._sink.keep(
                incoming, source=peer.aet.upper(), site=peer.site or self._settings.site
            )
        except (OSError, StorageError) as error:
            _LOG.error("an object could not be stored: %s", type(error).__name__)
            return self._not_stored(OUT_OF_RESOURCES)
        finally:
            incoming.data_set.release()
        return SUCCESS

    def _commit(self, event: Event) -> tuple[int, None]:
        """Return the status of one N-EVENT-REPORT."""
        peer = self._peer(event)
        if peer is None or self._commitments is None:
            return INVALID_ARGUMENT, None
        return answer(event, self._commitments, source=peer.aet), None

    def _not_stored(self, status: int) -> int:
        with self._counting:
            self._failed += 1
        return status


def _reject(association: Any, result: int, source: int, reason: int) -> None:
    association.acse.send_reject(result, source, reason)
    association.kill()
    association.is_rejected = True


def incoming_of(event: Event) -> Incoming | int:
    """Return the object of a C-STORE request as it was sent, or the status that refuses it."""
    from pynetdicom.dsutils import create_file_meta, encode_file_meta

    request: Any = event.request
    if request.DataSet is None:
        return NOT_UNDERSTOOD
    syntax = str(event.context.transfer_syntax)
    data_set: memoryview = request.DataSet.getbuffer()
    found = uids(data_set, **encoded_as(syntax))
    sop_uid = str(request.AffectedSOPInstanceUID)
    if found.get(SOP_INSTANCE, sop_uid) != sop_uid:
        return MISMATCH
    meta = create_file_meta(
        sop_class_uid=request.AffectedSOPClassUID,
        sop_instance_uid=request.AffectedSOPInstanceUID,
        transfer_syntax=event.context.transfer_syntax,
    )
    head = b"\0" * 128 + b"DICM" + encode_file_meta(meta)
    return Incoming(head, data_set, syntax, sop_uid, found.get(STUDY, ""))
