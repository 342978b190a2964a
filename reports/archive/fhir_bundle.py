"""Past reports in FHIR: a Bundle, or one DiagnosticReport with what it contains (R4, R5; JSON).

https://hl7.org/fhir/R4/diagnosticreport.html. The text is looked for in Observations with a text as
their value, in the conclusion, in the presented form (text or HTML), and last in the narrative.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from radraft.core import canonical
from radraft.reports.archive.mapping import day_of, time_of
from radraft.reports.archive.records import checked, refusal
from radraft.reports.archive.sections import section_named
from radraft.reports.archive.values import PastReport, PastStatus, RefusalReason, RefusedRecord
from radraft.reports.values import Section

Json = Mapping[str, Any]
_STATUSES = {
    "final": PastStatus.FINAL,
    **dict.fromkeys(("amended", "corrected", "appended"), PastStatus.CORRECTED),
    **dict.fromkeys(("registered", "partial", "preliminary", "modified"), PastStatus.PRELIMINARY),
    **dict.fromkeys(("cancelled", "entered-in-error"), PastStatus.CANCELLED),
}
"""An appended report comes whole, so it takes the place of the one before."""
_SECTIONS = {
    "59776-5": Section.FINDINGS,
    "18782-3": Section.FINDINGS,
    "19005-8": Section.IMPRESSION,
}
_SEXES = {"male": "M", "female": "F", "other": "O"}
_BLOCKS = frozenset(
    ["p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "table", "ul", "ol"]
)
_HIDDEN = frozenset(["script", "style", "head"])


def fhir_reports(data: bytes, place: str) -> Iterator[PastReport | RefusedRecord]:
    """Yield the reports of a file, or why it has none."""
    digest = canonical.sha256(["fhir", hashlib.sha256(data).hexdigest()])
    try:
        top = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        yield RefusedRecord(place, RefusalReason.UNREADABLE, digest)
        return
    resources = _Resources(top if isinstance(top, dict) else {})
    reports = resources.of_type("DiagnosticReport")
    if not reports:
        yield RefusedRecord(place, RefusalReason.NOT_A_REPORT, digest)
    for number, report in enumerate(reports, start=1):
        where = place if len(reports) == 1 else f"{place}#{number}"
        yield _report(report, resources, where)


class _Resources:
    """The resources of a file, by what refers to them."""

    def __init__(self, top: Json) -> None:
        self._all = [top] if top.get("resourceType") != "Bundle" else []
        self._by_reference: dict[str, Json] = {}
        for entry in _dicts(top.get("entry")):
            resource = entry.get("resource")
            if isinstance(resource, dict):
                self._all.append(resource)
                self._by_reference[_text(entry.get("fullUrl"))] = resource
        for resource in self._all:
            kind, own = _text(resource.get("resourceType")), _text(resource.get("id"))
            self._by_reference[f"{kind}/{own}"] = resource

    def of_type(self, kind: str) -> list[Json]:
        return [resource for resource in self._all if resource.get("resourceType") == kind]

    def referred(self, owner: Json, name: str) -> Iterator[tuple[Json, str]]:
        """Yield what a field of `owner` refers to, empty where it is not in the file, and what is
        displayed for it."""
        value = owner.get(name)
        for item in _dicts(value if isinstance(value, list) else [value]):
            reference = _text(item.get("reference"))
            found = self._by_reference.get(reference) if reference else None
            if reference.startswith("#"):
                own = (part for part in _dicts(owner.get("contained")))
                found = next((part for part in own if part.get("id") == reference[1:]), None)
            yield found or {}, _text(item.get("display"))


def _report(report: Json, resources: _Resources, place: str) -> PastReport | RefusedRecord:
    patient = next((found for found, _ in resources.referred(report, "subject")), {})
    studies = [
        found for name in ("imagingStudy", "study") for found, _ in resources.referred(report, name)
    ]
    requests = [found for found, _ in resources.referred(report, "basedOn")]
    parts = _parts(report, resources)
    author, reviewer = _people(report, resources)
    status = _STATUSES.get(_text(report.get("status")))
    taken = _text(report.get("effectiveDateTime")) or next(
        (_text(study.get("started")) for study in studies), ""
    )
    made = PastReport(
        place,
        accession=_accession((report, *studies, *requests)),
        study_uid=_study_uid(studies),
        patient_number=next(_identifiers(patient), ""),
        patient_name=_name(patient),
        sex=_SEXES.get(_text(patient.get("gender")), ""),
        birth_date=day_of(_text(patient.get("birthDate"))),
        study_time=time_of(taken),
        findings="\n".join(parts[Section.FINDINGS]),
        impression="\n".join(parts[Section.IMPRESSION]),
        text=_whole(report) if not any(parts.values()) else _presented(report),
        author=author,
        reviewer=reviewer,
        reported_at=time_of(_text(report.get("issued"))),
        status=status or PastStatus.FINAL,
    )
    return refusal(made, RefusalReason.STATUS_UNKNOWN) if status is None else checked(made)


def _parts(report: Json, resources: _Resources) -> dict[Section, list[str]]:
    """Return the sections that Observations and the conclusion say."""
    parts: dict[Section, list[str]] = {section: [] for section in Section}
    for observation, _ in resources.referred(report, "result"):
        text, section = _text(observation.get("valueString")), _section(observation)
        if text and section is not None:
            parts[section].append(text)
    if not parts[Section.IMPRESSION] and (conclusion := _text(report.get("conclusion"))):
        parts[Section.IMPRESSION].append(conclusion)
    return parts


def _section(observation: Json) -> Section | None:
    code = observation.get("code")
    if not isinstance(code, dict):
        return None
    codings = _dicts(code.get("coding"))
    for coding in codings:
        if (known := _SECTIONS.get(_text(coding.get("code")))) is not None:
            return known
    names = [_text(code.get("text")), *(_text(coding.get("display")) for coding in codings)]
    return next((found for name in names if (found := section_named(name)) is not None), None)


def _whole(report: Json) -> str:
    narrative = report.get("text")
    div = _text(narrative.get("div")) if isinstance(narrative, dict) else ""
    return _presented(report) or _plain(div)


def _presented(report: Json) -> str:
    """Return the presented form that is text; a picture or a PDF of the report is not read."""
    for form in _dicts(report.get("presentedForm")):
        kind = _text(form.get("contentType")).split(";")[0]
        if kind in {"text/plain", "text/html"}:
            try:
                data = base64.b64decode(_text(form.get("data")), validate=False)
            except (binascii.Error, ValueError):
                continue
            text = data.decode("utf-8", "replace")
            return _plain(text) if kind == "text/html" else text
    return ""


def _accession(owners: tuple[Json, ...]) -> str:
    """Return the identifier that says it is an accession number (table 0203)."""
    for owner in owners:
        for identifier in _dicts(owner.get("identifier")):
            kind = identifier.get("type")
            codings = _dicts(kind.get("coding")) if isinstance(kind, dict) else []
            if any(coding.get("code") == "ACSN" for coding in codings):
                return _text(identifier.get("value"))
    return ""


def _study_uid(studies: list[Json]) -> str:
    for study in studies:
        for value in _identifiers(study):
            if value.startswith("urn:oid:"):
                return value.removeprefix("urn:oid:")
    return ""


def _identifiers(owner: Json) -> Iterator[str]:
    yield from (_text(identifier.get("value")) for identifier in _dicts(owner.get("identifier")))


def _people(report: Json, resources: _Resources) -> tuple[str, str]:
    """Return who wrote it and who answers for it."""
    named = {
        field: next(
            (
                name
                for person, shown in resources.referred(report, field)
                if person.get("resourceType", "Practitioner") == "Practitioner"
                and (name := _name(person) or shown)
            ),
            "",
        )
        for field in ("performer", "resultsInterpreter")
    }
    writer, answers = named["performer"], named["resultsInterpreter"]
    if not writer or writer == answers:
        return answers or writer, ""
    return writer, answers


def _name(person: Json) -> str:
    for name in _dicts(person.get("name")):
        if text := _text(name.get("text")):
            return text
        given = name.get("given")
        given = [_text(part) for part in given] if isinstance(given, list) else []
        return " ".join(filter(None, [*given, _text(name.get("family"))]))
    return ""


def _plain(markup: str) -> str:
    reader = _Plain()
    reader.feed(markup)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(filter(None, lines))


class _Plain(HTMLParser):
    """Keeps a page's text, a block a line, and nothing of its markup."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data.replace("\n", " "))


def _dicts(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
