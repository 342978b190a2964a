"""Associations that we open to a PACS to hand it something."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind

if TYPE_CHECKING:
    from radraft.exchange.targets import HostPort, Target

Handlers = Sequence[tuple[Any, Any]]
"""pynetdicom's events with what handles each."""


@contextmanager
def association(
    target: Target,
    sop_class: str,
    *,
    host: HostPort,
    called_aet: str,
    handlers: Handlers = (),
) -> Iterator[Any]:
    """Open an association for one SOP class, established or not, and end it with the context.

    DeliveryError `delivery_tls_failed`.
    """
    opened = _opened(target, sop_class, host, called_aet, handlers)
    connection = opened.dul.socket.socket if opened.dul.socket else None
    try:
        yield opened
    finally:
        if opened.is_established:
            opened.release()
        if connection is not None:
            # pynetdicom leaves it open where the other side closed first, and would wait for ever
            # for one that reads nothing.
            connection.close()
        opened.kill()


def require_answered(opened: Any) -> None:
    """DeliveryError `dicom_association_rejected`, `dicom_unreachable`; none where the PACS agreed,
    whatever contexts it accepted."""
    if opened.is_established:
        return
    if opened.is_rejected:
        # Who may send what is the PACS's setting: it says nothing about the report.
        raise DeliveryError("dicom_association_rejected", FailureKind.AWAY)
    if opened.acceptor.primitive is None:
        raise DeliveryError("dicom_unreachable", FailureKind.AWAY)


def _opened(
    target: Target, sop_class: str, host: HostPort, called_aet: str, handlers: Handlers
) -> Any:
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
    from pynetdicom import AE, _config

    _config.LOG_HANDLER_LEVEL = "none"
    entity = AE(target.calling_aet)
    entity.connection_timeout = target.timeout_s
    entity.acse_timeout = target.timeout_s
    entity.dimse_timeout = target.timeout_s
    entity.network_timeout = target.timeout_s
    # A context each, or the PACS would choose: the object leaves as it was made wherever it may.
    entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
    entity.add_requested_context(sop_class, ImplicitVRLittleEndian)
    try:
        tls = None if target.tls is None else (target.tls.context(), host.host)
    except (OSError, ssl.SSLError):
        raise DeliveryError("delivery_tls_failed", FailureKind.AWAY) from None
    return entity.associate(
        host.host,
        host.port,
        ae_title=called_aet,
        tls_args=tls,
        evt_handlers=list(handlers),
    )
