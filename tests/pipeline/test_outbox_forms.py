"""Each form that the outbox makes is one that its sender can hand over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radraft.core.errors import ReportError
from radraft.core.settings import Settings
from radraft.exchange import mllp
from radraft.pipeline.outbox_rendering import renderers
from radraft.pipeline.outbox_sending import ReportSender
from radraft.reports.export import hl7_oru
from radraft.reports.export.charset import Charset
from radraft.reports.outgoing_entry import OutgoingForm
from radraft.store.database import Store
from tests.exchange.mllp_receiver import receiving
from tests.outgoing_reports import outgoing, signed
from tests.pipeline.outbox_site import (
    amend,
    delivering,
    drafted,
    folder_target,
    hl7_target,
    service_with,
    sign,
    states,
)
from tests.processes import until

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", site="site-a")


@pytest.mark.parametrize("charset", [Charset.UTF_8, Charset.GB18030])
def test_a_result_message_is_taken_under_its_control_id(
    sqlite_store: Store, settings: Settings, charset: Charset
) -> None:
    report = outgoing(signed(3), 3)
    with receiving() as receiver:
        target = hl7_target(receiver.port, charset=charset, receiving=("RIS", "NORTH"))
        made = renderers(sqlite_store, settings)[OutgoingForm.ORU](report, target)
        assert target.host is not None
        mllp.send(made, target.host, charset=charset.value, tls=None, wait_s=20.0)
    (control_id, message) = receiver.came[0]
    assert control_id == hl7_oru.control_id(report)
    assert message.decode(charset.value).startswith("MSH|^~\\&|RADRAFT||RIS|NORTH|")


def test_a_character_that_the_receiver_cannot_read_is_told_and_never_replaced(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    report = outgoing(signed(3), 3)
    made = renderers(sqlite_store, settings)
    for form, code in (
        (OutgoingForm.TEXT, "outbox_character_unwritable"),
        (OutgoingForm.ORU, "export_character_unwritable"),
    ):
        target = folder_target(tmp_path / "out", charset=Charset.ASCII)
        with pytest.raises(ReportError, match=code):
            made[form](report, target)


def test_an_amendment_takes_back_at_a_fhir_server_what_is_said_no_more(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    target = folder_target(tmp_path / "out", forms=(OutgoingForm.FHIR,))
    service = service_with(sqlite_store, settings, [target])
    case_id = drafted(sqlite_store, 1)
    sign(service, case_id)
    amend(service, case_id)
    sign(service, case_id)
    sender = ReportSender(sqlite_store, settings)
    with delivering(sqlite_store, settings, service.outbox, send=sender.send):
        until(lambda: states(sqlite_store) == ["delivered", "delivered"])
    for version, status in ((1, "final"), (2, "corrected")):
        bundle = json.loads((tmp_path / "out" / f"{case_id}-v{version}.json").read_text())
        assert bundle["type"] == "transaction"
        (found,) = [
            entry["resource"]
            for entry in bundle["entry"]
            if entry["resource"]["resourceType"] == "DiagnosticReport"
        ]
        assert found["status"] == status


def test_every_form_has_a_maker(sqlite_store: Store, settings: Settings) -> None:
    assert set(renderers(sqlite_store, settings)) == set(OutgoingForm)
