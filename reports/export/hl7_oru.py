"""Results for a RIS or a HIS: ORU^R01^ORU_R01 of HL7 version 2.5.1 (chapters 2, 2A, 3, 4 and 7).

Every message carries the whole report. An amendment and an addendum alike come with the status C:
a receiver puts the new text in the place of the old, and whichever of the two it does not know it
still shows the text that is valid now. Coded values are CE, not CWE: table 0125 of this version
has no CWE. The structure is checked against hl7apy's tables of 2.5.1; the standard's text itself
was not at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from radraft.core.errors import ReportError
from radraft.reports.export import _er7, terminology
from radraft.reports.export.charset import Charset
from radraft.reports.export.coded import CodedFinding
from radraft.reports.export.header import (
    patient_number,
    report_time,
    require_nothing_signed_before,
    state_names,
)
from radraft.reports.export.marks import mark, research_notice
from radraft.reports.export.names import PersonName, is_ideographic, person_names
from radraft.reports.export.terminology import Coding
from radraft.reports.export.values import Institution, OutgoingReport, OutgoingStatus
from radraft.reports.hl7_text import escaped
from radraft.reports.people import Person
from radraft.reports.site_languages import other_language
from radraft.reports.values import AmendmentKind, Section
from radraft.studies.kos import Reference


@dataclass(frozen=True)
class Application:
    """An application that sends or receives (MSH-3 to MSH-6)."""

    application: str
    facility: str = ""


@dataclass(frozen=True)
class MessageContents:
    """What a site's receiver takes beside the text."""

    coded: bool = True
    """The findings as coded OBX; a receiver that prints every OBX is better off without."""
    image_url: str = field(default="", repr=False)
    """Address of a key image, with `{study}`, `{series}`, `{instance}` and `{frame}` (from 1) in
    it; empty: no links."""


def message(
    report: OutgoingReport,
    *,
    sending: Application,
    receiving: Application,
    charset: Charset = Charset.UTF_8,
    contents: MessageContents | None = None,
) -> bytes:
    """Return a report as one message, a carriage return after each segment, without MLLP's frame.

    ReportError `export_no_patient_number`; `export_character_unwritable` where `charset` cannot
    write a character of it; `export_signed_version_stands`.
    """
    require_nothing_signed_before(report)
    contents = contents or MessageContents()
    observations = list(_observations(report, contents))
    segments = [
        _msh(report, sending, receiving, charset),
        _pid(report),
        _orc(report),
        _obr(report),
        *(
            _er7.segment("OBX", {1: str(number), **fields})
            for number, fields in enumerate(observations, start=1)
        ),
    ]
    return _encoded(segments, charset)


def control_id(report: OutgoingReport) -> str:
    """Return MSH-10, the same whenever the same state of a report is sent, and another for other
    words: by it a receiver knows a repeat (2.5.1 allows 20 characters)."""
    state = (report.case_id, report.status, *state_names(report))
    return hashlib.sha256("\n".join(state).encode()).hexdigest()[:20].upper()


_STATUS = {
    OutgoingStatus.PRELIMINARY: "P",
    OutgoingStatus.FINAL: "F",
    OutgoingStatus.CORRECTED: "C",
    OutgoingStatus.APPENDED: "C",
}
"""Result status (OBR-25, table 0123) and observation status (OBX-11, table 0085)."""
_SEXES = {"M": "M", "F": "F", "O": "O"}


def _encoded(segments: list[str], charset: Charset) -> bytes:
    """Return the segments in `charset`, read back to be sure of what its declared set makes of
    them. ReportError `export_character_unwritable` names the first field that does not fit."""

    def writable(text: str) -> bool:
        try:
            return text.encode(charset).decode(charset.declared) == text
        except UnicodeError:
            return False

    for segment in segments:
        if not writable(segment):
            name, *values = segment.rstrip("\r").split("|")
            first = 2 if name == "MSH" else 1
            place = next(n for n, value in enumerate(values, first) if not writable(value))
            raise ReportError(
                "export_character_unwritable", place=f"{name}-{place}", charset=str(charset)
            )
    return "".join(segments).encode(charset)


def _msh(
    report: OutgoingReport, sending: Application, receiving: Application, charset: Charset
) -> str:
    fields = {
        3: _er7.plain(sending.application),
        4: _er7.plain(sending.facility),
        5: _er7.plain(receiving.application),
        6: _er7.plain(receiving.facility),
        7: _timestamp(report, report_time(report)),
        9: "ORU^R01^ORU_R01",
        10: control_id(report),
        11: "P",
        12: "2.5.1",
        18: charset.hl7,
        19: report.languages[0],
    }
    return _er7.segment("MSH", fields)


def _pid(report: OutgoingReport) -> str:
    patient = report.examination.patient
    names = [_xpn(name) for name in person_names(patient.name)]
    fields = {
        1: "1",
        3: _er7.joined(
            "^", _er7.plain(patient_number(report)), "", "", _hd(report.institution), "MR"
        ),
        # A patient without a name still has this field: an unspecified name (table 0200, U).
        5: "~".join(names) or "^^^^^^U",
        7: f"{patient.birth_date:%Y%m%d}" if patient.birth_date else "",
        8: _SEXES.get(patient.sex, "U"),
    }
    return _er7.segment("PID", fields)


def _orc(report: OutgoingReport) -> str:
    return _er7.segment("ORC", {1: "RE", 3: _filler_number(report)})


def _obr(report: OutgoingReport) -> str:
    study = report.examination
    code = terminology.STUDY
    local = " ".join(filter(None, (study.modality, study.body_part)))
    fields = {
        1: "1",
        3: _filler_number(report),
        4: _er7.components(
            code.code, code.en, code.system.hl7, local, study.description, "L" if local else ""
        ),
        7: _timestamp(report, study.study_time),
        18: _er7.plain(study.accession),
        22: _timestamp(report, report_time(report)),
        24: "RAD",
        25: _STATUS[report.status],
        **_interpreters(report),
    }
    return _er7.segment("OBR", fields)


def _interpreters(report: OutgoingReport) -> dict[int, str]:
    """Return who answers for the report (OBR-32) and who helped (OBR-33). Before the signature
    nobody answers: who wrote it helped."""

    def interpreter(person: Person, at: str) -> str:
        return _er7.joined("^", _er7.subcomponents(person.id or "", person.name), at)

    submitted = _timestamp(report, report.submitted_at)
    if report.signed_at is None:
        return {33: interpreter(report.author, submitted)}
    fields = {32: interpreter(report.signer, _timestamp(report, report.signed_at))}
    if report.reviewer is not None:
        fields[33] = interpreter(report.author, submitted)
    return fields


def _observations(report: OutgoingReport, contents: MessageContents) -> Iterator[dict[int, str]]:
    """Yield the OBX as fields by number, without their number in the message: the mark first, the
    text by language, then what programs read."""
    yield from _marks(report)
    yield from _text(report)
    yield from _reason(report)
    if contents.coded:
        yield from _coded(report)
    yield from _pointers(report, contents.image_url)


def _marks(report: OutgoingReport) -> Iterator[dict[int, str]]:
    """Yield what readers are told of AI; OBX-18 names the model."""
    model = report.drafter.model_id if report.drafter else ""
    for lang in report.languages:
        told = (
            (terminology.AI_MARK, mark(report, lang)),
            (terminology.AI_USE, research_notice(report, lang)),
        )
        for code, text in told:
            if text:
                fields = _observation(report, "ST", code, lang, _er7.plain(text))
                yield {**fields, 18: _er7.plain(model)}


def _text(report: OutgoingReport) -> Iterator[dict[int, str]]:
    """Yield one OBX a sentence, in its section, in each language; OBX-4 is the sentence's number in
    the report and the language of the part. A sentence that has one language alone stands in both
    parts."""
    numbers = _numbers(report)
    sections = zip(Section, (report.report.findings, report.report.impression), strict=True)
    by_section = list(sections)
    for lang in report.languages:
        for section, sentences in by_section:
            for sentence in sentences:
                text = sentence.text(lang) or sentence.text(other_language(lang))
                if text:
                    fields = _observation(
                        report,
                        "FT",
                        terminology.SECTIONS[section],
                        f"{numbers[sentence.id]}.{lang}",
                        escaped(text),
                    )
                    yield {**fields, 16: _xcn(report.signer, report.institution)}


def _reason(report: OutgoingReport) -> Iterator[dict[int, str]]:
    amendment = report.amendment
    if amendment is not None and amendment.reason:
        addendum = amendment.kind is AmendmentKind.ADDENDUM
        code = terminology.ADDENDUM if addendum else terminology.AMENDMENT
        yield _observation(report, "FT", code, "", escaped(amendment.reason))


def _coded(report: OutgoingReport) -> Iterator[dict[int, str]]:
    """Yield what each sentence states: OBX of one finding share an OBX-4, the sentence's number and
    the finding's in it."""
    numbers = _numbers(report)
    counted: dict[str, int] = {}
    for coded in report.findings:
        counted[coded.sentence_id] = counted.get(coded.sentence_id, 0) + 1
        group = f"{numbers[coded.sentence_id]}.{counted[coded.sentence_id]}"
        for code, value in _statements(report, coded):
            yield _observation(report, "CE", code, group, value)
        for stated in terminology.stated_numbers(coded):
            fields = _observation(report, "NM", stated.code, group, _er7.number(stated.value))
            yield {**fields, 6: _er7.components(stated.unit, stated.unit_name, "UCUM")}


def _statements(report: OutgoingReport, coded: CodedFinding) -> Iterator[tuple[Coding, str]]:
    """Yield the questions and coded answers of one finding."""
    mention = coded.mention
    yield terminology.FINDING, _ce(report, *terminology.finding_codes(coded.finding))
    yield terminology.CERTAINTY, _ce(report, terminology.CERTAINTIES[mention.polarity])
    if mention.anatomy is not None:
        yield terminology.SITE, _ce(report, terminology.site_code(mention.anatomy))
    if mention.laterality is not None:
        yield terminology.SIDE, _ce(report, terminology.LATERALITIES[mention.laterality])
    if mention.change is not None:
        yield terminology.CHANGE, _ce(report, terminology.CHANGES[mention.change])


def _pointers(report: OutgoingReport, image_url: str) -> Iterator[dict[int, str]]:
    """Yield the study's UID, the hashes that tell the version, and links to the key images."""
    study_uid = report.examination.study_uid
    yield _observation(report, "ST", terminology.STUDY_UID, "", _er7.plain(study_uid))
    if report.content_sha:
        yield _observation(report, "ST", terminology.CONTENT_HASH, "", report.content_sha)
    if report.supersedes:
        yield _observation(report, "ST", terminology.SUPERSEDED_HASH, "", report.supersedes)
    references = [image.reference for image in report.key_images if image.reference]
    for number, reference in enumerate(references if image_url else [], start=1):
        value = _er7.components(_url(image_url, study_uid, reference), "", "IM", "DICOM")
        yield _observation(report, "RP", terminology.KEY_IMAGE, str(number), value)


def _url(pattern: str, study_uid: str, reference: Reference) -> str:
    """Return the address of a key image."""
    values = {
        "study": study_uid,
        "series": reference.series_uid,
        "instance": reference.sop_instance_uid,
        "frame": str(reference.frames[0] + 1 if reference.frames else 1),
    }
    for name, value in values.items():
        pattern = pattern.replace(f"{{{name}}}", quote(value, safe=""))
    return pattern


def _observation(
    report: OutgoingReport, value_type: str, code: Coding, group: str, value: str
) -> dict[int, str]:
    """Return an OBX's fields: type, question, group, answer, status."""
    return {
        2: value_type,
        3: _ce(report, code),
        4: group,
        5: value,
        11: _STATUS[report.status],
    }


def _numbers(report: OutgoingReport) -> dict[str, int]:
    """Return the sentences' numbers in reading order by their ids."""
    return {sentence.id: n for n, sentence in enumerate(report.report.sentences, start=1)}


def _ce(report: OutgoingReport, *codes: Coding) -> str:
    """Return a coded value: the first code with its English name, and as the alternate our own,
    with the Chinese name in a Chinese report."""
    first, last = codes[0], codes[-1]
    parts = [first.code, first.en, first.system.hl7]
    if "zh" in report.languages:
        parts += [last.code, last.zh, last.system.hl7]
    elif last is not first:
        parts += [last.code, last.en, last.system.hl7]
    return _er7.components(*parts)


def _timestamp(report: OutgoingReport, moment: datetime | None) -> str:
    return "" if moment is None else _er7.timestamp(moment, report.institution.time_zone)


def _hd(institution: Institution) -> str:
    """Return who numbers as one component (HD in a CX, an EI or an XCN): `site&oid&ISO`."""
    return _er7.subcomponents(institution.site, institution.oid, "ISO" if institution.oid else "")


def _filler_number(report: OutgoingReport) -> str:
    """Return the filler's number (OBR-3): the accession, else our own case. The placer's number
    (OBR-2) did not come with the images and is left empty."""
    accession = report.examination.accession
    if not accession:
        return _er7.components(report.case_id, "RADRAFT")
    namespace = (report.institution.site, report.institution.oid)
    return _er7.components(accession, *namespace, "ISO" if report.institution.oid else "")


def _xpn(name: PersonName) -> str:
    return _er7.components(
        name.family, name.given, name.middle, name.suffix, name.prefix, "", "L", name.representation
    )


def _xcn(person: Person, institution: Institution) -> str:
    """Return a member of staff, whose name is one text: all of it the family name, given as it is
    displayed (table 0200, D)."""
    return _er7.joined(
        "^",
        _er7.plain(person.id or ""),
        _er7.plain(person.name),
        *[""] * 6,
        _hd(institution) if person.id else "",
        "D",
        *[""] * 4,
        "I" if is_ideographic(person.name) else "A",
    )
