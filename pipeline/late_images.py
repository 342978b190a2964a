"""Images that come after their study was taken in: joined with those it has, and told of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, message
from radraft.exchange.incoming_files import data_set_sha256, link
from radraft.reports.checks.values import Issue, Severity
from radraft.store import cases, late_images
from radraft.studies.one_patient import PATIENTS_DIFFER, contradict
from radraft.studies.read import read
from radraft.studies.values import Instance, Patient, Rejection, Study

if TYPE_CHECKING:
    from radraft.store.database import Store
    from radraft.store.objects import Objects
    from radraft.store.values import Case

_ORIGINAL, _SENT = "original", "sent"


@dataclass(frozen=True)
class JoinedStudy:
    """A study with all of its images, those that its case had before among them."""

    study: Study
    new: tuple[Instance, ...]
    """Its images that the case did not have."""
    keys: dict[Path, str]
    """Where the originals among its files lie."""
    rejections: tuple[Rejection, ...]
    refused: tuple[tuple[Path, str], ...] = field(repr=False)
    """Files that were sent and are not of `study`, each with its code."""

    @property
    def patients_differ(self) -> bool:
        """Return whether what was sent names another patient than the case."""
        return any(code == PATIENTS_DIFFER for _, code in self.refused)


def join_originals(
    study: Study, patient: Patient, keys: tuple[str, ...], objects: Objects, folder: Path
) -> JoinedStudy:
    """Return `study` together with the originals under `keys`, read as one folder.

    So duplicates and files of another patient are refused as everywhere; `patient` is whom the case
    is of, also where originals are gone. `folder` must be empty.
    """
    known, originals = set(), {}
    for number, key in enumerate(keys):
        path = folder / f"{_ORIGINAL}-{number:06d}.dcm"
        try:
            objects.get_file(key, path)
        except NotFound:
            continue
        known.add(data_set_sha256(path))
        originals[path] = key
    sent = {}
    for number, instance in enumerate(study.instances):
        if data_set_sha256(instance.path) not in known:
            path = folder / f"{_SENT}-{number:06d}.dcm"
            link(instance.path, path)
            sent[path] = instance.path
    if not sent:
        return JoinedStudy(study, (), {}, (), ())
    result = read(folder, folder)
    joined = next((other for other in result.studies if other.study_uid == study.study_uid), None)
    rejections = [rejection for rejection in result.rejections if Path(rejection.file) in sent]
    if joined is not None and contradict(joined.patient, patient):
        joined = None
        zh, en = message(PATIENTS_DIFFER, {})
        rejections = [Rejection(str(path), PATIENTS_DIFFER, zh, en) for path in sent]
    return JoinedStudy(
        study=joined or study,
        new=tuple(image for image in joined.instances if image.path in sent) if joined else (),
        keys=originals,
        rejections=tuple(
            replace(rejection, file=str(sent[Path(rejection.file)])) for rejection in rejections
        ),
        refused=tuple((sent[Path(rejection.file)], rejection.code) for rejection in rejections),
    )


def note_missing(store: Store, study_uid: str, *, missing: bool) -> None:
    """Have the readers of a study told that its PACS announced more images than it sent, or no more
    once all of them came. Nothing where the study is no case."""
    with store.begin() as session:
        case_id = cases.find_case(session, study_uid)
        if case_id is not None:
            change = late_images.note if missing else late_images.drop
            change(session, case_id, late_images.MISSING)


def issues(case: Case) -> tuple[Issue, ...]:
    """Return what a reader must know of images that came later and are not in the draft."""
    codes = [code for code in late_images.NOTES if code in case.issues]
    return tuple(Issue(code, Severity.WARN) for code in codes)
