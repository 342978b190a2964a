"""What the DICOM documents of a report have in common: whose they are, when they were made and by
whom, and the UIDs that the same report gives each time.

A UID is made of the case, the kind of document and the content that was signed: other words never
have the same UID, which a PACS would take for a repeat. The version before, which a document
follows, is named by its hash without being at hand. Versions of one kind form one series.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from radraft.core.errors import ReportError
from radraft.reports.export.header import report_time, state_names
from radraft.reports.export.marks import mark
from radraft.reports.export.values import Drafter, OutgoingReport, OutgoingStatus
from radraft.studies.kos import Reference
from radraft.studies.uids import named_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
MAKER = "radraft"
_CODE_VALUE = 16
"""Most characters of a Code Value; Long Code Value holds more."""
_LONG_STRING = 64
"""Most characters of a field of the form LO (PS3.5 6.2)."""


class DocumentKind(StrEnum):
    """A form of a report that is a DICOM object of its own."""

    REPORT = "report"
    """A structured report."""
    PDF = "pdf"
    KEY_IMAGES = "key images"
    """A key object selection."""


_SOP_CLASSES = {DocumentKind.REPORT: ENHANCED_SR, DocumentKind.PDF: ENCAPSULATED_PDF}
_MODALITIES = {DocumentKind.REPORT: "SR", DocumentKind.PDF: "DOC"}
_SERIES_NUMBERS = {DocumentKind.REPORT: 9901, DocumentKind.PDF: 9902}
"""Behind every series of images, and behind the selections (9900)."""
_SERIES_NAMES = {DocumentKind.REPORT: "Report", DocumentKind.PDF: "Report (PDF)"}


def series_uid(report: OutgoingReport, kind: DocumentKind) -> str:
    """Return the UID of the series that holds the versions of the report in that form. What was
    handed over unsigned has a series for each time."""
    unsigned = report.status is OutgoingStatus.PRELIMINARY
    return named_uid(
        "report series", report.case_id, kind, *(state_names(report) if unsigned else ())
    )


def instance_uid(report: OutgoingReport, kind: DocumentKind) -> str:
    """Return the UID of the report's state in that form."""
    return named_uid("report document", report.case_id, kind, *state_names(report))


def replaced_uid(report: OutgoingReport, kind: DocumentKind) -> str | None:
    """Return the UID, in that form, of the signed version whose place this one takes; None where
    there is none."""
    if report.supersedes is None:
        return None
    return named_uid("report document", report.case_id, kind, report.supersedes)


def document_time(report: OutgoingReport) -> datetime:
    """Return when it was signed, else handed over for review, as the institution's clocks show it.

    ValueError where it was neither.
    """
    return local_time(report, report_time(report))


def local_time(report: OutgoingReport, moment: datetime) -> datetime:
    """Return `moment` as the institution's clocks show it, in UTC where its time zone is not known:
    never by the clock of the machine, which another machine need not share."""
    zone = report.institution.time_zone
    return moment.astimezone(ZoneInfo(zone) if zone else UTC)


def date_time(moment: datetime) -> str:
    """Return a DT with its offset, to the microsecond (PS3.5 6.2)."""
    return moment.strftime("%Y%m%d%H%M%S.%f%z")


def document_head(report: OutgoingReport, kind: DocumentKind) -> Dataset:
    """Return patient, study, series, equipment and identity of the document: the modules that all
    forms share (PS3.3 C.7.1.1, C.7.2.1, C.7.5.1, C.12.1).

    ReportError `export_value_too_long`.
    """
    from pydicom.dataset import Dataset

    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = _SOP_CLASSES[kind], instance_uid(report, kind)
    _add_study(made, report)
    made.Modality, made.SeriesInstanceUID = _MODALITIES[kind], series_uid(report, kind)
    made.SeriesNumber, made.InstanceNumber = _SERIES_NUMBERS[kind], report.version
    made.SeriesDescription = _SERIES_NAMES[kind]
    made.Manufacturer = MAKER
    made.InstitutionName = organisation(report)
    department = report.institution.department(report.languages[0])
    if department:
        made.InstitutionalDepartmentName = long_string(department, "department")
    now = document_time(report)
    made.ContentDate, made.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S.%f")
    # It is said of the study's times too, which the institution's clocks gave: where their zone is
    # not known it is right of the report's alone, and without it nobody could read those.
    made.TimezoneOffsetFromUTC = now.strftime("%z")
    if report.drafter is not None:
        made.ContributingEquipmentSequence = [_drafter(report, report.drafter)]
    return made


def _add_study(made: Dataset, report: OutgoingReport) -> None:
    about = report.examination
    patient, taken = about.patient, about.study_time
    set_as_it_came(made, "PatientName", patient.name)
    set_as_it_came(made, "PatientID", patient.patient_id)
    made.PatientBirthDate = patient.birth_date.strftime("%Y%m%d") if patient.birth_date else ""
    set_as_it_came(made, "PatientSex", patient.sex)
    set_as_it_came(made, "StudyInstanceUID", about.study_uid)
    made.StudyDate = taken.strftime("%Y%m%d") if taken else ""
    made.StudyTime = taken.strftime("%H%M%S") if taken else ""
    made.ReferringPhysicianName, made.StudyID = "", ""
    set_as_it_came(made, "AccessionNumber", about.accession)
    set_as_it_came(made, "StudyDescription", about.description)


def set_as_it_came(made: Dataset, keyword: str, value: str) -> None:
    """Set what the study's images carry too, unchecked: only as they have it does a PACS file the
    document beside them, too long or not; and no warning may name the patient."""
    from pydicom.config import IGNORE
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.dataelem import DataElement

    tag = tag_for_keyword(keyword)
    if tag is not None:
        made.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE))


def _drafter(report: OutgoingReport, drafter: Drafter) -> Dataset:
    """Return the model that the report began as a draft of, as equipment that contributed."""
    from pydicom.dataset import Dataset

    made = Dataset()
    made.PurposeOfReferenceCodeSequence = [code("109102", "DCM", "Processing Equipment")]
    made.Manufacturer, made.ManufacturerModelName = MAKER, model_name(drafter)
    marks = (mark(report, lang) for lang in report.languages)
    told = (drafter.model_id, drafter.adapter_id, *marks)
    made.ContributionDescription = "; ".join(filter(None, told))
    return made


def model_name(drafter: Drafter) -> str:
    """Return the model's name as far as a field holds it; the whole stands in the contribution's
    description."""
    return drafter.model_id[:_LONG_STRING]


def organisation(report: OutgoingReport) -> str:
    """Return the institution's name in the report's first language."""
    return long_string(report.institution.name(report.languages[0]), "institution")


def device_uid(report: OutgoingReport) -> str:
    """Return the UID that the model which drafted the report has wherever it does so."""
    drafter = report.drafter
    names = () if drafter is None else (drafter.model_id, drafter.adapter_id or "")
    return named_uid("drafter", *names)


def long_string(text: str, place: str) -> str:
    """Return `text` for a field of the form LO (PS3.5 6.2): a backslash would part it in two.
    ReportError `export_value_too_long`."""
    if len(text) > _LONG_STRING:
        raise ReportError("export_value_too_long", place=place, most=_LONG_STRING)
    return text.replace("\\", "/")


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence (PS3.3 8.8)."""
    from pydicom.dataset import Dataset

    made = Dataset()
    if len(value) > _CODE_VALUE:
        made.LongCodeValue = value
    else:
        made.CodeValue = value
    made.CodingSchemeDesignator, made.CodeMeaning = scheme, meaning
    return made


def references(report: OutgoingReport) -> tuple[Reference, ...]:
    """Return the key images that can be referred to, in reading order."""
    found = (image.reference for image in report.key_images)
    return tuple(reference for reference in found if reference is not None)


def evidence(study_uid: str, found: Sequence[Reference]) -> list[Dataset]:
    """Return `found` as study, series and instances, each instance once (PS3.3 Table C.17-3); empty
    for none."""
    from pydicom.dataset import Dataset

    if not found:
        return []
    series: dict[str, dict[str, Dataset]] = {}
    for reference in found:
        series.setdefault(reference.series_uid, {})[reference.sop_instance_uid] = sop_item(
            reference
        )
    study = Dataset()
    set_as_it_came(study, "StudyInstanceUID", study_uid)
    study.ReferencedSeriesSequence = []
    for uid, instances in series.items():
        item = Dataset()
        set_as_it_came(item, "SeriesInstanceUID", uid)
        item.ReferencedSOPSequence = list(instances.values())
        study.ReferencedSeriesSequence.append(item)
    return [study]


def sop_item(reference: Reference) -> Dataset:
    """Return a reference to an instance as a whole."""
    from pydicom.dataset import Dataset

    item = Dataset()
    set_as_it_came(item, "ReferencedSOPClassUID", reference.sop_class_uid)
    set_as_it_came(item, "ReferencedSOPInstanceUID", reference.sop_instance_uid)
    return item


def predecessors(report: OutgoingReport, kind: DocumentKind) -> list[Dataset]:
    """Return the document that this one takes the place of; empty for a first version."""
    uid = replaced_uid(report, kind)
    if uid is None:
        return []
    added = report.status is OutgoingStatus.APPENDED
    before = Reference(_SOP_CLASSES[kind], uid, series_uid(report, kind))
    (study,) = evidence(report.examination.study_uid, [before])
    (instance,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    instance.PurposeOfReferenceCodeSequence = [
        code("121361", "DCM", "Addended report")
        if added
        else code("121360", "DCM", "Replaced report")
    ]
    return [study]


def file_bytes(dataset: Dataset) -> bytes:
    """Return a document as a DICOM file: explicit VR, little endian."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(named_uid(MAKER, "report documents"))
    meta.ImplementationVersionName = "RADRAFT"
    dataset.file_meta = meta
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
