"""What the header lacks or contradicts."""

from __future__ import annotations

from collections.abc import Iterator

from radraft.studies import _sop
from radraft.studies.quality.limits import rule, said
from radraft.studies.quality.values import Reason
from radraft.studies.values import Study

CHEST = frozenset({"CHEST", "LUNG"})
_SIDES = (
    "ANKLE ARM AXILLA BREAST CALCANEUS CALF CLAVICLE ELBOW EXTREMITY FEMUR FINGER FOOT FOREARM "
    "HAND HUMERUS KNEE LEG PATELLA SCAPULA SHOULDER THIGH THUMB TOE WRIST"
)
PAIRED = frozenset(_SIDES.split())
"""Parts of the body (PS3.16 Annex L) of which everyone has one on either side."""
_PROJECTIONS = frozenset({"CR", "DX", "RG"})
"""One and the same kind of examination: older senders do not tell them apart."""
_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
_GRAYS = frozenset({"MONOCHROME1", "MONOCHROME2", ""})


def reasons(study: Study) -> Iterator[Reason]:
    """Yield one for each defect of the study's tags."""
    yield from _patient(study)
    yield from _kind(study)
    if study.modality in _sop.RADIOGRAPHS:
        yield from _radiograph(study)
    elif study.modality in {"CT", "MR"} and not any(
        instance.technique.pixel_spacing for instance in study.instances
    ):
        yield said("quality_spacing_missing_slices")


def body_part(study: Study) -> str:
    """Return the study's body part, a defined term of PS3.16 Annex L; empty where it does not
    say."""
    return _sop.body_part(study.body_part, study.description)


def _patient(study: Study) -> Iterator[Reason]:
    patient, taken = study.patient, study.study_time
    if study.age_years is None:
        yield said("quality_age_missing")
    elif patient.birth_date is not None and taken is not None:
        born = patient.birth_date
        years = taken.year - born.year - ((taken.month, taken.day) < (born.month, born.day))
        apart = rule("quality_age_contradicts").broken(
            "quality_age_contradicts", abs(years - study.age_years)
        )
        if apart is not None:
            yield apart
    if study.age_years is not None and not 0 <= study.age_years <= 120:
        yield said("quality_age_impossible")
    if patient.sex not in {"M", "F", "O"}:
        yield said("quality_sex_missing")


def _kind(study: Study) -> Iterator[Reason]:
    if study.modality not in _sop.RADIOGRAPHS | {"CT", "MR"}:
        return
    classes = {instance.sop_class_uid for instance in study.instances}
    if any(uid == _SECONDARY or uid.startswith(_SECONDARY + ".") for uid in classes):
        yield said("quality_secondary_capture")
    if any(_differs(study.modality, _sop.modality(uid)) for uid in classes):
        yield said("quality_modality_contradicts")
    if any(instance.technique.photometric not in _GRAYS for instance in study.instances):
        yield said("quality_photometric")
    if any(instance.technique.burned_in == "YES" for instance in study.instances):
        yield said("quality_burned_in")


def _differs(said_modality: str, implied: str) -> bool:
    """Return whether a storage class names another modality; secondary capture (`OT`) names
    none."""
    if implied in {"", "OT"} or {said_modality, implied} <= _PROJECTIONS:
        return False
    return implied != said_modality


def _radiograph(study: Study) -> Iterator[Reason]:
    part = body_part(study)
    if not study.body_part.strip():
        yield said("quality_body_part_missing")
    elif not part:
        yield said("quality_body_part_unknown")
    elif _named_otherwise(study, part):
        yield said("quality_body_part_contradicts")
    if part in PAIRED and any(
        instance.technique.laterality in {"", "U"} for instance in study.instances
    ):
        yield said("quality_laterality_missing")
    if part in CHEST and any(
        _sop.view_kind(instance.view_position) == "unknown" for instance in study.instances
    ):
        yield said("quality_view_missing")
    if not all(instance.technique.pixel_spacing for instance in study.instances):
        yield said("quality_spacing_missing")


def _named_otherwise(study: Study, part: str) -> bool:
    """Return whether the description names a chest or an abdomen and the body part is neither."""
    named = _sop.body_part("", study.description)
    return bool(named) and part not in CHEST | {"ABDOMEN", "RIB", "ABDOMENPELVIS", "CHESTABDOMEN"}
