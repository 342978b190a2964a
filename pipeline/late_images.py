"""Images that come after their study was taken in."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, StudyRejected, message
from radraft.exchange.incoming_files import link, sha256_of
from radraft.reports import check
from radraft.store import late_images
from radraft.studies.deidentify import deidentify
from radraft.studies.quality.values import StudyQuality
from radraft.studies.read import read
from radraft.studies.values import CheckedStudy, DeidStudy, Instance, KeyImages, Rejection, Study

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store
    from radraft.store.objects import Objects
    from radraft.store.values import Case

_OURS, _SENT = "original", "sent"


@dataclass(frozen=True)
class Ready:
    """A study on which all work was done that needs no transaction."""

    checked: CheckedStudy
    deid: DeidStudy
    chosen: KeyImages
    quality: StudyQuality | None = None
    """None where nobody judged it."""


@dataclass(frozen=True)
class Added:
    """What became of a study's images."""

    case_id: str
    drafted_anew: bool
    """The case is new, or waits for a draft again."""
    rejections: tuple[Rejection, ...] = ()
    refused: tuple[tuple[Path, str], ...] = field(default=(), repr=False)
    """Files that are not with the originals, each with its code."""


@dataclass(frozen=True)
class _Joined:
    study: Study
    """All images, those that the case had before among them."""
    new: tuple[Instance, ...]
    keys: dict[Path, str]
    """Where the originals among its files lie."""
    rejections: tuple[Rejection, ...]
    refused: tuple[tuple[Path, str], ...]


def add(
    study: Study,
    case_id: str,
    *,
    store: Store,
    work_dir: Path,
    ready: Callable[[Study], Ready],
    opened: Callable[[Session, Ready], None],
) -> Added:
    """Put what is new in `study` to its case, which was taken in before.

    While nobody has edited or signed its report, the case is taken in anew with all its images:
    `ready(study)`, then `opened(session, ready)` in the transaction that has it wait for a draft.
    Afterwards the images are kept with the originals and the case says that they came late.
    StudyRejected `study_being_drafted` while a draft is made: it passes by itself.
    """
    with store.read() as session:
        before = late_images.held(session, case_id)
    folder = Path(tempfile.mkdtemp(prefix="late-", dir=work_dir))
    joined = _join(study, before.original_keys, store.objects, folder)
    added = Added(case_id, False, joined.rejections, joined.refused)
    if not joined.new:
        return added
    if before.stage is late_images.Stage.DRAFTING:
        raise StudyRejected("study_being_drafted")
    work = ready(joined.study) if before.stage is late_images.Stage.OPEN else None
    deid = work.deid if work else deidentify(CheckedStudy(joined.study, ()), store.secret)
    keys = joined.keys | {one.path: put(store.objects, case_id, one) for one in joined.new}
    in_order = tuple(keys[one.path] for one in joined.study.instances)
    with store.begin() as session:
        now = late_images.held(session, case_id, lock=True)
        if now.stage is late_images.Stage.DRAFTING or now.original_keys != before.original_keys:
            # Claimed, or joined by another process, while this one looked at the images.
            raise StudyRejected("study_being_drafted")
        if work is None or now.stage is late_images.Stage.BEGUN:
            late_images.keep(session, joined.study, deid, in_order)
            return added
        late_images.renew(session, work.checked, work.deid, in_order)
        opened(session, work)
    return replace(added, drafted_anew=True)


def issues(case: Case) -> tuple[check.Issue, ...]:
    """What a reader must know of images that came after the report was begun."""
    if late_images.LATE not in case.issues:
        return ()
    zh, en = message(late_images.LATE, {})
    return (check.Issue(late_images.LATE, check.Severity.WARN, None, None, zh, en),)


def put(objects: Objects, case_id: str, instance: Instance) -> str:
    """Keep an instance's file as it came; the key.

    The key has a hash of the bytes: two processes that take in the same study cannot overwrite each
    other's files.
    """
    content = instance.path.read_bytes()
    key = f"originals/{case_id}/{hashlib.sha256(content).hexdigest()[:32]}.dcm"
    objects.put(key, content)
    return key


def _join(study: Study, keys: tuple[str, ...], objects: Objects, folder: Path) -> _Joined:
    """`study` together with the originals under `keys`, read as one folder: duplicates and files of
    another patient are refused there as everywhere."""
    held, ours = set(), {}
    for number, key in enumerate(keys):
        path = folder / f"{_OURS}-{number:06d}.dcm"
        try:
            path.write_bytes(objects.get(key))
        except NotFound:
            continue
        held.add(sha256_of(path))
        ours[path] = key
    sent = {}
    for number, instance in enumerate(study.instances):
        if sha256_of(instance.path) not in held:
            path = folder / f"{_SENT}-{number:06d}.dcm"
            link(instance.path, path)
            sent[path] = instance.path
    if not sent:
        return _Joined(study, (), {}, (), ())
    found = read(folder, folder)
    whole = [one for one in found.studies if one.study_uid == study.study_uid]
    rejections = [one for one in found.rejections if Path(one.file) in sent]
    return _Joined(
        study=whole[0] if whole else study,
        new=tuple(one for one in whole[0].instances if one.path in sent) if whole else (),
        keys=ours,
        rejections=tuple(replace(one, file=str(sent[Path(one.file)])) for one in rejections),
        refused=tuple((sent[Path(one.file)], one.code) for one in rejections),
    )
