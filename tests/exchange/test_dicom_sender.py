"""A report is in the PACS only where the PACS says so, and there once however often it is sent."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import BasicTextSRStorage, ComputedRadiographyImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, _config, evt

from radraft.exchange import dicom_sender
from radraft.exchange.targets import HostPort, Target, TargetKind
from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind, OutgoingForm
from tests.processes import free_port

pytestmark = pytest.mark.slow

UID = "1.2.826.0.1.3680043.10.99.1"


def document() -> bytes:
    """A made-up object of a report's class."""
    data_set = Dataset()
    data_set.SOPClassUID = BasicTextSRStorage
    data_set.SOPInstanceUID = UID
    data_set.PatientName = "Wei^Planted"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    data_set.file_meta.MediaStorageSOPInstanceUID = UID
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written = io.BytesIO()
    data_set.save_as(written, enforce_file_format=True)
    return written.getvalue()


def target(port: int, **changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "pacs", "kind": TargetKind.DICOM, "sites": frozenset({"*"}),
        "forms": (OutgoingForm.SR,), "occasions": frozenset(), "host": HostPort("127.0.0.1", port),
        "called_aet": "PACS", "timeout_s": 20.0,
    }  # fmt: skip
    return Target(**values | changes)


class Pacs:
    """A receiver by pynetdicom that answers as it is told."""

    def __init__(self) -> None:
        self.status = 0x0000
        self.aborts = False
        self.came: list[bytes] = []
        self.port = 0

    def store(self, event: Any) -> int:
        if self.aborts:
            event.assoc.abort()
        self.came.append(event.request.DataSet.getvalue())
        return self.status


@contextmanager
def pacs(sop_class: str = BasicTextSRStorage) -> Iterator[Pacs]:
    made = Pacs()
    entity = AE("PACS")
    entity.require_called_aet = True
    entity.add_supported_context(sop_class)
    handlers = [(evt.EVT_C_STORE, made.store)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    made.port = server.server_address[1]
    try:
        yield made
    finally:
        server.shutdown()


def test_what_the_pacs_has_is_what_was_sent() -> None:
    with pacs() as running:
        dicom_sender.store(document(), target(running.port))
    (came,) = running.came
    sent = dcmread(io.BytesIO(document()))
    assert came in document()
    assert sent.SOPInstanceUID == UID


@pytest.mark.parametrize("status", [0x0000, 0x0111, 0xB000, 0xB007])
def test_stored_is_also_what_is_stored_with_a_warning_or_was_there(status: int) -> None:
    with pacs() as running:
        running.status = status
        dicom_sender.store(document(), target(running.port))
        dicom_sender.store(document(), target(running.port))
    assert len(set(running.came)) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (0xA700, "dicom_busy", FailureKind.UNCLEAR),
        (0x0110, "dicom_busy", FailureKind.UNCLEAR),
        (0xA900, "dicom_refused", FailureKind.REFUSED),
        (0xC000, "dicom_refused", FailureKind.REFUSED),
        (0x0124, "dicom_refused", FailureKind.REFUSED),
    ],
)
def test_a_status_says_whether_the_same_may_be_taken_later(
    status: int, code: str, kind: FailureKind
) -> None:
    with pacs() as running, pytest.raises(DeliveryError) as refused:
        running.status = status
        dicom_sender.store(document(), target(running.port))
    assert (refused.value.code, refused.value.kind) == (code, kind)
    assert refused.value.details == {"status": f"{status:04X}"}


def test_a_pacs_that_breaks_off_has_not_confirmed() -> None:
    with pacs() as running, pytest.raises(DeliveryError) as refused:
        running.aborts = True
        dicom_sender.store(document(), target(running.port))
    assert (refused.value.code, refused.value.kind) == ("dicom_no_answer", FailureKind.UNCLEAR)


def test_a_pacs_that_does_not_know_us_is_away_for_all_reports() -> None:
    with pacs() as running, pytest.raises(DeliveryError) as refused:
        dicom_sender.store(document(), target(running.port, called_aet="OTHER"))
    assert (refused.value.code, refused.value.kind) == (
        "dicom_association_rejected", FailureKind.AWAY,
    )  # fmt: skip


def test_a_pacs_without_this_storage_class_refuses_the_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Our listener, if one was in this process, has it set for all.
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    with pacs(ComputedRadiographyImageStorage) as running, pytest.raises(DeliveryError) as refused:
        dicom_sender.store(document(), target(running.port))
    assert (refused.value.code, refused.value.kind) == ("dicom_not_accepted", FailureKind.REFUSED)


# pynetdicom leaves a socket that was never connected to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pacs_that_is_not_there_is_away() -> None:
    with pytest.raises(DeliveryError) as refused:
        dicom_sender.store(document(), target(free_port()))
    assert (refused.value.code, refused.value.kind) == ("dicom_unreachable", FailureKind.AWAY)
