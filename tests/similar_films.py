"""Signed cases of patients of their own, with stored embeddings that point where a test says."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import numpy as np

from radraft.reports.values import Report
from radraft.store import cases, drafts
from radraft.store.database import Store
from radraft.store.signatures import sign
from radraft.studies.values import Patient
from radraft.vision_encoder import stored
from radraft.vision_encoder.values import ImageEmbedding
from tests.builders import (
    make_deid,
    make_draft,
    make_request_json,
    make_sentence,
    make_study,
    person,
)
from tests.store.tampering import NOW

ENCODER = "encoder@0123456789abcdef"
SITE = "site-a"


def pointing(degrees: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A unit vector, so many degrees from the first axis."""
    angle = np.radians(degrees)
    return np.array([np.cos(angle), np.sin(angle), 0, 0], dtype=np.float32)


def embed(store: Store, name: str, degrees: float, encoder_id: str = ENCODER) -> str:
    """Store an embedding of an image; return the image's id."""
    image_id = hashlib.sha256(name.encode()).hexdigest()
    embedding = ImageEmbedding(image_id, np.ones((1, 2), np.float32), pointing(degrees))
    store.objects.put(stored.key(encoder_id, image_id), stored.dump(embedding, encoder_id))
    return image_id


def drafted(
    store: Store,
    number: int,
    degrees: float,
    *,
    patient: int | None = None,
    site: str = SITE,
    encoder_id: str = ENCODER,
    impression: str = "",
    impression_zh: str = "",
    **deid: Any,
) -> str:
    """Take in and draft study `number` of patient `patient`, by default one of its own."""
    whose = number if patient is None else patient
    born = date(1900 + whose % 97, 1 + whose % 12, 1 + whose % 28)
    who = Patient(f"N-{whose:06d}", f"Name{chr(65 + whose % 26)}^G{whose}", born, "F")
    study = make_study(number, patient=who, accession=f"A-{number}", age_years=None)
    ref = hashlib.sha256(who.patient_id.encode()).hexdigest()[:16]
    made = make_deid(number, patient_ref=f"p-{ref}", **deid)
    said = impression or f"Impression {number}."
    report = Report(
        made.case_id,
        (make_sentence("f1"),),
        (make_sentence("i1", impression_zh or f"诊断{number}。", said),),
    )
    draft = make_draft(made.case_id, report)
    with store.begin() as session:
        cases.add_study(session, site=site, study=study, deid=made, issues=(), original_keys=())
        drafts.save_draft(
            session,
            draft,
            request_json=make_request_json(made.case_id),
            encoder_id=encoder_id,
            image_ids=(embed(store, f"film {number}", degrees, encoder_id),),
        )
    return made.case_id


def signed(store: Store, number: int, degrees: float, **study: Any) -> str:
    """The same, and sign it."""
    case_id = drafted(store, number, degrees, **study)
    with store.begin() as session:
        sign(session, case_id, base_revision=1, signer=person("王医生"), now=NOW)
    return case_id
