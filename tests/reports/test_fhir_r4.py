"""FHIR R4 bundles, held against R4's own definitions by another program and read back by another
library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import example, given

from radraft.core.errors import ReportError
from radraft.reports.export.fhir_code_system import code_system
from radraft.reports.export.fhir_r4 import bundle
from radraft.reports.export.values import Institution, OutgoingReport, OutgoingStatus
from radraft.reports.people import Person, PersonKind
from radraft.reports.values import AmendmentKind, Lang, Origin, Sentence, both
from radraft.studies.values import Patient
from tests import fhir_validation
from tests.outgoing_reports import INSTITUTION, all_shapes, examination, outgoing, signed
from tests.read_back.fhir import section_text
from tests.reports.strategies import any_text
from tests.scale import scaled

SHAPES = all_shapes()
SAMPLE = SHAPES[: scaled(12, full=200)]


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the validator, its packages installed."""
    return fhir_validation.installed(tmp_path_factory.mktemp("validator"))


@pytest.mark.slow
@pytest.mark.scaled
def test_the_definitions_of_r4_find_no_error_and_no_warning_but_where_codes_are_free(
    validator: Path,
) -> None:
    documents = [bundle(shape, pdf=b"%PDF-1.7") for shape in SAMPLE]
    first = signed(9)
    later = signed(9, findings=1, before=first)
    documents.append(bundle(outgoing(later, 9), earlier=[outgoing(first, 9)]))
    documents.append(bundle(preliminary()))
    told = [m for m in fhir_validation.said(validator, documents) if m["severity"] != "info"]
    assert [message for message in told if not fhir_validation.is_explained(message)] == []


@pytest.mark.slow
def test_the_validator_sees_a_wrong_code_and_an_unknown_element(validator: Path) -> None:
    document = json.loads(bundle(outgoing()))
    report = next(e["resource"] for e in document["entry"] if is_report(e["resource"]))
    for change in ({"status": "signed"}, {"findings": "none"}):
        broken = {**report, **change}
        said = fhir_validation.said(validator, [json.dumps(broken).encode()])
        assert any(message["severity"] == "error" for message in said)


@pytest.mark.slow
def test_our_codes_are_a_code_system_that_holds_every_code_sent(validator: Path) -> None:
    assert [
        m for m in fhir_validation.said(validator, [code_system()]) if m["severity"] != "info"
    ] == []
    system = json.loads(code_system())
    names = {c["code"]: (c["display"], c["designation"][0]["value"]) for c in system["concept"]}
    assert system["count"] == len(names)
    sent = [
        coding
        for shape in SHAPES[:20]
        for coding in codings(json.loads(bundle(shape)))
        if coding["system"] == system["url"]
    ]
    assert sent
    for coding in sent:
        chinese = coding["_display"]["extension"][0]["extension"][1]["valueString"]
        assert names[coding["code"]] == (coding["display"], chinese)


def codings(value: Any) -> Iterator[dict[str, Any]]:
    """Every Coding within a document that has a name in both languages."""
    if isinstance(value, dict):
        if "_display" in value:
            yield value
        for item in value.values():
            yield from codings(item)
    elif isinstance(value, list):
        for item in value:
            yield from codings(item)


def preliminary() -> OutgoingReport:
    return replace(
        outgoing(), status=OutgoingStatus.PRELIMINARY, signed_at=None, reviewer=None, content_sha=""
    )


def is_report(resource: dict[str, Any]) -> bool:
    return bool(resource["resourceType"] == "DiagnosticReport")


def parsed(data: bytes) -> Bundle:
    return Bundle.model_validate_json(data)


def of_type(document: Bundle, resource_type: str) -> list[Any]:
    return [
        entry.resource
        for entry in document.entry
        if entry.resource.get_resource_type() == resource_type
    ]


def only(document: Bundle, resource_type: str) -> Any:
    [resource] = of_type(document, resource_type)
    return resource


def referred(document: Bundle, reference: Any) -> Any:
    """The resource that a reference names within the bundle."""
    [resource] = [e.resource for e in document.entry if e.fullUrl == reference.reference]
    return resource


def test_the_hour_of_the_study_is_told_where_the_institutions_clock_is_known() -> None:
    there = replace(INSTITUTION, time_zone="Asia/Shanghai")
    report = only(parsed(bundle(outgoing(institution=there))), "DiagnosticReport")
    assert report.effectiveDateTime == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert report.effectiveDateTime.utcoffset() == timedelta(hours=8)


def tags(resource: Any) -> list[str]:
    return [tag.code for tag in resource.meta.security] if resource.meta else []


def test_ai_tags_tell_who_asserts_what_a_machine_began() -> None:
    signed_off = parsed(bundle(outgoing()))
    assert tags(only(signed_off, "DiagnosticReport")) == ["CLINAST_AIRPT"]
    by_code = {o.code.coding[0].code: tags(o) for o in of_type(signed_off, "Observation")}
    assert by_code["59776-5"] == ["CLINAST_AIRPT"]
    assert by_code["RID50149"] == ["AIAST_CLINRPT", "CLINAST_AIRPT"]
    waiting = parsed(bundle(preliminary()))
    assert tags(only(waiting, "DiagnosticReport")) == ["AIAST"]
    by_people = parsed(bundle(outgoing(signed(origin=Origin.PERSON))))
    assert tags(only(by_people, "DiagnosticReport")) == []
    assert of_type(by_people, "Device") == []


def test_provenance_names_people_model_and_the_version_replaced() -> None:
    later = outgoing(signed(before=signed()))
    document = parsed(bundle(later))
    provenance = only(document, "Provenance")
    roles = {agent.type.coding[0].code: referred(document, agent.who) for agent in provenance.agent}
    assert roles["author"].name[0].text == later.author.name
    assert roles["legal"].name[0].text == later.signer.name
    assert roles["assembler"].deviceName[0].name == "starter@0123456789abcdef"
    assert provenance.entity[0].what.identifier.value == later.supersedes
    assert [reason.text for reason in provenance.reason if reason.text] == ["左右写反，更正。"]
    assert provenance.recorded == later.signed_at


def test_a_typed_name_is_no_practitioner() -> None:
    person = Person(PersonKind.TYPED, "王签名")
    report = replace(outgoing(), author=person, reviewer=None)
    document = parsed(bundle(report))
    assert of_type(document, "Practitioner") == []
    interpreter = only(document, "DiagnosticReport").resultsInterpreter[0]
    assert (interpreter.display, interpreter.reference) == ("王签名", None)


def test_the_printed_report_goes_with_it() -> None:
    report = only(parsed(bundle(outgoing(), pdf=b"%PDF-1.7 made up")), "DiagnosticReport")
    chinese, english, printed = report.presentedForm
    assert (chinese.language, english.language) == ("zh", "en")
    assert "左侧胸腔少量积液。" in chinese.data.decode()
    assert printed.contentType == "application/pdf"
    assert printed.data == b"%PDF-1.7 made up"
    assert printed.hash == hashlib.sha1(printed.data, usedforsecurity=False).digest()


class Server:
    """What a FHIR server does with a transaction: conditional creates and updates."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Any]] = {}

    def transaction(self, data: bytes) -> None:
        """Keep the resources by what their entries are found by."""
        for entry in json.loads(data)["entry"]:
            request, resource = entry["request"], entry["resource"]
            if request["method"] == "POST":
                self.resources.setdefault(f"{request['url']}?{request['ifNoneExist']}", resource)
            else:
                self.resources[request["url"]] = resource

    def reported(self) -> Iterator[dict[str, Any]]:
        """Yield the findings that stand."""
        for resource in self.resources.values():
            if "valueCodeableConcept" in resource and resource["status"] != "entered-in-error":
                yield resource


def test_a_repeat_makes_no_second_and_a_later_version_takes_its_place() -> None:
    first = signed(3, findings=7)
    later = signed(3, findings=1, impression=0, before=first)
    before, report = outgoing(first, 3), outgoing(later, 3)
    assert bundle(before) == bundle(outgoing(signed(3, findings=7), 3))
    server = Server()
    server.transaction(bundle(before))
    once = dict(server.resources)
    server.transaction(bundle(before))
    assert server.resources == once
    server.transaction(bundle(report, earlier=[before]))
    reports = [r for r in server.resources.values() if is_report(r)]
    assert [r["status"] for r in reports] == ["corrected"]
    told = {r["code"]["coding"][-1]["code"] for r in server.reported()}
    assert told == {coded.mention.code for coded in report.findings}
    withdrawn = [r for r in server.resources.values() if r.get("status") == "entered-in-error"]
    assert len(withdrawn) == len(before.findings) - len(report.findings) + 1


def test_a_finding_of_a_version_before_the_last_is_taken_back_where_that_one_never_came() -> None:
    first = signed(3, findings=7)
    second = signed(3, findings=1, impression=0, before=first)
    third = signed(3, findings=1, impression=0, before=second)
    server = Server()
    server.transaction(bundle(outgoing(first, 3)))
    report = outgoing(third, 3)
    server.transaction(bundle(report, earlier=[outgoing(first, 3), outgoing(second, 3)]))
    told = {r["code"]["coding"][-1]["code"] for r in server.reported()}
    assert told == {coded.mention.code for coded in report.findings}


def test_other_words_under_the_same_version_are_another_bundle_and_provenance() -> None:
    made = [json.loads(bundle(outgoing(signed(3, findings=n), 3))) for n in (2, 4)]
    assert made[0]["id"] != made[1]["id"]
    ids = [
        entry["resource"]["id"]
        for document in made
        for entry in document["entry"]
        if entry["resource"]["resourceType"] == "Provenance"
    ]
    assert len(set(ids)) == 2


def test_a_description_of_several_lines_is_told_on_one() -> None:
    study = examination(3, description="胸部\n诊断意见：\n未见异常")
    made = only(parsed(bundle(outgoing(number=3, examination=study))), "ImagingStudy")
    assert made.description == "胸部 诊断意见： 未见异常"


def test_a_report_that_nobody_signed_leaves_no_finding_behind_that_its_signature_drops() -> None:
    server = Server()
    server.transaction(bundle(preliminary()))
    assert [r["resourceType"] for r in server.resources.values() if "code" in r] == [
        "DiagnosticReport"
    ]
    server.transaction(bundle(outgoing(signed(findings=1))))
    reports = [r for r in server.resources.values() if is_report(r)]
    assert [r["status"] for r in reports] == ["final"]


def test_an_amendment_that_waits_for_review_takes_no_signed_versions_place() -> None:
    with pytest.raises(ReportError) as raised:
        bundle(replace(preliminary(), version=2))
    assert raised.value.code == "export_signed_version_stands"


def test_every_reference_leads_to_a_resource_of_the_bundle() -> None:
    first = signed(3, findings=7)
    later = outgoing(signed(3, findings=1, impression=0, before=first), 3)
    for data in (bundle(outgoing()), bundle(later, earlier=[outgoing(first, 3)])):
        document = json.loads(data)
        urls = [entry["fullUrl"] for entry in document["entry"]]
        assert len(set(urls)) == len(urls)
        named = set(references(document))
        assert named <= set(urls)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "reference" and isinstance(item, str):
                yield item
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_a_number_with_separators_is_searched_as_it_stands() -> None:
    """PLANTED|4713: unescaped, a server would take the part before the bar for the system."""
    document = json.loads(bundle(outgoing(number=2)))
    [patient] = [e for e in document["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert unquote(patient["request"]["ifNoneExist"]) == (
        "identifier=urn:oid:1.2.156.99999.1|PLANTED\\|4713"
    )


def test_sites_without_an_oid_do_not_share_their_numbers() -> None:
    systems = {
        only(parsed(bundle(outgoing(institution=Institution(site)))), "Patient")
        .identifier[0]
        .system
        for site in ("north", "south")
    }
    assert len(systems) == 2


@pytest.mark.parametrize("kind", AmendmentKind)
def test_an_amended_report_says_how(kind: AmendmentKind) -> None:
    status = only(
        parsed(bundle(outgoing(signed(before=signed(), kind=kind)))), "DiagnosticReport"
    ).status
    assert status == {"amendment": "corrected", "addendum": "appended"}[kind]


def test_a_report_without_a_patients_number_is_not_written() -> None:
    patient = Patient("UNKNOWN", "Planted^Wei", None, "M")
    with pytest.raises(ReportError) as raised:
        bundle(outgoing(examination=examination(patient=patient)))
    assert raised.value.code == "export_no_patient_number"


LANGUAGES: tuple[Lang, ...] = ("zh", "en")


@given(any_text, any_text.filter(str.strip))
@example("</li></ul>&amp;<script>", '"}],"x":[{"')
def test_no_text_breaks_a_bundle(text: str, name: str) -> None:
    sentence = Sentence("f1", both(text, text, Origin.PERSON))
    base = outgoing()
    report = replace(
        base,
        report=replace(base.report, findings=(sentence,), impression=()),
        findings=(),
        author=Person(base.author.kind, name, "a-1"),
        reviewer=None,
    )
    try:
        document = parsed(bundle(report))
    except ReportError as error:
        assert error.code == "export_control_character"
        assert any(not c.isprintable() and c not in "\t\r\n" for c in text + name)
        return
    observations = of_type(document, "Observation")
    texts = [o for o in observations if o.code.coding[0].code == "59776-5"]
    told = section_text(texts[0]) if texts else {}
    assert told == (dict.fromkeys(LANGUAGES, text) if text.strip() else {})
    narrative = ElementTree.fromstring(only(document, "DiagnosticReport").text.div)
    assert len(list(narrative.iter("{http://www.w3.org/1999/xhtml}li"))) == 2 * bool(text.strip())
    assert of_type(document, "Practitioner")[0].name[0].text == name
