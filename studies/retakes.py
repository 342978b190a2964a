"""Which image was taken again: decided by what DICOM says, after its first take was judged poor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from radraft.studies import _sop
from radraft.studies.quality.tags import PAIRED
from radraft.studies.quality.values import Verdict

WITHIN = timedelta(minutes=30)
"""A patient who is still in the room. Chosen, not measured: what comes later is linked by hand."""
_TO_REPEAT = frozenset({Verdict.POOR, Verdict.REFUSE})


@dataclass(frozen=True)
class Exposure:
    """One radiograph as it arrived, and its verdict."""

    arrival_id: int
    """Grows in the order of arrival."""
    at: datetime
    device: tuple[str, ...]
    """Site, calling AE title and station name."""
    sop_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    patient_id: str = field(repr=False)
    accession: str = field(repr=False)
    modality: str
    body_part: str
    """A defined term of PS3.16 Annex L; empty where the device did not say."""
    view: str
    """View Position (0018,5101) as sent."""
    laterality: str
    verdict: Verdict | None
    """None where it was not judged."""

    @property
    def kind(self) -> tuple[object, ...] | None:
        """Return what a retake has in common with what it replaces, but for the patient.

        None where the device says too little to tell two images of one examination apart: no body
        part, no view, or no side of a part that everyone has twice.
        """
        view, side = self.view.strip().upper(), self.laterality.strip().upper()
        if self.modality not in _sop.RADIOGRAPHS or not self.body_part or not view:
            return None
        if self.body_part in PAIRED and side in {"", "U"}:
            return None
        return self.device, self.modality, self.body_part, view, side


def same_examination(one: Exposure, other: Exposure) -> bool:
    """Return whether both are of one study, or of one patient and one order (accession)."""
    if one.study_uid and one.study_uid == other.study_uid:
        return True
    known = bool(one.patient_id and one.accession)
    return known and (one.patient_id, one.accession) == (other.patient_id, other.accession)


def find_retakes(exposures: Iterable[Exposure]) -> dict[int, int]:
    """Return the arrivals that are retakes, each with the arrival that it replaces.

    A retake came at most `WITHIN` after a poor image of the same examination, device, body part,
    view and side. It replaces the newest of them that nothing else replaces yet: of three takes the
    third replaces the second.
    """
    found: dict[int, int] = {}
    earlier: list[Exposure] = []
    for exposure in sorted(exposures, key=lambda exposure: exposure.arrival_id):
        for before in reversed(earlier):
            if before.arrival_id not in found.values() and _replaces(exposure, before):
                found[exposure.arrival_id] = before.arrival_id
                break
        earlier.append(exposure)
    return found


def _replaces(new: Exposure, old: Exposure) -> bool:
    return (
        old.verdict in _TO_REPEAT
        and new.sop_uid != old.sop_uid
        and new.at - old.at <= WITHIN
        and new.kind is not None
        and new.kind == old.kind
        and same_examination(new, old)
    )
