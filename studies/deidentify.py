"""Replaces identity by keyed hashes; nothing after this step knows who was examined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from radraft.studies import _sop
from radraft.studies._scrub import REMOVED as REMOVED, scrub
from radraft.studies.choose.acquired import acquired
from radraft.studies.deid.pseudonyms import Pseudonyms
from radraft.studies.values import (
    CheckedStudy,
    DeidInstance,
    DeidStudy,
    Instance,
    Patient,
    Study,
    View,
)

_BANDS = ((1, "0-1"), (5, "2-5"), (17, "6-17"), (39, "18-39"), (64, "40-64"), (89, "65-89"))
_NOBODY = Study(
    study_uid="",
    accession="",
    patient=Patient("", "", None, ""),
    modality="",
    body_part="",
    study_time=None,
    description="",
    history="",
    age_years=None,
    instances=(),
)


def deidentify(checked: CheckedStudy, secret: bytes) -> DeidStudy:
    """Return the study without identity. The same study and `secret` always give the same result.

    Codes come from closed vocabularies, references are HMAC-SHA256 under `secret` (at least 16
    bytes, ValueError otherwise), and the history is scrubbed of what is known to be identity.
    """
    keys = Pseudonyms(secret)
    study = checked.study
    modality = study.modality if study.modality in _sop.MODALITY_CODES else "OT"
    instances = tuple(_instance(instance, modality, study, keys) for instance in study.instances)
    return DeidStudy(
        case_id="c-" + keys.keyed("study", study.study_uid),
        patient_ref=keys.patient(study.patient.patient_id, study.study_uid),
        modality=modality,
        body_part=_sop.body_part(study.body_part, study.description),
        view=_study_view({instance.view for instance in instances}),
        age_band=age_band(study.age_years),
        sex=study.patient.sex if study.patient.sex in {"M", "F", "O"} else "",
        history=scrub(study.history, study),
        instances=instances,
    )


def without_identity(
    text: str, patients: Iterable[Patient], numbers: Iterable[str], names: Iterable[str]
) -> str:
    """Return `text` from outside a study, such as an order's reason, without what identifies any of
    `patients`, the `numbers` and the other people's `names`, on one line."""
    known = tuple(filter(None, names))
    for patient in patients:
        text = scrub(text, replace(_NOBODY, patient=patient, other_names=known))
    for number in filter(None, numbers):
        text = scrub(text, replace(_NOBODY, accession=number))
    return text


def age_band(years: int | None) -> str:
    """Return the band of an age in years, or empty where it is not known."""
    if years is None or not 0 <= years <= 150:
        return ""
    return next((band for last, band in _BANDS if years <= last), "90+")


@dataclass(frozen=True)
class KnownIdentity:
    """Who a text may name: its patient, and whoever else is known to stand in it."""

    patient: Patient = field(repr=False)
    accession: str = field(default="", repr=False)
    study_uid: str = field(default="", repr=False)
    people: tuple[str, ...] = field(default=(), repr=False)


def redacted(text: str, identities: Sequence[KnownIdentity]) -> str:
    """Return `text` on one line with `***` for what is known of any of `identities`, and for
    whatever else looks like identity: a date of comparison goes, the sentence stays."""
    for known in identities:
        study = replace(
            _NOBODY,
            study_uid=known.study_uid,
            accession=known.accession,
            patient=known.patient,
            other_names=known.people,
        )
        text = scrub(text, study)
    return text


def identifies(text: str) -> bool:
    """Return whether the scrubber still finds what looks like anybody's identity in `text`."""
    return scrub(text, _NOBODY).count(REMOVED) > text.count(REMOVED)


def _instance(instance: Instance, modality: str, study: Study, keys: Pseudonyms) -> DeidInstance:
    view = View.NONE
    if modality in _sop.RADIOGRAPHS:
        view = View(_sop.view_kind(instance.view_position))
    return DeidInstance(
        instance_ref="i-" + keys.keyed("instance", instance.sop_instance_uid),
        path=instance.path,
        frames=instance.frames,
        view=view,
        series_ref="s-" + keys.keyed("series", instance.series_uid),
        acquired=acquired(instance, modality, study.marked),
    )


def _study_view(views: set[View]) -> View:
    order = (View.FRONTAL, View.LATERAL, View.UNKNOWN)
    return next((view for view in order if view in views), View.NONE)
