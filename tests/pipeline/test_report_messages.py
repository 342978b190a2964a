"""Documents of HL7 of reports as they are stored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.outgoing import read_signed, read_submitted
from radraft.pipeline.report_messages import fhir_bundle
from radraft.pipeline.service import Service
from radraft.reports.export import sr
from radraft.reports.export.values import Institution, OutgoingReport
from radraft.reports.lifecycle import Move
from radraft.reports.people import ActorRole
from radraft.reports.values import ReportState
from radraft.store.database import Store
from radraft.studies.values import Patient
from tests.builders import signed_in
from tests.ui import seed

pytestmark = pytest.mark.slow


def test_an_amended_report_withdraws_the_findings_that_it_says_no_more(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", site="test")
    service = Service(sqlite_store, settings, load_profile("starter"))
    case_id = seed.add(sqlite_store)
    reader = signed_in(sqlite_store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=reader)
    service.signing.amend(case_id, actor=reader, reason="左右写反。", base_step=1)
    whole = seed.report(case_id)
    shorter = replace(whole, findings=whole.findings[:1], impression=whole.impression[:1])
    working = service.save(case_id, shorter, base_revision=1, actor=reader)
    service.signing.sign(case_id, base_revision=working.revision, base_step=2, actor=reader)

    def outgoing(version: int) -> OutgoingReport:
        with sqlite_store.read() as session:
            return read_signed(session, case_id, institution=Institution("test"), version=version)

    first, second = (json.loads(fhir_bundle(sqlite_store, outgoing(v))) for v in (1, 2))
    said = {entry["request"]["url"] for entry in findings(first)}
    still = {e["request"]["url"] for e in findings(second) if e["resource"]["status"] != GONE}
    gone = {e["request"]["url"] for e in findings(second) if e["resource"]["status"] == GONE}
    assert gone
    assert still < said
    assert gone == said - still


def test_what_the_first_version_said_is_withdrawn_by_the_third_too(
    sqlite_store: Store, tmp_path: Path
) -> None:
    """The second may never have come to the receiver."""
    settings = Settings(data_dir=tmp_path / "data", site="test")
    service = Service(sqlite_store, settings, load_profile("starter"))
    case_id = seed.add(sqlite_store)
    reader = signed_in(sqlite_store, "林清")
    whole = seed.report(case_id)
    shorter = replace(whole, findings=whole.findings[:1], impression=whole.impression[:1])
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=reader)
    revision, step = 1, 1
    for report in (shorter, None):
        working = service.signing.amend(case_id, actor=reader, reason="更正。", base_step=step)
        if report is not None:
            working = service.save(case_id, report, base_revision=revision, actor=reader)
        revision, step = working.revision, step + 2
        service.signing.sign(case_id, base_revision=revision, base_step=step - 1, actor=reader)
    with sqlite_store.read() as session:
        sent = [
            read_signed(session, case_id, institution=Institution("test"), version=version)
            for version in (1, 3)
        ]
    first, third = (json.loads(fhir_bundle(sqlite_store, report)) for report in sent)
    said = {entry["request"]["url"] for entry in findings(first)}
    still = {e["request"]["url"] for e in findings(third) if e["resource"]["status"] != GONE}
    gone = {e["request"]["url"] for e in findings(third) if e["resource"]["status"] == GONE}
    assert gone
    assert gone == said - still


def test_an_amendment_that_waits_for_review_is_not_read_for_sending(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", site="test")
    service = Service(sqlite_store, settings, load_profile("starter"))
    author = signed_in(sqlite_store, "住院", ActorRole.AUTHOR)
    reader = signed_in(sqlite_store, "林清")

    def sent(case_id: str, step: int) -> OutgoingReport | None:
        with sqlite_store.read() as session:
            return read_submitted(session, case_id, step, institution=Institution("test"))

    case_id = seed.add(sqlite_store)
    service.signing.take(case_id, Move.SUBMIT, actor=author, base_step=0, base_revision=1)
    waiting = sent(case_id, 1)
    assert waiting is not None
    assert (waiting.version, waiting.submission) == (1, 1)
    service.signing.sign(case_id, base_revision=1, base_step=1, actor=reader)
    working = service.signing.amend(case_id, actor=reader, reason="左右写反。", base_step=2)
    working = service.signing.take(
        case_id, Move.SUBMIT, actor=reader, base_step=3, base_revision=working.revision
    )
    assert working.state is ReportState.AMEND_SUBMITTED
    assert sent(case_id, working.steps) is None


def test_a_report_leaves_as_it_was_signed_whatever_earlier_study_comes_and_is_signed_since(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", site="test")
    service = Service(sqlite_store, settings, load_profile("starter"))
    reader = signed_in(sqlite_store, "林清")
    patient = Patient("N-4711", "王小明", date(1961, 4, 12), "M")

    def study(number: int, days_ago: int) -> str:
        taken = datetime(2026, 6, 1, 9, 30) - timedelta(days=days_ago)
        return seed.add(sqlite_store, number, patient=patient, study_time=taken, age_years=65)

    def documents() -> tuple[bytes, bytes]:
        with sqlite_store.read() as session:
            report = read_signed(session, case_id, institution=Institution("test"))
        assert [prior.modality for prior in report.priors] == ["CR"]
        return sr.document(report), fhir_bundle(sqlite_store, report)

    before, unread, case_id = study(1, 400), study(2, 200), study(3, 0)
    for signed in (before, case_id):
        service.signing.sign(signed, base_revision=1, base_step=0, actor=reader)
    first = documents()
    for signed in (unread, study(4, 100)):
        service.signing.sign(signed, base_revision=1, base_step=0, actor=reader)
    assert documents() == first


GONE = "entered-in-error"


def findings(bundle: dict[str, list[dict[str, dict[str, str]]]]) -> list[dict[str, dict[str, str]]]:
    return [e for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation"]
