"""A site with old studies: what tests of retention begin with, and what their processes run."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from radraft.core.settings import Settings
from radraft.pipeline import retention as runs
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.retention import parse
from radraft.reports.training_pair import make_pair, split_of
from radraft.store import audit, cases, drafts, images, retention_rules
from radraft.store.database import Store, open_store
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from radraft.studies.values import KeyImages
from tests.backup_children import still
from tests.builders import (
    make_deid,
    make_draft,
    make_images,
    make_report,
    make_request_json,
    make_study,
    person,
)

SITE = "site-a"
BY = AuditActor("管理员")
KEPT, FROZEN = (
    next(f"p-{n:016x}" for n in count() if split_of(f"p-{n:016x}") == split)
    for split in ("train", "held_out")
)
"""Patients whose pairs train, and on whom a site's adapters are judged."""


def add_study(
    store: Store,
    number: int,
    *,
    shown: int | None = None,
    modality: str = "CR",
    signed: bool = True,
    patient_ref: str | None = None,
) -> str:
    """Take study `number` in with two files and a key image, draft it and sign it.

    `shown`: number of the picture, the study's own where None. `patient_ref`: the signature makes
    a training pair of this patient's.
    """
    deid = make_deid(number, modality=modality, patient_ref=patient_ref or KEPT)
    case_id = deid.case_id
    made = make_images(case_id, seed=number if shown is None else shown)
    keys = tuple(put_original(store, case_id, f"{case_id} {part}".encode()) for part in "ab")
    images.save(store.objects, made)
    for key in derived(made):
        store.objects.put(key, b"derived")
    ids = tuple(image.image_id for image in made.images)
    request = make_request_json(case_id, ids)
    sha = hashlib.sha256(request.encode()).hexdigest()
    draft = make_draft(case_id, make_report(case_id), request_sha=sha)
    now = datetime.now(UTC)
    with store.begin() as session:
        study = make_study(number, modality=modality)
        cases.add_study(session, site=SITE, study=study, deid=deid, issues=(), original_keys=keys)
        cases.add_key_images(session, made)
        drafts.save_draft(session, draft, request_json=request, encoder_id=None, image_ids=ids)
        if not signed:
            return case_id
        version = sign(session, case_id, base_revision=1, signer=person("王医生"), now=now)
        told = {"version": str(version.version)}
        event = AuditEvent(AuditKind.SIGN, now, AuditActor("王医生"), case_id=case_id, details=told)
        audit.append(session, event)
        if patient_ref is not None:
            stored = drafts.basis(session, case_id)
            assert stored is not None
            save_pair(session, make_pair(stored, version, site=SITE, patient_ref=patient_ref))
    return case_id


def put_original(store: Store, case_id: str, content: bytes) -> str:
    """Keep bytes with a case's originals and return their key."""
    key = f"originals/{case_id}/{hashlib.sha256(content).hexdigest()[:32]}.dcm"
    store.objects.put(key, content)
    return key


def derived(made: KeyImages) -> list[str]:
    """Keys of what was made of key images, and of a thumbnail."""
    return [
        key
        for image in made.images
        for key in (
            f"embeddings/enc/{image.image_id}.safetensors",
            f"image_tokens/enc/proj-bf16/{image.image_id}.pt",
            f"thumbnails/{made.case_id}/i-0-own.png",
        )
    ]


def set_rule(store: Store, *lines: str) -> None:
    """Make what the lines say the site's rule."""
    with store.begin() as session:
        retention_rules.change(session, SITE, parse(lines), by="管理员", now=datetime.now(UTC))


def later(store: Store, days: int) -> datetime:
    """Return the moment so many days from now; the service ran until then."""
    now = datetime.now(UTC) + timedelta(days=days)
    with store.begin() as session:
        audit.append(session, AuditEvent(AuditKind.START, now, AuditActor("radraft")))
    return now


def apply_to(settings: Settings, now: datetime, told: Connection) -> None:
    """Apply the rules of a site; tells each study that is looked at, and the end."""
    store = open_store(settings)

    def move(text: str, _part: float) -> None:
        told.send(text)

    runs.apply(store, settings, BY, now, move)
    store.close()
    while True:
        told.send("done")


def apply_once(settings: Settings, now: datetime) -> str:
    """Apply the rules of a site; the code of the error that refused it, or nothing."""
    from radraft.core.errors import RadraftError

    store = open_store(settings)
    try:
        runs.apply(store, settings, BY, now, still)
    except RadraftError as error:
        return error.code
    finally:
        store.close()
    return ""


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but an archive's mark and what it stages."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }
