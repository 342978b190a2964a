"""What the outbox's benchmark reads of its receivers, and its figures."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from radraft.bench.outbox import Sent, key_of, quantile_interval, ratio_of_p95
from radraft.bench.outbox_receivers import Arrival, Pacs, Ris
from radraft.reports.export import hl7_oru, kos, sr
from radraft.reports.export.hl7_oru import Application
from radraft.reports.outgoing_entry import OutgoingForm
from tests.outgoing_reports import outgoing

STORESCP = """\
1795999905.253 77 Association Received in child process (pid: 77)
1795999905.254 77 Association Acknowledged (Max Send PDV: 16372)
1795999905.255 78 Association Received in child process (pid: 78)
1795999905.260 78 storing DICOM file: /tmp/files/SRe.1.2.826.5
1795999905.270 77 storing DICOM file: /tmp/files/KO.1.2.826.4
not a line of its own
"""


def test_what_storescp_logs_is_read_by_the_process_that_took_it(tmp_path: Path) -> None:
    arrived = list(Pacs(tmp_path / "pacs")._arrivals(io.StringIO(STORESCP)))
    assert arrived == [
        Arrival(1795999905.255, 1795999905.260, "1.2.826.5"),
        Arrival(1795999905.253, 1795999905.270, "1.2.826.4"),
    ]


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path: Path) -> None:
    lines = io.StringIO("5.1 5.2 abc\n5.3 5.4 de")
    assert list(Ris(tmp_path / "ris")._arrivals(lines)) == [Arrival(5.1, 5.2, "abc")]


def test_a_document_is_named_as_its_receiver_names_it() -> None:
    report = outgoing()
    names = {
        key_of(sr.document(report), OutgoingForm.SR),
        key_of(kos.document(report), OutgoingForm.KOS),
    }
    assert len(names) == 2
    application = Application("RADRAFT", "")
    message = hl7_oru.message(report, sending=application, receiving=application)
    control_id = key_of(message, OutgoingForm.ORU)
    assert f"|ORU^R01^ORU_R01|{control_id}|".encode() in message


def test_the_slowest_receiver_counts() -> None:
    sent = Sent(1000, {"pacs": 60.0, "ris": 30.0, "his": 40.0}, 1.0, 1.0, 1.0)
    assert sent.a_minute == pytest.approx(1000.0)


def test_the_interval_of_a_quantile_holds_it() -> None:
    values = [0.01 * number for number in range(1, 101)]
    low, high = quantile_interval(values, 0.95)
    assert low < 0.95 < high <= 1.0
    low, middle, high = ratio_of_p95([2 * value for value in values], values)
    assert middle == pytest.approx(2.0)
    assert low < 2.0 < high
