"""The values that cross the boundaries of `studies/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from radraft.studies.quality.values import Reason


class View(StrEnum):
    """Projection of a radiograph; other images have `NONE`."""

    FRONTAL = "frontal"
    LATERAL = "lateral"
    UNKNOWN = "unknown"
    NONE = "none"


class StudyPriority(StrEnum):
    """How soon a study is to be read (急, 急诊, 住院, 门诊), the most urgent first. What nothing is
    known of waits beside what is routine: it may be either."""

    STAT = "stat"
    EMERGENCY = "emergency"
    """From the emergency department, or wanted as soon as possible."""
    INPATIENT = "inpatient"
    ROUTINE = "routine"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Patient:
    """Who was examined. Never leaves `studies/`, the store and `reports/export`."""

    patient_id: str = field(repr=False)
    name: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    sex: str = field(repr=False)
    """DICOM Patient's Sex (0010,0040): `M`, `F`, `O` or empty."""


@dataclass(frozen=True)
class Technique:
    """How an image was acquired, as its header says; empty or None where that does not say."""

    modality: str = ""
    body_part: str = ""
    laterality: str = ""
    """Image Laterality (0020,0062), else Laterality (0020,0060): `L`, `R`, `B` or `U`."""
    image_type: tuple[str, ...] = ()
    """(0008,0008): `ORIGINAL` or `DERIVED`, `PRIMARY` or `SECONDARY`, then what the maker says."""
    photometric: str = ""
    pixel_spacing: tuple[float, float] | None = None
    """Millimetres between rows and between columns; of the detector where not of the patient."""
    slice_thickness: float | None = None
    """Millimetres."""
    position: tuple[float, ...] | None = None
    """Image Position (Patient) (0020,0032): 3 millimetres, of the first frame."""
    orientation: tuple[float, ...] | None = None
    """Image Orientation (Patient) (0020,0037): 6 direction cosines, of the first frame."""
    kernel: str = ""
    kvp: float | None = None
    exposure_mas: float | None = None
    burned_in: str = ""
    """Burned In Annotation (0028,0301): `YES`, `NO` or empty."""
    manufacturer: str = ""
    model: str = ""
    station: str = field(default="", repr=False)
    operator: str = field(default="", repr=False)
    """Operators' Name (0008,1070), the first: identity of a member of staff."""
    series_description: str = field(default="", repr=False)
    """Free text of the scanner's protocol: it may name the patient."""


@dataclass(frozen=True)
class Instance:
    """One SOP instance with pixels, as found in a file."""

    sop_instance_uid: str = field(repr=False)
    sop_class_uid: str
    series_uid: str = field(repr=False)
    series_number: int | None
    instance_number: int | None
    path: Path = field(repr=False)
    frames: int
    rows: int
    columns: int
    view_position: str
    transfer_syntax: str
    technique: Technique = Technique()


@dataclass(frozen=True)
class Study:
    """A study as it came in, identity included (PS3.3 A.1.2)."""

    study_uid: str = field(repr=False)
    accession: str = field(repr=False)
    patient: Patient = field(repr=False)
    modality: str
    """DICOM Modality (0008,0060): `CR`, `DX`, `CT`, `MR`..."""
    body_part: str
    """DICOM Body Part Examined (0018,0015), upper case; empty when not sent."""
    study_time: datetime | None
    description: str = field(repr=False)
    history: str = field(repr=False)
    """Clinical history as the referrer wrote it: free text that may name the patient."""
    age_years: int | None
    instances: tuple[Instance, ...]
    """In reading order: by series number, then by instance number."""
    issues: tuple[str, ...] = ()
    """What reading noticed and mended (message codes)."""
    other_names: tuple[str, ...] = field(default=(), repr=False)
    """Other identity in the files (physicians, relatives, institution): known only so that
    de-identification can take it out of free text; not kept."""
    marked: tuple[str, ...] = field(default=(), repr=False)
    """SOP Instance UIDs that a Key Object Selection of the study refers to (PS3.3 A.35.4)."""
    priority: StudyPriority = StudyPriority.UNKNOWN


@dataclass(frozen=True)
class Rejection:
    """A file that was not taken in, and why; the rest of its folder goes on."""

    file: str = field(repr=False)
    code: str
    message_zh: str
    message_en: str


@dataclass(frozen=True)
class CheckedStudy:
    """A study that can be drafted from, with what was noticed on the way (message codes)."""

    study: Study
    issues: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()
    """What its header says against drafting from it, the most serious first."""


class Role(StrEnum):
    """What an instance is among those of its study."""

    ORIGINAL = "original"
    DERIVED = "derived"
    """Computed from others and still a picture of the same kind (PS3.3 C.7.6.1.1.2)."""
    REFORMATTED = "reformatted"
    """A plane, a projection or a surface computed from a stack."""
    CAPTURE = "capture"
    """A picture of a screen."""
    LOCALIZER = "localizer"
    DOSE = "dose"
    """A dose report or protocol page."""


class Kernel(StrEnum):
    """How sharp a CT was reconstructed."""

    SMOOTH = "smooth"
    SHARP = "sharp"
    UNKNOWN = "unknown"


class Contrast(StrEnum):
    """What an MR series is weighted by."""

    T1 = "t1"
    T1_ENHANCED = "t1_enhanced"
    T2 = "t2"
    FLAIR = "flair"
    FAT_SUPPRESSED = "fat_suppressed"
    PROTON = "proton"
    DIFFUSION = "diffusion"
    ADC = "adc"
    SUSCEPTIBILITY = "susceptibility"
    ANGIOGRAPHY = "angiography"
    UNKNOWN = "unknown"


class WindowName(StrEnum):
    """Windows of CT by what they show."""

    OWN = ""
    """The window that the file itself asks for."""
    LUNG = "lung"
    MEDIASTINUM = "mediastinum"
    BONE = "bone"
    BRAIN = "brain"
    ABDOMEN = "abdomen"
    SOFT = "soft"


@dataclass(frozen=True)
class Acquired:
    """How an instance was acquired, in closed vocabularies and numbers only: no free text."""

    modality: str = ""
    body_part: str = ""
    laterality: str = ""
    projection: str = ""
    """View position of a radiograph (PS3.3 C.8.11.5), empty where it is none of those known."""
    role: Role = Role.ORIGINAL
    for_processing: bool = False
    """Meant for a computer (Presentation Intent Type, PS3.3 C.8.11.1.1.4)."""
    kernel: Kernel = Kernel.UNKNOWN
    contrast: Contrast = Contrast.UNKNOWN
    thickness: float | None = None
    """Millimetres."""
    position: tuple[float, ...] | None = None
    """Millimetres, of the first frame, as `Technique.position`."""
    orientation: tuple[float, ...] | None = None
    series_number: int | None = None
    marked: bool = False
    """A technologist or a reader selected it (Key Object Selection, PS3.3 A.35.4)."""


@dataclass(frozen=True)
class DeidInstance:
    """One instance without identity. `path` is read for its pixels only."""

    instance_ref: str
    """Keyed hash of the SOP Instance UID: stable at one site, meaningless outside it."""
    path: Path = field(repr=False)
    frames: int
    view: View
    series_ref: str = ""
    """Keyed hash of the Series Instance UID."""
    acquired: Acquired = Acquired()


@dataclass(frozen=True)
class DeidStudy:
    """A study without identity: all that later steps may see."""

    case_id: str
    """Keyed hash of the Study Instance UID, 16 hex characters after `c-`."""
    patient_ref: str
    """Keyed hash of the Patient ID: links a patient's studies at one site."""
    modality: str
    body_part: str
    view: View
    age_band: str
    """`0-1`, `2-5`, `6-17`, `18-39`, `40-64`, `65-89`, `90+`, or empty when not known."""
    sex: str
    history: str
    """Clinical history after known identity, numbers and dates were taken out."""
    instances: tuple[DeidInstance, ...]


@dataclass(frozen=True)
class KeyImage:
    """One image chosen for drafting."""

    image_id: str
    """SHA-256 of shape and 8-bit pixels."""
    pixels: npt.NDArray[np.uint8] = field(repr=False, compare=False)
    """(rows, columns), 0 black to 255 white, after modality and VOI LUT, MONOCHROME2 sense."""
    values: npt.NDArray[np.int16] = field(repr=False, compare=False)
    """(rows, columns), modality values for the viewer (HU for CT), MONOCHROME2 sense."""
    instance_ref: str
    frame: int
    window: tuple[float, float]
    """(centre, width) in units of `values` that gives `pixels` under the LINEAR function of PS3.3
    C.11.2.1.2.1: `clip((value - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255`."""
    score: float
    """0 to 1, how much this image should weigh; 1 where there was nothing to choose."""
    window_name: WindowName = WindowName.OWN
    """What `window` shows, where radraft chose it."""


@dataclass(frozen=True)
class KeyImages:
    """The images one draft is made from, in reading order."""

    case_id: str
    images: tuple[KeyImage, ...]
