"""A worklist server of pynetdicom's, asked over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import ModalityWorklistInformationFind

from radraft.exchange.modality_worklist import WorklistServer, ask, read_entries, server_of
from radraft.exchange.values import PacsError
from radraft.pipeline import orders as case_orders
from radraft.pipeline.order_intake import OrderIntake
from radraft.pipeline.worklist_orders import WorklistOrders
from radraft.reports.order import Accession, Pregnancy, Priority
from radraft.reports.order_matching import LinkState
from radraft.store import orders
from radraft.store.database import Store
from radraft.studies.values import Patient
from tests import builders
from tests.exchange.builders import Clock
from tests.hl7_messages import order_message
from tests.processes import free_port

pytestmark = pytest.mark.slow


def entry(**changed: Any) -> Dataset:
    """An entry of the study that `builders.make_study` makes."""
    made, step, code = Dataset(), Dataset(), Dataset()
    made.SpecificCharacterSet = "GB18030"
    made.PatientName, made.PatientID = builders.NAME, builders.PATIENT_ID
    made.PatientBirthDate, made.PatientSex = "19700102", "F"
    made.AccessionNumber = builders.ACCESSION
    made.StudyInstanceUID = "1.2.3"
    made.RequestedProcedureDescription, made.RequestedProcedureID = "胸部正位", "RP1"
    made.RequestedProcedurePriority = "STAT"
    made.ReasonForTheRequestedProcedure = "咳嗽"
    made.RequestingPhysician, made.RequestingService = "林^植入", "呼吸科"
    made.CurrentPatientLocation, made.Allergies = "7W", "碘"
    made.PregnancyStatus = 2
    made.IssueDateOfImagingServiceRequest = "20260304"
    made.IssueTimeOfImagingServiceRequest = "0400"
    step.Modality = "CR"
    step.ScheduledProcedureStepStartDate = "20260304"
    step.ScheduledProcedureStepStartTime = "050000.5"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "CR1", "99SITE", "胸部"
    made.ScheduledProcedureStepSequence = [step]
    made.RequestedProcedureCodeSequence = [code]
    for name, value in changed.items():
        setattr(made, name, value)
    return made


class Provider:
    """What the server has, and what it was asked for."""

    def __init__(self, *entries: Dataset, status: int = 0) -> None:
        self.entries = entries
        self.status = status
        self.asked: list[tuple[str, str]] = []

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier
        step = wanted.ScheduledProcedureStepSequence[0]
        self.asked.append((wanted.AccessionNumber, step.ScheduledProcedureStepStartDate))
        for found in self.entries:
            if wanted.AccessionNumber in ("", found.AccessionNumber):
                yield 0xFF00, found
        if self.status:
            yield self.status, None


@contextmanager
def serving(provider: Provider) -> Iterator[WorklistServer]:
    entity = AE("RIS")
    entity.add_supported_context(ModalityWorklistInformationFind)
    entity.require_called_aet = True
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, provider.find)]
    )
    try:
        yield WorklistServer("RIS", "127.0.0.1", server.server_address[1], "RADRAFT", 10.0)
    finally:
        server.shutdown()


def test_an_entry_is_an_order() -> None:
    with serving(Provider(entry())) as server:
        (order,) = read_entries(ask(server, accession=builders.ACCESSION), site="north", zone=UTC)
    assert order.accession == Accession(builders.ACCESSION)
    assert order.patient == Patient(builders.PATIENT_ID, builders.NAME, date(1970, 1, 2), "F")
    assert (order.procedure.description, order.procedure.modality) == ("胸部正位", "CR")
    assert order.procedure.study_uid == "1.2.3"
    assert order.procedure.code is not None
    assert order.procedure.code.meaning == "胸部"
    assert (order.reason, order.priority) == ("咳嗽", Priority.STAT)
    assert order.referring is not None
    assert (order.referring.name, order.referring.department) == ("林^植入", "呼吸科")
    assert (order.ward, order.allergies) == ("7W", ("碘",))
    assert order.pregnancy is Pregnancy.POSSIBLE
    assert order.placed_at == datetime(2026, 3, 4, 4, tzinfo=UTC)
    assert order.scheduled_at == datetime(2026, 3, 4, 5, tzinfo=UTC)


def test_an_entry_in_the_wrong_character_set_is_mended() -> None:
    wrong = entry()
    for name in ("PatientName", "RequestedProcedureDescription", "ReasonForTheRequestedProcedure"):
        # What pydicom writes as Latin-1 are the bytes of GBK.
        setattr(wrong, name, str(wrong[name].value).encode("gbk").decode("latin-1"))
    wrong.SpecificCharacterSet = "ISO_IR 100"
    del wrong.RequestedProcedureCodeSequence, wrong.RequestingPhysician, wrong.RequestingService
    del wrong.Allergies
    with serving(Provider(wrong)) as server:
        (order,) = read_entries(ask(server, day=date(2026, 3, 4)), site="north")
    assert order.patient.name == builders.NAME
    assert (order.procedure.description, order.reason) == ("胸部正位", "咳嗽")


def test_nothing_of_an_entry_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    with serving(Provider(entry())) as server:
        assert ask(server, accession=builders.ACCESSION)
    for word in ("PLANTED", "Planted", "植入"):
        assert word not in caplog.text, word


def test_a_day_is_asked_for_by_its_date_and_an_accession_by_its_number() -> None:
    provider = Provider(entry(), entry(AccessionNumber="B-2"))
    with serving(provider) as server:
        assert len(ask(server, day=date(2026, 3, 4))) == 2
        assert len(ask(server, accession="B-2")) == 1
    assert provider.asked == [("", "20260304"), ("B-2", "")]


def test_an_entry_that_names_no_order_or_nobody_gives_none() -> None:
    assert read_entries([entry(AccessionNumber="")], site="north") == ()
    assert read_entries([entry(PatientID="")], site="north") == ()
    assert read_entries([Dataset()], site="north") == ()
    (order,) = read_entries([entry(ScheduledProcedureStepSequence=[])], site="north")
    assert order.scheduled_at is None


def test_a_server_that_is_down_or_says_no_is_told_by_a_code() -> None:
    with pytest.raises(PacsError, match="worklist_unreachable"):
        ask(WorklistServer("RIS", "127.0.0.1", free_port(), "RADRAFT", 5.0), accession="A")
    with serving(Provider(entry(), status=0xA700)) as server:
        with pytest.raises(PacsError, match="worklist_refused"):
            ask(server, accession=builders.ACCESSION)
        with pytest.raises(PacsError, match="worklist_unreachable"):
            ask(replace(server, aet="OTHER"), accession="A")


def test_a_setting_names_title_host_and_port() -> None:
    found = server_of("RIS@10.1.2.3:104", "RADRAFT")
    assert (found.aet, found.host, found.port) == ("RIS", "10.1.2.3", 104)


def taken_in(store: Store, number: int = 1, **changes: Any) -> str:
    study = builders.make_study(number, **changes)
    from radraft.store import cases

    with store.begin() as session:
        cases.add_study(
            session,
            site="site-a",
            study=study,
            deid=builders.make_deid(number),
            issues=(),
            original_keys=(),
        )
    return builders.make_deid(number).case_id


def test_a_study_without_an_order_is_asked_about_and_given_up_in_the_end(
    sqlite_store: Store,
) -> None:
    case_id = taken_in(sqlite_store)
    clock = Clock()
    clock.now = datetime.now(UTC)
    provider = Provider()
    with serving(provider) as server:
        worklist = WorklistOrders(
            sqlite_store, server, site="site-a", every=timedelta(0), clock=clock
        )
        for _ in range(5):
            assert worklist.look() == 0
        assert len(provider.asked) == 1
        clock.wait(400)
        provider.entries = (entry(),)
        assert worklist.look() == 1
        assert worklist.look() == 0
        assert len(provider.asked) == 2
        other = taken_in(sqlite_store, 2, accession="B-2")
        for _ in range(5):
            worklist.look()
            clock.wait(3600)
        assert [number for number, _ in provider.asked[2:]] == ["B-2"] * 3
    with sqlite_store.read() as session:
        (found,) = orders.of_case(session, case_id)
        assert (found.state, found.stored.source.value) == (LinkState.LINKED, "worklist")
        assert orders.of_case(session, other) == ()


def test_the_days_worklist_is_asked_for_as_often_as_was_set_and_changes_nothing_twice(
    sqlite_store: Store,
) -> None:
    clock = Clock()
    provider = Provider(entry(), entry(AccessionNumber="B-2"))
    with serving(provider) as server:
        worklist = WorklistOrders(
            sqlite_store, server, site="site-a", every=timedelta(minutes=5), clock=clock
        )
        assert [worklist.look(), worklist.look()] == [2, 0]
        clock.wait(301)
        assert worklist.look() == 0
    assert len(provider.asked) == 2


def test_a_worklist_never_undoes_what_a_message_said(sqlite_store: Store) -> None:
    intake = OrderIntake(sqlite_store)
    intake.receive(order_message(priority="R").encode(), site="site-a", source="test")
    (order,) = read_entries([entry()], site="site-a")
    with sqlite_store.begin() as session:
        saved = case_orders.take_order(
            session, order, orders.OrderSource.WORKLIST, datetime.now(UTC)
        )
        (stored,) = orders.listing(session)
    assert not saved.changed
    assert (stored.source.value, stored.order.priority) == ("hl7", Priority.ROUTINE)


def test_an_entry_that_cannot_be_read_keeps_no_other_from_being_an_order() -> None:
    several = entry(PregnancyStatus=[4, 4])
    wrong = entry(AccessionNumber="B-2")
    del wrong.RequestedProcedureCodeSequence
    wrong.add_new(0x00321064, "LO", "x")
    broken = entry(AccessionNumber="B-3")
    broken.PatientBirthDate = None
    found = read_entries([several, wrong, broken, entry()], site="north")
    assert len(found) >= 3
    assert found[-1].accession == Accession(builders.ACCESSION)
    assert found[0].pregnancy is Pregnancy.UNKNOWN


def test_an_accession_that_is_refused_does_not_starve_the_others(sqlite_store: Store) -> None:
    for number, accession in enumerate(("A-*", "A?1", "BAD", "GOOD"), 1):
        taken_in(sqlite_store, number, accession=accession)
    clock = Clock()
    clock.now = datetime.now(UTC)

    class Refusing(Provider):
        def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
            found = super().find(event)
            if event.identifier.AccessionNumber == "BAD":
                self.asked.append(("BAD", ""))
                yield 0xA700, None
                return
            yield from found

    provider = Refusing(entry(AccessionNumber="GOOD"))
    with serving(provider) as server:
        worklist = WorklistOrders(
            sqlite_store, server, site="site-a", every=timedelta(0), clock=clock
        )
        with pytest.raises(PacsError, match="worklist_refused"):
            worklist.look()
        assert worklist.look() == 0
    assert sorted(number for number, _ in provider.asked) == ["BAD", "GOOD"]
    with sqlite_store.read() as session:
        (stored,) = orders.listing(session)
    assert stored.order.accession == Accession("GOOD")


def test_what_a_server_answers_of_other_accessions_is_not_taken(sqlite_store: Store) -> None:
    taken_in(sqlite_store)
    clock = Clock()
    clock.now = datetime.now(UTC)

    class Careless(Provider):
        def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
            for found in self.entries:
                yield 0xFF00, found

    with serving(Careless(entry(AccessionNumber="B-2"), entry())) as server:
        worklist = WorklistOrders(
            sqlite_store, server, site="site-a", every=timedelta(0), clock=clock
        )
        assert worklist.look() == 1
    with sqlite_store.read() as session:
        (stored,) = orders.listing(session)
    assert stored.order.accession == Accession(builders.ACCESSION)


def test_a_server_that_is_down_has_used_up_nobodys_turn(sqlite_store: Store) -> None:
    taken_in(sqlite_store)
    clock = Clock()
    clock.now = datetime.now(UTC)
    down = WorklistServer("RIS", "127.0.0.1", free_port(), "RADRAFT", 5.0)
    worklist = WorklistOrders(sqlite_store, down, site="site-a", every=timedelta(0), clock=clock)
    for _ in range(5):
        with pytest.raises(PacsError, match="worklist_unreachable"):
            worklist.look()
    with serving(Provider(entry())) as server:
        worklist._server = server
        assert worklist.look() == 1
