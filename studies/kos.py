"""Key Object Selections (PS3.3 A.35.4): which images somebody thought worth a look."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from radraft.core.errors import ReportError
from radraft.studies.values import Patient

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.59"
_REJECTS = frozenset({"113001", "113010", "113037", "113038", "113039"})
"""Document titles (PS3.16 CID 7010) that take images out: rejected for quality or for safety, a
quality issue, a wrong worklist entry, expired."""
_MOST = 10_000
_MOST_OF_NAME = 64
"""Characters of a component group of a person name (PS3.5 6.2)."""
_SERIES_NUMBER = 9900
"""Far above those that scanners give, so that viewers list the selection last."""


@dataclass(frozen=True)
class Reference:
    """One selected image, by its real identifiers."""

    sop_class_uid: str
    sop_instance_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    frames: tuple[int, ...] = ()
    """Selected frames of a multi-frame image, from 0; empty for the whole instance."""


@dataclass(frozen=True)
class About:
    """The study whose images are selected. Identity: for the document only."""

    study_uid: str = field(repr=False)
    patient: Patient = field(repr=False)
    accession: str = field(repr=False)
    study_time: datetime | None = field(repr=False)


def marks(dataset: Dataset) -> list[str]:
    """SOP Instance UIDs that a selection refers to; none where its title takes images out."""
    title = next(iter(dataset.get("ConceptNameCodeSequence") or ()), None)
    if title is not None and str(title.get("CodeValue", "")) in _REJECTS:
        return []
    found: dict[str, None] = {}
    for item in _images(dataset.get("ContentSequence") or ()):
        found[str(item.get("ReferencedSOPInstanceUID", ""))] = None
    return [uid for uid in found if uid][:_MOST]


@dataclass(frozen=True)
class SelectionUids:
    """UIDs of a selection that is made again, the same each time."""

    series: str
    instance: str


class SelectionTitle(StrEnum):
    """What images are selected for: code values of DCM (PS3.16 CID 7010)."""

    OF_INTEREST = "113000"
    FOR_REPORT_ATTACHMENT = "113020"


def document(
    references: Sequence[Reference],
    about: About,
    *,
    reader: str,
    number: int,
    at: datetime,
    title: SelectionTitle = SelectionTitle.OF_INTEREST,
    uids: SelectionUids | None = None,
    with_offset: bool = False,
) -> bytes:
    """Return a DICOM file that selects `references` in their order, by `reader`.

    `number` counts the selections of the series, from 1; `at` is written as the clock that it
    shows, `with_offset` with that clock's offset, which is then said of the study's times too.
    Without `uids` each call makes another document. ValueError without references;
    ReportError `export_name_too_long`.
    """
    import highdicom
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    uids = uids or SelectionUids(generate_uid(), generate_uid())
    titles = {
        SelectionTitle.OF_INTEREST: codes.DCM.OfInterest,
        SelectionTitle.FOR_REPORT_ATTACHMENT: codes.DCM.ForReportAttachment,
    }

    evidence = [_evidence(reference, about) for reference in _instances(references)]
    chosen = [_evidence(reference, about) for reference in references]
    content = highdicom.ko.KeyObjectSelection(
        document_title=titles[title],
        referenced_objects=chosen,
        observer_person_context=highdicom.sr.ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=highdicom.sr.PersonObserverIdentifyingAttributes(
                name=person_name(reader)
            ),
        ),
    )
    for item, reference in zip(_images(content[0].ContentSequence), references, strict=True):
        if reference.frames:
            item.ReferencedFrameNumber = [frame + 1 for frame in reference.frames]
    made = highdicom.ko.KeyObjectSelectionDocument(
        evidence=evidence,
        content=content,
        series_instance_uid=uids.series,
        series_number=_SERIES_NUMBER,
        sop_instance_uid=uids.instance,
        instance_number=number,
        manufacturer="radraft",
        specific_character_set="ISO_IR 192",
    )
    # highdicom takes the clock of now for all of these.
    for what in ("Content", "InstanceCreation"):
        setattr(made, f"{what}Date", at.strftime("%Y%m%d"))
        setattr(made, f"{what}Time", at.strftime("%H%M%S"))
    if with_offset:
        made.TimezoneOffsetFromUTC = at.strftime("%z")
    for equipment in made.ContributingEquipmentSequence:
        equipment["ContributionDateTime"].value = at.strftime("%Y%m%d%H%M%S")
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _images(items: Sequence[Dataset]) -> Iterator[Dataset]:
    """Yield the references of the image items among `items`; selections do not nest (TID 2010)."""
    for item in items:
        if str(item.get("ValueType", "")) == "IMAGE":
            yield from (item.get("ReferencedSOPSequence") or ())[:1]


def _instances(references: Sequence[Reference]) -> list[Reference]:
    """Return each instance once: two of its frames are two items, but one piece of evidence."""
    return list({reference.sop_instance_uid: reference for reference in references}.values())


def _evidence(reference: Reference, about: About) -> Dataset:
    """Return what highdicom copies from an image, without its pixels."""
    from pydicom.dataset import Dataset

    patient, taken = about.patient, about.study_time
    made = Dataset()
    made.StudyInstanceUID, made.SeriesInstanceUID = about.study_uid, reference.series_uid
    made.SOPClassUID, made.SOPInstanceUID = reference.sop_class_uid, reference.sop_instance_uid
    made.Rows = made.Columns = 1
    made.PatientID, made.PatientName = patient.patient_id, patient.name
    made.PatientSex = patient.sex
    made.PatientBirthDate = patient.birth_date.strftime("%Y%m%d") if patient.birth_date else ""
    made.AccessionNumber, made.StudyID = about.accession, ""
    made.StudyDate = taken.strftime("%Y%m%d") if taken else ""
    made.StudyTime = taken.strftime("%H%M%S") if taken else ""
    return made


def person_name(name: str) -> str:
    """Return a name as people type it, as a person name (PS3.5 6.2.1): all of it the family name,
    and in the ideographic group too where it is not of ASCII alone.

    ReportError `export_name_too_long` for one of which a group cannot hold all (64 characters).
    """
    family = name.replace("\\", " ").replace("=", " ").replace("^", " ").strip()
    group = f"{family}^"
    if len(group) > _MOST_OF_NAME:
        # The one gap that nothing is lost by: readers show it as a space again.
        group = "^".join(family.rsplit(" ", 1))
    if len(group) > _MOST_OF_NAME or "^" not in group:
        raise ReportError("export_name_too_long", most=_MOST_OF_NAME - 1)
    return group if group.isascii() else f"{group}={group}"
