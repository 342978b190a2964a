"""A report for a FHIR R4 server: a transaction Bundle (hl7.org/fhir/R4/http.html#transaction).

What the report owns (the DiagnosticReport, its Observations, the key images) is written by
conditional update, so that a repeat and a later version take the place of what stands there. What
others own (patient, people, order, study) is only made where the server has none with the same
identifier. Ids come from the case, so the same report gives the same bytes.

What a machine wrote first is tagged by AI Transparency on FHIR, version 1.0.0-ballot (January
2026); until that guide is published its codes may change.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports.export import _fhir_others as others, _fhir_values as fhir, terminology
from radraft.reports.export._fhir_findings import (
    AI_ASSERTED,
    Observed,
    Surroundings,
    ai_tag,
    observations,
    security,
    withdrawn,
)
from radraft.reports.export._fhir_values import Json
from radraft.reports.export.header import report_time, require_nothing_signed_before, state_names
from radraft.reports.export.marks import mark, research_notice
from radraft.reports.export.values import OutgoingImage, OutgoingReport
from radraft.reports.values import Certainty, Lang, Section

_HEADINGS: dict[Section, dict[Lang, str]] = {
    Section.FINDINGS: {"zh": "影像所见", "en": "Findings"},
    Section.IMPRESSION: {"zh": "诊断意见", "en": "Impression"},
}

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What is no character of XML 1.0 (production 2)."""


def bundle(
    report: OutgoingReport, *, earlier: Sequence[OutgoingReport] = (), pdf: bytes | None = None
) -> bytes:
    """Return a report as a transaction Bundle in canonical JSON (UTF-8).

    `earlier`: all signed versions before it, for a server has to be told which of their findings
    are said no more, and may have got any of them last. `pdf`: the printed report, to go with it.
    ReportError `export_no_patient_number`; `export_control_character` for a control character,
    which FHIR's strings cannot hold; `export_signed_version_stands`.
    """
    require_nothing_signed_before(report)
    around = _surroundings(report)
    observed = observations(report, around)
    gone = withdrawn(observed, earlier, around)
    entries = [
        *_entries_of_others(report),
        *(_media(report, image) for image in others.referable(report)),
        *(_owned(item.resource, item.full_url) for item in chain(observed, gone)),
        _owned(_diagnostic_report(report, around, observed, pdf), others.report_url(report)),
        _provenance(report, observed),
    ]
    made = {
        "resourceType": "Bundle",
        "id": fhir.uuid_of("Bundle", report.case_id, report.status, *state_names(report)),
        "type": "transaction",
        "timestamp": fhir.instant(report_time(report)),
        "entry": entries,
    }
    for entry in entries:
        _require_writable(entry["resource"], entry["resource"]["resourceType"])
    return canonical.dumps_plain(made).encode()


def _require_writable(value: Any, place: str) -> None:
    """Raise ReportError `export_control_character` where a string holds what neither FHIR's
    strings nor the XHTML of a narrative can: control characters, halves of a surrogate pair,
    non-characters."""
    if isinstance(value, str):
        if _UNWRITABLE.search(value):
            raise ReportError("export_control_character", place=place)
    elif isinstance(value, dict):
        for name, item in value.items():
            _require_writable(item, f"{place}.{name}")
    elif isinstance(value, list):
        for item in value:
            _require_writable(item, place)


# Entries


def _owned(resource: Json, full_url: str) -> Json:
    """Return an entry that takes the place of the resource with its first identifier."""
    url = fhir.search(resource["resourceType"], resource["identifier"][0])
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "PUT", "url": url}}


def _made_once(resource: Json, full_url: str) -> Json:
    """Return an entry that makes a resource only where the server has none with its identifier."""
    request = {
        "method": "POST",
        "url": resource["resourceType"],
        "ifNoneExist": fhir.search_query(resource["identifier"][0]),
    }
    return {"fullUrl": full_url, "resource": resource, "request": request}


def _entries_of_others(report: OutgoingReport) -> Iterator[Json]:
    yield _made_once(others.organization(report), others.organization_url(report))
    yield _made_once(others.patient(report), others.patient_url(report))
    people = {person.id: person for person in (report.author, report.signer)}
    for person in people.values():
        if person.id is not None:
            url = others.practitioner_url(report, person)
            yield _made_once(others.practitioner(report, person), url)
    if report.drafter is not None:
        yield _made_once(others.device(report, report.drafter), others.device_url(report))
    if report.examination.accession:
        yield _made_once(others.service_request(report), others.order_url(report))
    yield _made_once(others.imaging_study(report), others.study_url(report))


def _surroundings(report: OutgoingReport) -> Surroundings:
    return Surroundings(
        subject=fhir.reference(others.patient_url(report)),
        study=fhir.reference(others.study_url(report)),
        performer=others.person(report, report.signer),
        images={
            image.image_id: fhir.reference(others.image_url(report, image))
            for image in others.referable(report)
        },
    )


# What the report owns


def _media(report: OutgoingReport, image: OutgoingImage) -> Json:
    """Return a key image: a reference to the DICOM object, no pixels."""
    reference = image.reference
    if reference is None:
        raise ValueError("an image without its object is not sent")
    frames = ", ".join(str(frame + 1) for frame in reference.frames)
    system = fhir.own_numbering(report.institution, "key-images")
    resource = {
        "resourceType": "Media",
        "identifier": [
            fhir.identifier(system, f"{report.case_id}/{image.image_id}"),
            fhir.identifier("urn:dicom:uid", f"urn:oid:{reference.sop_instance_uid}"),
        ],
        "status": "completed",
        "subject": fhir.reference(others.patient_url(report)),
        "content": {
            "contentType": "application/dicom",
            "url": f"urn:oid:{reference.sop_instance_uid}",
            **({"title": f"frame {frames}"} if frames else {}),
        },
    }
    return _owned(resource, others.image_url(report, image))


def _diagnostic_report(
    report: OutgoingReport, around: Surroundings, observed: Iterable[Observed], pdf: bytes | None
) -> Json:
    study, lang = report.examination, report.languages[0]
    numbering = fhir.own_numbering(report.institution, "reports")
    identifiers = [fhir.identifier(numbering, report.case_id)]
    if report.content_sha:
        versions = fhir.own_numbering(report.institution, "versions")
        identifiers.append(fhir.identifier(versions, report.content_sha))
    made: Json = {
        "resourceType": "DiagnosticReport",
        "language": lang,
        **security(*([ai_tag(report)] if report.ai_assisted else [])),
        "text": {"status": "generated", "div": _narrative(report)},
        "identifier": identifiers,
        "status": report.status.value,
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/v2-0074",
                        "code": "RAD",
                        "display": "Radiology",
                    }
                ]
            }
        ],
        "code": fhir.concept((terminology.STUDY,), lang),
        "subject": around.subject,
        "issued": fhir.instant(report_time(report)),
        "performer": [fhir.reference(others.organization_url(report))],
        "resultsInterpreter": [
            others.person(report, person)
            for person in dict.fromkeys(filter(None, (report.reviewer, report.author)))
        ],
        "imagingStudy": [around.study],
        "presentedForm": [
            *(_text_form(report, lang) for lang in report.languages),
            *([_attachment(report, "application/pdf", pdf)] if pdf is not None else []),
        ],
        **fhir.string(
            "conclusion", fhir.texts_of(report.report.impression, report.languages), lang
        ),
    }
    optional: Json = {
        "basedOn": [fhir.reference(others.order_url(report))] if study.accession else [],
        "effectiveDateTime": fhir.date_time(study.study_time, report.institution)
        if study.study_time
        else "",
        "result": [fhir.reference(item.full_url) for item in observed],
        "media": [{"link": link} for link in around.images.values()],
        "conclusionCode": _conclusion_codes(report),
    }
    return made | {name: value for name, value in optional.items() if value}


def _conclusion_codes(report: OutgoingReport) -> list[Json]:
    """Return what the impression says to be there, each finding once: this element cannot say of
    anything that it is absent or doubtful."""
    present = dict.fromkeys(
        coded.finding
        for coded in report.findings
        if coded.section is Section.IMPRESSION and coded.mention.polarity is Certainty.PRESENT
    )
    return [
        fhir.concept(terminology.finding_codes(finding), report.languages[0]) for finding in present
    ]


def _blocks(report: OutgoingReport, lang: Lang) -> Iterator[tuple[str, list[str]]]:
    """Yield the sections that have text: heading and sentences, as `fhir.lines` has them."""
    sections = zip(Section, (report.report.findings, report.report.impression), strict=True)
    for section, sentences in sections:
        texts = fhir.lines(sentences, lang)
        if texts:
            yield _HEADINGS[section][lang], texts


def _notices(report: OutgoingReport, lang: Lang) -> Iterator[str]:
    return filter(None, (mark(report, lang), research_notice(report, lang)))


def _narrative(report: OutgoingReport) -> str:
    """Return the report as XHTML, for readers that show nothing else: in each language the mark
    with its notice, then the sections."""
    parts: list[str] = []
    for lang in report.languages:
        paragraphs = [f"<p>{html.escape(line)}</p>" for line in _notices(report, lang)]
        for heading, texts in _blocks(report, lang):
            items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
            paragraphs.append(f"<p><b>{html.escape(heading)}</b></p><ul>{items}</ul>")
        tag = "zh-CN" if lang == "zh" else lang
        parts.append(f'<div lang="{tag}" xml:lang="{tag}">{"".join(paragraphs)}</div>')
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{"".join(parts)}</div>'


def _text_form(report: OutgoingReport, lang: Lang) -> Json:
    lines = list(_notices(report, lang))
    for heading, texts in _blocks(report, lang):
        lines += [heading, *texts]
    data = "".join(f"{line}\n" for line in lines).encode()
    return {**_attachment(report, "text/plain; charset=utf-8", data), "language": lang}


def _attachment(report: OutgoingReport, content_type: str, data: bytes) -> Json:
    """Return a form of the report; its hash is SHA-1, as R4 says."""
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return {
        "contentType": content_type,
        "data": base64.b64encode(data).decode(),
        "size": len(data),
        "hash": base64.b64encode(digest).decode(),
        "creation": fhir.instant(report_time(report)),
    }


def _provenance(report: OutgoingReport, observed: Iterable[Observed]) -> Json:
    """Return who made the report what it is. R4's Provenance has no identifier to be found by, so
    its own id is given: the same state of the report is written once."""
    moment = fhir.instant(report_time(report))
    full_url = fhir.full_url("Provenance", report.case_id, report.status, *state_names(report))
    resource: Json = {
        "resourceType": "Provenance",
        "id": full_url.removeprefix("urn:uuid:"),
        "target": [
            fhir.reference(others.report_url(report)),
            *(fhir.reference(item.full_url) for item in observed),
        ],
        "occurredDateTime": moment,
        "recorded": moment,
        "activity": {"coding": [_activity(report)]},
        "agent": list(_agents(report)),
    }
    reasons: list[Json] = [{"coding": [AI_ASSERTED]}] if report.drafter is not None else []
    if report.amendment is not None and report.amendment.reason:
        reasons.append({"text": report.amendment.reason})
    if reasons:
        resource["reason"] = reasons
    if report.supersedes:
        versions = fhir.own_numbering(report.institution, "versions")
        replaced = {"identifier": fhir.identifier(versions, report.supersedes)}
        resource["entity"] = [{"role": "revision", "what": replaced}]
    request = {"method": "PUT", "url": f"Provenance/{resource['id']}"}
    return {"fullUrl": full_url, "resource": resource, "request": request}


def _activity(report: OutgoingReport) -> Json:
    if report.signed_at is None:
        system = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
        return {"system": system, "code": "CREATE", "display": "create"}
    system = "http://terminology.hl7.org/CodeSystem/v3-DocumentCompletion"
    return {"system": system, "code": "LA", "display": "legally authenticated"}


def _agents(report: OutgoingReport) -> Iterator[Json]:
    """Yield who wrote it, who signed it, and the model."""
    behalf = fhir.reference(others.organization_url(report))

    def agent(code: str, display: str, who: Json) -> Json:
        system = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
        role = {"coding": [{"system": system, "code": code, "display": display}]}
        return {"type": role, "who": who, "onBehalfOf": behalf}

    yield agent("author", "Author", others.person(report, report.author))
    if report.signed_at is not None:
        yield agent("legal", "Legal Authenticator", others.person(report, report.signer))
    if report.drafter is not None:
        yield agent("assembler", "Assembler", fhir.reference(others.device_url(report)))
