"""Storage commitment, push model (PS3.4 J): a PACS is asked to keep what it was sent (N-ACTION) and
reports (N-EVENT-REPORT) on the same association or, sooner or later, on one of its own."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from radraft.core.errors import StorageError
from radraft.exchange._association import association, require_answered
from radraft.exchange.values import CommitmentSink, DeliveryError
from radraft.reports.commitment import CommitmentReport
from radraft.reports.outgoing_entry import FailureKind, SopInstance

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.events import Event

    from radraft.exchange.targets import Target

_LOG = logging.getLogger("radraft.exchange.storage_commitment")

PUSH_MODEL = "1.2.840.10008.1.20.1"
"""The SOP class."""
_INSTANCE = "1.2.840.10008.1.20.1.1"
"""The well-known SOP instance (PS3.4 J.3.5)."""
_REQUEST = 1
"""Action Type ID (PS3.4 J.3.2)."""
_ALL_KEPT, _SOME_FAILED = 1, 2
"""Event Type IDs (PS3.4 J.3.3)."""
SUCCESS, PROCESSING_FAILURE = 0x0000, 0x0110
NO_SUCH_EVENT, INVALID_ARGUMENT = 0x0113, 0x0115
"""Statuses of PS3.7 10.1.1 with which a report is answered."""
_NOT_SUPPORTED = frozenset({3, 4})
"""Results of a context (PS3.8 9.3.3.2) that say that the PACS does not offer it; the others may be
of this moment."""
LINGER_S = 3.0
"""How long a report is waited for on the association of the request."""
_STEP_S = 0.02
_UID = re.compile(r"[0-9.]{1,64}")
_UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, OSError,
    RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What pydicom raises of a data set that is none."""


def ask(
    target: Target, transaction_uid: str, instances: Sequence[SopInstance], sink: CommitmentSink
) -> bool:
    """Ask for the commitment to instances; False where the PACS does not offer the service.

    A report that comes on this association is given to `sink` before it returns. DeliveryError
    `dicom_unreachable`, `delivery_tls_failed`, `dicom_association_rejected`: nothing was asked;
    `commitment_request_refused`: it was refused; `commitment_no_answer`: whether it was understood
    is not known.
    """
    from pynetdicom import evt

    terms = target.commitment
    assert terms is not None
    exchange = _ReportExchange(sink, terms.called_aet, target.timeout_s)
    try:
        with association(
            target,
            PUSH_MODEL,
            host=terms.host,
            called_aet=terms.called_aet,
            handlers=[
                (evt.EVT_N_EVENT_REPORT, exchange.take),
                (evt.EVT_PDU_SENT, exchange.note_sent),
            ],
        ) as opened:
            require_answered(opened)
            if not opened.is_established:
                if all(context.result in _NOT_SUPPORTED for context in opened.rejected_contexts):
                    return False
                raise DeliveryError("dicom_association_rejected", FailureKind.AWAY)
            try:
                _request(opened, transaction_uid, instances)
                exchange.wait(opened)
            finally:
                exchange.end(opened)
    finally:
        exchange.over.set()
    return True


class _ReportExchange:
    """A report on the association of its request, from when it comes until it is answered. An
    association that is being released carries no answer, and pynetdicom breaks over one."""

    def __init__(self, sink: CommitmentSink, source: str, patience_s: float) -> None:
        self._sink = sink
        self._source = source
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._begun = self._ending = False
        self._taken, self._answered = threading.Event(), threading.Event()
        self.over = threading.Event()
        """Set once the association has ended."""

    def take(self, event: Event) -> tuple[int, None]:
        """Return the status of the report. One that comes while the association ends is written
        down, and not answered."""
        with self._lock:
            is_late = self._ending
            self._begun = self._begun or not is_late
        try:
            status = answer(event, self._sink, source=self._source)
        finally:
            if is_late:
                self.over.wait(2 * self._patience_s)
            else:
                self._taken.set()
        return status, None

    def note_sent(self, event: Event) -> None:
        """Note that the answer has left: nothing else is sent once a report was taken."""
        if self._taken.is_set():
            self._answered.set()

    def wait(self, opened: Any) -> None:
        """Wait for a report that is answered, where the PACS does not end the association."""
        until = time.monotonic() + LINGER_S
        while opened.is_established and time.monotonic() < until:
            if self._answered.wait(_STEP_S):
                return

    def end(self, opened: Any) -> None:
        """Let no further report be answered, after the one that has come."""
        with self._lock:
            self._ending = True
        until = time.monotonic() + self._patience_s
        while self._begun and opened.is_established and time.monotonic() < until:
            if self._answered.wait(_STEP_S):
                return


def answer(event: Event, sink: CommitmentSink, *, source: str) -> int:
    """Return the status that a report of `source`, an AE title, is answered with, once what it says
    is written down. What nobody asked for is refused, and a report that comes again is taken."""
    found = report_of(event)
    if isinstance(found, int):
        return found
    try:
        known = sink.take(found, source=source)
    except StorageError as error:
        _LOG.error("a storage commitment could not be written down: %s", type(error).__name__)
        return PROCESSING_FAILURE
    if not known:
        _LOG.warning("a storage commitment that was not asked for was refused")
        return INVALID_ARGUMENT
    return SUCCESS


def report_of(event: Event) -> CommitmentReport | int:
    """Return what a report says, or the status that refuses it."""
    request: Any = event.request
    if request.EventTypeID not in {_ALL_KEPT, _SOME_FAILED}:
        return NO_SUCH_EVENT
    try:
        said = event.event_information
        transaction_uid = str(said.TransactionUID)
        kept = frozenset(map(_instance, said.get("ReferencedSOPSequence") or ()))
        failed = {
            _instance(item): int(item.get("FailureReason") or 0)
            for item in said.get("FailedSOPSequence") or ()
        }
    except _UNREADABLE:
        return INVALID_ARGUMENT
    if _UID.fullmatch(transaction_uid) is None:
        return INVALID_ARGUMENT
    return CommitmentReport(transaction_uid, kept, failed)


def _instance(item: Dataset) -> SopInstance:
    return SopInstance(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))


def _request(opened: Any, transaction_uid: str, instances: Sequence[SopInstance]) -> None:
    """DeliveryError `commitment_request_refused`, `commitment_no_answer`."""
    from pydicom.dataset import Dataset

    asked = Dataset()
    asked.TransactionUID = transaction_uid
    asked.ReferencedSOPSequence = []
    for instance in instances:
        item = Dataset()
        item.ReferencedSOPClassUID = instance.sop_class
        item.ReferencedSOPInstanceUID = instance.uid
        asked.ReferencedSOPSequence.append(item)
    try:
        said, _ = opened.send_n_action(asked, _REQUEST, PUSH_MODEL, _INSTANCE)
    except (AttributeError, RuntimeError, ValueError):
        # Aborted meanwhile, or answered with another message.
        raise DeliveryError("commitment_no_answer", FailureKind.UNCLEAR) from None
    if "Status" not in said:
        raise DeliveryError("commitment_no_answer", FailureKind.UNCLEAR)
    if int(said.Status) != SUCCESS:
        status = f"{int(said.Status):04X}"
        raise DeliveryError("commitment_request_refused", FailureKind.REFUSED, status=status)
