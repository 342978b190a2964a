"""A report as a DICOM structured report that every PACS with reports takes and shows.

One Enhanced SR (PS3.3 A.35.2) in the order of TID 2000 (PS3.16, read in its edition 2026a): the
report's own words first, section by section and language by language, then key images, earlier
examinations, and what the sentences state in codes. Of all the classes that hold numbers Enhanced
SR is the oldest and the most widely taken; it is one class for all reports, so that the version
before can be named without being at hand. TID 1500, whose consumers draw contours, would have none
to draw: sizes are read from sentences, not measured on an image.

TID 2000 has one language and no place for a side, a certainty or a size of a coded finding, and is
closed for additions. What is added here (the language of a section, the coded findings, the UID of
an earlier study) is therefore not told as TID 2000: the document names no template.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from radraft.reports.export import dicom_codes as codes, terminology
from radraft.reports.export.dicom_document import (
    MAKER,
    DocumentKind,
    code,
    date_time,
    device_uid,
    document_head,
    evidence,
    file_bytes,
    local_time,
    long_string,
    model_name,
    organisation,
    predecessors,
    references,
    set_as_it_came,
    sop_item,
)
from radraft.reports.export.marks import mark, research_notice
from radraft.reports.export.terminology import Coding
from radraft.reports.export.values import Drafter, OutgoingReport, OutgoingStatus
from radraft.reports.values import Lang, Section, Sentence
from radraft.studies.kos import person_name
from radraft.studies.uids import named_uid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydicom.dataset import Dataset

    from radraft.reports.export.coded import CodedFinding
    from radraft.reports.people import Person
    from radraft.studies.kos import Reference


def document(report: OutgoingReport) -> bytes:
    """Return the report as an Enhanced SR file; the same report gives the same bytes.

    ReportError `export_name_too_long`, `export_value_too_long`.
    """
    made = document_head(report, DocumentKind.REPORT)
    _add_status(made, report)
    _add_people(made, report)
    _add_context(made, report)
    for element in _content(report):
        made[element.tag] = element
    return file_bytes(made)


def _add_status(made: Dataset, report: OutgoingReport) -> None:
    signed = report.status is not OutgoingStatus.PRELIMINARY
    made.PreliminaryFlag = "FINAL" if signed else "PRELIMINARY"
    made.CompletionFlag = "COMPLETE" if signed else "PARTIAL"
    made.VerificationFlag = "VERIFIED" if signed else "UNVERIFIED"


def _add_people(made: Dataset, report: OutgoingReport) -> None:
    """Add author, signer and, as a source of the content, the model (PS3.3 C.17.2.5)."""
    from pydicom.dataset import Dataset

    handed_over = report.submitted_at or report.signed_at
    if handed_over is not None:
        made.ObservationDateTime = date_time(local_time(report, handed_over))
    made.AuthorObserverSequence = [_identified_person(report, report.author)]
    if report.signed_at is not None:
        signer = Dataset()
        signer.VerifyingObserverName = person_name(report.signer.name)
        signer.VerifyingOrganization = organisation(report)
        signer.VerificationDateTime = date_time(local_time(report, report.signed_at))
        signer.VerifyingObserverIdentificationCodeSequence = _account(report.signer)
        made.VerifyingObserverSequence = [signer]
    if report.drafter is not None:
        made.ParticipantSequence = [_drafter(report, report.drafter)]


def _identified_person(report: OutgoingReport, person: Person) -> Dataset:
    """Return a person with his organisation (PS3.3 Table C.17-3b)."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ObserverType, item.PersonName = "PSN", person_name(person.name)
    item.PersonIdentificationCodeSequence = _account(person)
    item.InstitutionName, item.InstitutionCodeSequence = organisation(report), []
    return item


def _account(person: Person) -> list[Dataset]:
    """Return the account that a person had signed in to, coded; empty for a typed name."""
    if person.id is None:
        return []
    return [code(person.id, terminology.OWN.hl7, long_string(person.name, "person"))]


def _drafter(report: OutgoingReport, drafter: Drafter) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ParticipationType, item.ParticipationDateTime = "SOURCE", ""
    item.ObserverType, item.DeviceUID = "DEV", device_uid(report)
    item.StationName, item.Manufacturer = "", MAKER
    item.ManufacturerModelName = model_name(drafter)
    item.InstitutionName, item.InstitutionCodeSequence = organisation(report), []
    return item


def _add_context(made: Dataset, report: OutgoingReport) -> None:
    """Add the order, the images referred to and the version before (PS3.3 C.17.2)."""
    from pydicom.dataset import Dataset

    about = report.examination
    if about.accession:
        order = Dataset()
        set_as_it_came(order, "StudyInstanceUID", about.study_uid)
        set_as_it_came(order, "AccessionNumber", about.accession)
        order.ReferencedStudySequence = []
        order.PlacerOrderNumberImagingServiceRequest = ""
        order.FillerOrderNumberImagingServiceRequest = ""
        order.RequestedProcedureID = order.RequestedProcedureDescription = ""
        order.RequestedProcedureCodeSequence = []
        made.ReferencedRequestSequence = [order]
    made.PerformedProcedureCodeSequence = []
    made.ReferencedPerformedProcedureStepSequence = []
    if found := evidence(about.study_uid, references(report)):
        made.CurrentRequestedProcedureEvidenceSequence = found
    if before := predecessors(report, DocumentKind.REPORT):
        made.PredecessorDocumentsSequence = before
    own = Dataset()
    own.CodingSchemeDesignator, own.CodingSchemeName = terminology.OWN.hl7, MAKER
    own.CodingSchemeResponsibleOrganization = MAKER
    made.CodingSchemeIdentificationSequence = [own]


def _content(report: OutgoingReport) -> Dataset:
    """Return the document's tree: its root with everything below it."""
    first = report.languages[0]
    root = _section(
        codes.REPORT,
        first,
        [
            _language(first),
            *(_title(lang) for lang in report.languages[1:]),
            *_observers(report),
            *chain.from_iterable(_narrative(report, lang) for lang in report.languages),
            *_reason(report, first),
            *_pictures(report, first),
            *_earlier(report, first),
            *_codings(report, first),
        ],
    )
    del root.RelationshipType
    return root


def _title(lang: Lang) -> Dataset:
    """Return the report's title in a further language (TID 1210)."""
    item = _text(codes.EQUIVALENT_NAME, codes.REPORT.name(lang), "en", _MODIFIES)
    item.ContentSequence = [_coded(codes.LANGUAGE_OF_VALUE, codes.LANGUAGES[lang], "en", _MODIFIES)]
    return item


def _observers(report: OutgoingReport) -> Iterator[Dataset]:
    """Yield who stands for the content: the author, and who reviewed it (TID 1002 and 1003)."""
    people = [report.author] if report.reviewer is None else [report.author, report.reviewer]
    for person in people:
        yield _coded(codes.OBSERVER_TYPE, codes.PERSON, "en", _OBSERVES)
        named = _item("PNAME", codes.OBSERVER_NAME, "en", _OBSERVES)
        named.PersonName = person_name(person.name)
        yield named
        yield _text(codes.OBSERVER_ORGANISATION, organisation(report), "en", _OBSERVES)


def _narrative(report: OutgoingReport, lang: Lang) -> Iterator[Dataset]:
    """Yield findings and impression as a reader of `lang` has to know them, and what AI had to do
    with them."""
    told = [] if lang == report.languages[0] else [_language(lang)]
    sections = (report.report.findings, report.report.impression)
    for section, sentences in zip(Section, sections, strict=True):
        texts = [_sentence(section, sentence, lang) for sentence in sentences if sentence.wordings]
        if texts:
            yield _section(codes.HEADINGS[section], lang, [*told, *texts])
    if visible := mark(report, lang):
        use = _text(terminology.AI_USE, research_notice(report, lang), lang)
        items = [*told, _text(terminology.AI_MARK, visible, lang), use]
        yield _section(terminology.AI_MARK, lang, items)


def _language(lang: Lang) -> Dataset:
    return _coded(codes.LANGUAGE, codes.LANGUAGES[lang], "en", _MODIFIES)


def _sentence(section: Section, sentence: Sentence, lang: Lang) -> Dataset:
    """Return a sentence in `lang`; one that has the other language alone is told in that, and says
    so: neither part of a report may lack what the other says."""
    spoken = lang if sentence.text(lang) else sentence.wordings[0].lang
    item = _text(codes.ELEMENTS[section], sentence.text(spoken), lang)
    item.ObservationUID = _observation(sentence)
    if spoken != lang:
        item.ContentSequence = [_language(spoken)]
    return item


def _observation(sentence: Sentence) -> str:
    """Return the UID of what a sentence says, the same in both languages and in every version that
    leaves it as it is (PS3.3 C.17.3)."""
    return named_uid("sentence", sentence.id, sentence.zh, sentence.en)


def _reason(report: OutgoingReport, lang: Lang) -> Iterator[Dataset]:
    """Yield why the version takes the place of the one before."""
    amendment = report.amendment
    if amendment is not None and amendment.reason:
        heading = codes.REASONS[amendment.kind]
        yield _section(heading, lang, [_text(heading, amendment.reason, lang)])


def _pictures(report: OutgoingReport, lang: Lang) -> Iterator[Dataset]:
    items = [_picture(reference, lang) for reference in references(report)]
    if items:
        yield _section(codes.KEY_IMAGES, lang, items)


def _picture(reference: Reference, lang: Lang) -> Dataset:
    item = _item("IMAGE", codes.ILLUSTRATION, lang)
    image = sop_item(reference)
    if reference.frames:
        image.ReferencedFrameNumber = [frame + 1 for frame in reference.frames]
    item.ReferencedSOPSequence = [image]
    return item


def _earlier(report: OutgoingReport, lang: Lang) -> Iterator[Dataset]:
    """Yield the earlier examinations that the report could compare with."""
    items = []
    for prior in report.priors:
        words = f"{prior.day.isoformat()} {prior.modality}".strip()
        item = _text(codes.PROCEDURE, words, lang)
        item.ContentSequence = [_uid(terminology.STUDY_UID, prior.study_uid)]
        items.append(item)
    if items:
        yield _section(codes.EARLIER, lang, items)


def _codings(report: OutgoingReport, lang: Lang) -> Iterator[Dataset]:
    sentences = {sentence.id: sentence for sentence in report.report.sentences}
    items = [_coding(coded, sentences[coded.sentence_id], lang) for coded in report.findings]
    if items:
        yield _section(codes.CODED, lang, items)


def _coding(coded: CodedFinding, sentence: Sentence, lang: Lang) -> Dataset:
    """Return a finding as a question that its certainty answers, so that nobody who reads the
    finding alone takes for there what the report says is absent."""
    mention = coded.mention
    finding = terminology.finding_codes(coded.finding)[0]
    item = _coded(finding, codes.CERTAINTIES[mention.polarity], lang)
    below: list[Dataset] = []
    if mention.laterality is not None:
        below.append(_coded(codes.SIDE, codes.SIDES[mention.laterality], lang, _MODIFIES))
    if mention.anatomy is not None:
        below.append(_coded(codes.SITE, terminology.site_code(mention.anatomy), lang, _MODIFIES))
    if mention.change is not None:
        below.append(_coded(terminology.CHANGE, terminology.CHANGES[mention.change], lang, _HAS))
    below += [_number(codes.DIAMETER, size, codes.MILLIMETER, lang) for size in mention.size_mm]
    if mention.percent is not None:
        below.append(_number(terminology.EXTENT, mention.percent, codes.PERCENT, lang))
    if mention.volume_ml is not None:
        below.append(_number(codes.VOLUME, mention.volume_ml, codes.MILLILITER, lang))
    item.ContentSequence = [*below, _uid(codes.SENTENCE, _observation(sentence))]
    return item


_CONTAINS, _OBSERVES = "CONTAINS", "HAS OBS CONTEXT"
_MODIFIES, _HAS = "HAS CONCEPT MOD", "HAS PROPERTIES"


def _item(value_type: str, name: Coding, lang: Lang, relation: str = _CONTAINS) -> Dataset:
    """Return a content item without its value, named in `lang` (PS3.3 C.17.3)."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.RelationshipType, item.ValueType = relation, value_type
    item.ConceptNameCodeSequence = [_named(name, lang)]
    return item


def _named(coding: Coding, lang: Lang) -> Dataset:
    return code(coding.code, coding.system.hl7, coding.name(lang))


def _section(heading: Coding, lang: Lang, items: Sequence[Dataset]) -> Dataset:
    item = _item("CONTAINER", heading, lang)
    item.ContinuityOfContent, item.ContentSequence = "SEPARATE", list(items)
    return item


def _text(name: Coding, text: str, lang: Lang, relation: str = _CONTAINS) -> Dataset:
    """Return a text item. A tab, which no text item may hold (PS3.3 C.18.3), becomes a space."""
    item = _item("TEXT", name, lang, relation)
    item.TextValue = text.replace("\t", " ")
    return item


def _coded(name: Coding, value: Coding, lang: Lang, relation: str = _CONTAINS) -> Dataset:
    item = _item("CODE", name, lang, relation)
    item.ConceptCodeSequence = [_named(value, lang)]
    return item


def _uid(name: Coding, uid: str) -> Dataset:
    item = _item("UIDREF", name, "en", _HAS)
    set_as_it_came(item, "UID", uid)
    return item


def _number(name: Coding, value: float, unit: Coding, lang: Lang) -> Dataset:
    from pydicom.dataset import Dataset

    item, measured = _item("NUM", name, lang, _HAS), Dataset()
    measured.NumericValue = f"{value:.10g}"
    measured.MeasurementUnitsCodeSequence = [_named(unit, lang)]
    item.MeasuredValueSequence = [measured]
    return item
