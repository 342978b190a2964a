"""Past reports in FHIR."""

from __future__ import annotations

import base64
import json
from datetime import date, datetime
from typing import Any

import pytest

from radraft.reports.archive.fhir_bundle import fhir_reports
from radraft.reports.archive.values import PastReport, PastStatus, RefusalReason, RefusedRecord


def bundle(**changes: Any) -> bytes:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "subject": {"reference": "urn:uuid:p"},
        "imagingStudy": [{"reference": "ImagingStudy/s"}],
        "basedOn": [{"reference": "ServiceRequest/o"}],
        "effectiveDateTime": "2019-03-04T15:06:07+08:00",
        "issued": "2019-03-04T17:00:00.000+08:00",
        "performer": [{"reference": "Organization/h", "display": "医院"}, {"display": "柏医师甲"}],
        "resultsInterpreter": [{"reference": "Practitioner/d"}],
        "result": [{"reference": "Observation/f"}],
        "conclusion": "右肺下叶炎症。",
        **changes,
    }
    resources = [
        report,
        {
            "resourceType": "ImagingStudy",
            "id": "s",
            "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.4"}],
        },
        {
            "resourceType": "ServiceRequest",
            "id": "o",
            "identifier": [{"type": {"coding": [{"code": "ACSN"}]}, "value": "ACC1"}],
        },
        {"resourceType": "Organization", "id": "h", "name": "医院"},
        {"resourceType": "Practitioner", "id": "d", "name": [{"text": "窦医师乙"}]},
        {
            "resourceType": "Observation",
            "id": "f",
            "code": {"coding": [{"code": "59776-5"}]},
            "valueString": "右肺下叶见斑片状模糊影。",
        },
    ]
    patient = {
        "resourceType": "Patient",
        "identifier": [{"value": "N1"}],
        "name": [{"text": "魏植入"}],
        "gender": "female",
        "birthDate": "1961-04-12",
    }
    entries = [{"resource": resource} for resource in resources]
    entries.append({"fullUrl": "urn:uuid:p", "resource": patient})
    return json.dumps({"resourceType": "Bundle", "entry": entries}).encode()


def read(data: bytes) -> list[PastReport | RefusedRecord]:
    return list(fhir_reports(data, "a.json"))


def test_a_bundle_says_whose_report_it_is_what_it_says_and_who_wrote_it() -> None:
    (report,) = read(bundle())
    assert isinstance(report, PastReport)
    assert (report.accession, report.study_uid) == ("ACC1", "1.2.3.4")
    assert (report.patient_number, report.patient_name, report.sex) == ("N1", "魏植入", "F")
    assert (report.birth_date, report.study_time) == (
        date(1961, 4, 12),
        datetime(2019, 3, 4, 15, 6, 7),
    )
    assert (report.findings, report.impression) == ("右肺下叶见斑片状模糊影。", "右肺下叶炎症。")
    assert (report.author, report.reviewer) == ("柏医师甲", "窦医师乙")
    assert report.reported_at == datetime(2019, 3, 4, 17)


def test_a_presented_form_is_divided_by_its_headings_and_its_markup_goes() -> None:
    page = (
        "<html><head><title>x</title></head><body><h2>FINDINGS:</h2><div>Clear <b>lungs</b> &amp; "
        "heart.</div><script>alert(1)</script><h2>IMPRESSION:</h2><ol><li>Normal.</li></ol></body>"
    )
    form = {"contentType": "text/html", "data": base64.b64encode(page.encode()).decode()}
    (report,) = read(bundle(result=[], conclusion=None, presentedForm=[form]))
    assert isinstance(report, PastReport)
    assert (report.findings, report.impression) == ("Clear lungs & heart.", "Normal.")


def test_a_narrative_is_read_where_there_is_nothing_else() -> None:
    text = {"div": "<div>Findings: Clear.<br/>Impression: Normal.</div>"}
    (report,) = read(bundle(result=[], conclusion=None, text=text))
    assert isinstance(report, PastReport)
    assert (report.findings, report.impression) == ("Clear.", "Normal.")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("amended", PastStatus.CORRECTED),
        ("preliminary", RefusalReason.NOT_FINAL),
        ("entered-in-error", RefusalReason.NOT_FINAL),
        ("whatever", RefusalReason.STATUS_UNKNOWN),
    ],
)
def test_a_status_is_what_fhir_means_by_it(
    status: str, outcome: PastStatus | RefusalReason
) -> None:
    (found,) = read(bundle(status=status))
    assert (found.status if isinstance(found, PastReport) else found.reason) is outcome


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", RefusalReason.UNREADABLE),
        (b"\xff\xfe{}", RefusalReason.UNREADABLE),
        (b"[" * 100_000, RefusalReason.UNREADABLE),
        (b"[1]", RefusalReason.NOT_A_REPORT),
        (b'{"resourceType": "Patient"}', RefusalReason.NOT_A_REPORT),
        (
            b'{"resourceType": "DiagnosticReport", "status": "final", "result": 7, "subject": []}',
            RefusalReason.EMPTY,
        ),
    ],
)
def test_what_is_no_report_says_so(data: bytes, reason: RefusalReason) -> None:
    (found,) = read(data)
    assert isinstance(found, RefusedRecord)
    assert found.reason is reason
