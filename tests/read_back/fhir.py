"""A FHIR R4 bundle, read by `fhir.resources` (models of R4B)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from fhir.resources.R4B.bundle import Bundle

from tests.read_back.facts import Facts, only
from tests.read_back.oru import numbers

TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
CARRIED = (
    "sentences", "findings", "sides", "numbers", "reason", "patient_number", "patient_names",
    "birth_date", "sex", "accession", "study_uid", "study_time", "author", "signer", "accounts",
    "institution", "signed_at", "status", "content_sha", "supersedes", "images",
)  # fmt: skip
_SIDES = {"L": "left", "R": "right", "BIL": "bilateral"}
_GENDERS = {"male": "M", "female": "F", "other": "O", "unknown": ""}
_NAMES = {"IDE": "I", "ABC": "A", "SYL": "P"}
_HEADINGS = {"影像所见": 0, "诊断意见": 1, "Findings": 0, "Impression": 1}
_INTERPRETED = {"POS": "present", "NEG": "absent", "IND": "uncertain"}


def carried(told: Facts) -> Facts:
    """Return what a bundle carries of `facts`: the text three times, in Observations, as conclusion
    and as a form to be shown."""
    zone, langs = told["time_zone"], told["languages"]
    taken = told["study_time"]
    if taken is not None:
        taken = taken.replace(tzinfo=ZoneInfo(zone)) if zone else taken.date()
    shown = {lang: [told["marks"][lang], *told["sentences"][lang]] for lang in langs}
    observed = {
        lang: ["\n".join(lines) for lines in sections]
        for lang, sections in told["sentences"].items()
    }
    return only(told, CARRIED) | {
        "sentences": observed,
        "conclusion": {lang: texts[1] for lang, texts in observed.items() if texts[1]},
        "shown": shown,
        "narrative": [
            line
            for lang in langs
            for lines in (told["marks"][lang], *told["sentences"][lang])
            for line in lines
        ],
        "study_time": taken,
        "signed_at": told["signed_at"] and _milliseconds(told["signed_at"]),
        "institution": told["institution"][langs[0]],
    }


def read(data: bytes) -> Facts:
    """Return what the bundle says."""
    document = Bundle.model_validate_json(data)
    by_url: dict[Any, Any] = {entry.fullUrl: entry.resource for entry in document.entry or ()}

    def referred(reference: Any) -> Any:
        return by_url[reference.reference]

    def of_type(name: str) -> list[Any]:
        return [r for r in by_url.values() if r.get_resource_type() == name]

    [report], [patient], [provenance] = map(of_type, ("DiagnosticReport", "Patient", "Provenance"))
    agents = {agent.type.coding[0].code: referred(agent.who) for agent in provenance.agent}
    observed = [referred(result) for result in report.result or ()]
    texts = {o.code.coding[0].code: o for o in observed if o.valueString is not None}
    people = [referred(person) for person in report.resultsInterpreter]
    signer = agents["legal"].name[0].text if "legal" in agents else ""
    taken = report.effectiveDateTime
    sentences = {
        lang: [
            section_text(texts[code]).get(lang, "") if code in texts else ""
            for code in ("59776-5", "19005-8")
        ]
        for lang in (form.language for form in report.presentedForm if form.language)
    }
    orders = [referred(order) for order in report.basedOn or ()]
    reasons = [reason.text for reason in provenance.reason or () if reason.text]
    media = [referred(media.link) for media in report.media or ()]
    imaging = referred(report.imagingStudy[0])
    return {
        "sentences": sentences,
        "conclusion": _in_languages(report.conclusion, report.conclusion__ext, report.language),
        "shown": {
            form.language: _shown(form.data.decode())
            for form in report.presentedForm
            if form.language
        },
        "narrative": _narrative(report.text.div),
        "reason": reasons[0] if reasons else "",
        "patient_number": patient.identifier[0].value,
        "patient_names": [
            (_NAMES[name.extension[0].valueCode], name.family, (name.given or [""])[0])
            for name in patient.name
        ],
        "birth_date": patient.birthDate.isoformat() if patient.birthDate else "",
        "sex": _GENDERS[patient.gender],
        "accession": orders[0].identifier[0].value if orders else "",
        "study_uid": imaging.identifier[0].value.removeprefix("urn:oid:"),
        "study_time": taken if isinstance(taken, datetime | date) else None,
        "author": agents["author"].name[0].text,
        "signer": signer,
        "accounts": [
            agents[role].identifier[0].value for role in ("author", "legal") if role in agents
        ],
        "institution": referred(report.performer[0]).name,
        "signed_at": report.issued if signer and people[0].name[0].text == signer else None,
        "status": report.status,
        "content_sha": report.identifier[1].value if len(report.identifier) > 1 else "",
        "supersedes": provenance.entity[0].what.identifier.value if provenance.entity else "",
        "images": [
            (
                image.content.url.removeprefix("urn:oid:"),
                int(image.content.title.removeprefix("frame ")) if image.content.title else 0,
            )
            for image in media
        ],
        **_findings(observed, referred),
    }


def _findings(observed: list[Any], referred: Any) -> Facts:
    sections = {}
    for observation in observed:
        for member in observation.hasMember or ():
            code = observation.code.coding[0].code
            sections[id(referred(member))] = {"59776-5": "findings", "19005-8": "impression"}[code]
    findings, sides, measured = [], [], []
    for told in observed:
        if told.valueCodeableConcept is None:
            continue
        parts = {part.code.coding[0].code: part for part in told.component or ()}
        certainty = told.valueCodeableConcept.coding[0].code
        assert _INTERPRETED[told.interpretation[0].coding[0].code] == certainty

        def answer(name: str, parts: dict[str, Any] = parts) -> str:
            return parts[name].valueCodeableConcept.coding[0].code if name in parts else ""

        findings.append(
            (
                sections[id(told)],
                told.code.coding[-1].code,
                certainty,
                told.bodySite.coding[0].code if told.bodySite else "",
                answer("change"),
            )
        )
        sides.append(_SIDES[answer("side")] if "side" in parts else "")
        measured.append(
            numbers(
                {
                    name: (float(part.valueQuantity.value), part.valueQuantity.code)
                    for name, part in parts.items()
                    if part.valueQuantity
                }
            )
        )
    return {"findings": findings, "sides": sides, "numbers": measured}


def _narrative(div: str) -> list[str]:
    """The lines of the narrative but its headings."""
    parts = (p for p in ElementTree.fromstring(div).iter() if p.tag.endswith(("}p", "}li")))
    return [part.text for part in parts if part.text]


def _shown(text: str) -> list[list[str]]:
    """The mark, findings and impression of a text to be shown."""
    found: list[list[str]] = [[], [], []]
    at = 0
    for line in text.splitlines():
        if line in _HEADINGS:
            at = _HEADINGS[line] + 1
        else:
            found[at].append(line)
    return found


def section_text(observation: Any) -> dict[str, str]:
    """Return the text of a section by language."""
    return _in_languages(
        observation.valueString, observation.valueString__ext, observation.language
    )


def _in_languages(text: str | None, extended: Any, lang: str) -> dict[str, str]:
    """A string and its translation, by language."""
    if text is None:
        return {}
    found = {lang: text}
    for extension in extended.extension if extended else ():
        if extension.url == TRANSLATION:
            values = {part.url: part for part in extension.extension}
            found[values["lang"].valueCode] = values["content"].valueString
        else:
            found = {extension.valueCode: text}
    return found


def _milliseconds(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=moment.microsecond % 1000)
