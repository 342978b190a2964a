"""What a report states, as FHIR R4 Observations: one for each section's text, one for each coded
finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from radraft.reports.export import _fhir_values as fhir, terminology
from radraft.reports.export._fhir_values import Json
from radraft.reports.export.coded import CodedFinding
from radraft.reports.export.header import report_time
from radraft.reports.export.terminology import Coding
from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.reports.values import Certainty, Origin, Section, Sentence

OBSERVATION_VALUES = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
AI_CODES = "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AddedProvenanceCS"
"""Of AI Transparency on FHIR 1.0.0-ballot (hl7.org/fhir/uv/aitransparency/2026Jan); later builds of
that guide may drop or rename its codes."""
AI_ASSERTED = {
    "system": OBSERVATION_VALUES,
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
CLINICIAN_ASSERTED = {
    "system": AI_CODES,
    "code": "CLINAST_AIRPT",
    "display": "Clinician Asserted from AI Reported",
}
CODED_BY_AI = {
    "system": AI_CODES,
    "code": "AIAST_CLINRPT",
    "display": "AI Asserted from Clinician Reported",
}
_MACHINE = frozenset({Origin.MODEL, Origin.TRANSLATION, Origin.COMPOSED})
_STATUS = {
    OutgoingStatus.FINAL: "final",
    OutgoingStatus.CORRECTED: "corrected",
    OutgoingStatus.APPENDED: "amended",
}
"""Of an Observation, which knows no `appended`."""
_INTERPRETATIONS = {
    Certainty.PRESENT: ("POS", "Positive"),
    Certainty.ABSENT: ("NEG", "Negative"),
    Certainty.UNCERTAIN: ("IND", "Indeterminate"),
}


@dataclass(frozen=True)
class Surroundings:
    """What Observations refer to, by what names it in the bundle."""

    subject: Json
    study: Json
    performer: Json
    images: Mapping[str, Json]
    """By `Evidence.image_id`."""


@dataclass(frozen=True)
class Observed:
    """An Observation and what names it, in the bundle and at the receiver."""

    key: str
    """Stays the same in the next version of the report."""
    full_url: str
    resource: Json


def observations(report: OutgoingReport, around: Surroundings) -> tuple[Observed, ...]:
    """Return the Observations of a report: those of its sections, then the findings. None of a
    preliminary one: what its signature leaves out would stay at the receiver."""
    if report.status is OutgoingStatus.PRELIMINARY:
        return ()
    found = [
        _finding(report, key, coded, around)
        for key, coded in zip(_finding_keys(report), report.findings, strict=True)
    ]
    by_section: dict[Section, list[Observed]] = {section: [] for section in Section}
    for observed, coded in zip(found, report.findings, strict=True):
        by_section[coded.section].append(observed)
    texts = (_section(report, section, around, by_section[section]) for section in Section)
    return (*(text for text in texts if text is not None), *found)


def withdrawn(
    said: Sequence[Observed], earlier: Sequence[OutgoingReport], around: Surroundings
) -> Iterator[Observed]:
    """Yield the Observations of the `earlier` versions whose place none of what is `said` takes, as
    entered in error: a receiver must not go on showing what the report does not say any more. Each
    once, as the newest version that had it said it; of all versions, for those between may never
    have come to the receiver."""
    told = {observed.key for observed in said}
    for version in sorted(earlier, key=lambda version: version.version, reverse=True):
        for observed in observations(version, around):
            if observed.key not in told:
                told.add(observed.key)
                resource = {**observed.resource, "status": "entered-in-error"}
                resource.pop("hasMember", None)
                yield Observed(observed.key, observed.full_url, resource)


def security(*tags: Json) -> Json:
    """Return the meta element with the tags given, none where there are none."""
    return {"meta": {"security": list(tags)}} if tags else {}


def ai_tag(report: OutgoingReport) -> Json:
    """Return what a text that a machine wrote first is: a person asserts it once signed."""
    unsigned = report.status is OutgoingStatus.PRELIMINARY
    return AI_ASSERTED if unsigned else CLINICIAN_ASSERTED


def _observation(
    report: OutgoingReport, key: str, codes: tuple[Coding, ...], around: Surroundings
) -> Json:
    study = report.examination
    taken = (
        {"effectiveDateTime": fhir.date_time(study.study_time, report.institution)}
        if study.study_time
        else {}
    )
    system = fhir.own_numbering(report.institution, "observations")
    return {
        "resourceType": "Observation",
        "language": report.languages[0],
        "identifier": [fhir.identifier(system, f"{report.case_id}/{key}")],
        "status": _STATUS[report.status],
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "imaging",
                        "display": "Imaging",
                    }
                ]
            }
        ],
        "code": fhir.concept(codes, report.languages[0]),
        "subject": around.subject,
        **taken,
        "issued": fhir.instant(report_time(report)),
        "performer": [around.performer],
        "derivedFrom": [around.study],
    }


def _section(
    report: OutgoingReport, section: Section, around: Surroundings, members: list[Observed]
) -> Observed | None:
    """Return a section's whole text; None where it has none."""
    sentences = report.report.findings if section is Section.FINDINGS else report.report.impression
    texts = fhir.texts_of(sentences, report.languages)
    if not texts:
        return None
    by_machine = any(_machine_began(sentence) for sentence in sentences)
    resource = {
        **_observation(report, section, (terminology.SECTIONS[section],), around),
        **security(*([ai_tag(report)] if by_machine else [])),
        **fhir.string("valueString", texts, report.languages[0]),
    }
    if members:
        resource["hasMember"] = [fhir.reference(member.full_url) for member in members]
    return Observed(section, _full_url(report, section), resource)


def _finding_keys(report: OutgoingReport) -> Iterator[str]:
    """Yield what names each coded finding: its sentence, whose id outlives every edit, and its
    number in it."""
    counted: Counter[str] = Counter()
    for coded in report.findings:
        counted[coded.sentence_id] += 1
        yield f"{coded.sentence_id}.{counted[coded.sentence_id]}"


def _finding(
    report: OutgoingReport, key: str, coded: CodedFinding, around: Surroundings
) -> Observed:
    """Return one coded finding. A program read it from the sentence: the tag says so."""
    lang = report.languages[0]
    mention = coded.mention
    sentence = next(s for s in report.report.sentences if s.id == coded.sentence_id)
    tags = [CODED_BY_AI, *([ai_tag(report)] if _machine_began(sentence) else [])]
    resource = {
        **_observation(report, key, terminology.finding_codes(coded.finding), around),
        **security(*tags),
        "valueCodeableConcept": fhir.concept((terminology.CERTAINTIES[mention.polarity],), lang),
        "interpretation": [_interpretation(mention.polarity)],
        "note": [fhir.string("text", fhir.texts_of((sentence,), report.languages), lang)],
    }
    images = [around.images[e.image_id] for e in sentence.evidence if e.image_id in around.images]
    resource["derivedFrom"] = [around.study, *images]
    if mention.anatomy is not None:
        resource["bodySite"] = fhir.concept((terminology.site_code(mention.anatomy),), lang)
    components = list(_components(report, coded))
    if components:
        resource["component"] = components
    return Observed(key, _full_url(report, key), resource)


def _components(report: OutgoingReport, coded: CodedFinding) -> Iterator[Json]:
    """Yield side, change and numbers."""
    lang, mention = report.languages[0], coded.mention

    def component(code: Coding, answer: Json) -> Json:
        return {"code": fhir.concept((code,), lang), **answer}

    if mention.laterality is not None:
        side = fhir.concept((terminology.LATERALITIES[mention.laterality],), lang)
        yield component(terminology.SIDE, {"valueCodeableConcept": side})
    if mention.change is not None:
        change = fhir.concept((terminology.CHANGES[mention.change],), lang)
        yield component(terminology.CHANGE, {"valueCodeableConcept": change})
    for stated in terminology.stated_numbers(coded):
        quantity = {
            "value": int(stated.value) if stated.value.is_integer() else stated.value,
            "unit": stated.unit,
            "system": "http://unitsofmeasure.org",
            "code": stated.unit,
        }
        yield component(stated.code, {"valueQuantity": quantity})


def _interpretation(certainty: Certainty) -> Json:
    code, display = _INTERPRETATIONS[certainty]
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _machine_began(sentence: Sentence) -> bool:
    return any(wording.origin in _MACHINE for wording in sentence.wordings)


def _full_url(report: OutgoingReport, key: str) -> str:
    return fhir.full_url("Observation", report.case_id, key)
