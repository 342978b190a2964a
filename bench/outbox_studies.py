"""The studies of `bench.outbox`: made-up patients, signed reports of all shapes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from radraft.bench.department import drafted_patient
from radraft.reports import codec
from radraft.reports.values import ReportState
from radraft.store import cases, images, signature_chain
from radraft.store.tables import ReportRow, SignedRow
from radraft.studies.choose.frames import image_id
from radraft.studies.values import DeidInstance, KeyImage, KeyImages, View
from tests import builders
from tests.outgoing_reports import CR, ENHANCED_CT, PATIENTS, Shape, examination, shapes
from tests.ui import seed

if TYPE_CHECKING:
    from radraft.pipeline.outbox import Outbox
    from radraft.reports.export.values import Examination
    from radraft.store.database import Store
    from radraft.studies.values import Patient

SITES = ("site-a", "site-b")
"""With the names of an institution, and without."""
UNSIGNED = 1_000_000
"""Number of the first study that is to be signed while the clock runs."""


@dataclass(frozen=True)
class SignedStudy:
    """A study and how often it was signed."""

    case_id: str
    versions: int


def add_signed(store: Store, outbox: Outbox, versions: int) -> Iterator[SignedStudy]:
    """Take studies in until so many versions of reports are signed, each with its entries of the
    outbox, and yield the studies.

    They are written as a signature leaves them, without the checks before it.
    """
    left = versions
    for shape in shapes(versions):
        held = replace(shape, versions=shape.versions[:left])
        left -= len(held.versions)
        if not held.versions:
            return
        site = SITES[0] if shape.institution.name_zh else SITES[1]
        case_id = held.versions[0].case_id
        _add(store, case_id, shape.number, site, shape.examination, _images_of(shape))
        _sign(store, outbox, held, site)
        yield SignedStudy(case_id, len(held.versions))


def add_drafted(store: Store, number: int) -> str:
    """Take a study in and draft it; return its case."""
    case_id = builders.make_deid(UNSIGNED + number).case_id
    about = examination(UNSIGNED + number)
    _add(store, case_id, UNSIGNED + number, SITES[0], about, (2, False))
    seed.draft(store, seed.made_draft(case_id))
    return case_id


def _images_of(shape: Shape) -> tuple[int, bool]:
    return shape.key_images, shape.frames


def _add(
    store: Store, case_id: str, number: int, site: str, about: Examination, kept: tuple[int, bool]
) -> None:
    """`kept`: how many key images, and whether they are frames of one object."""
    count, frames = kept
    objects = 1 if frames else max(1, count)
    plain = builders.make_study().instances[0]
    names = [_sha(f"{number}/{index}")[:16] for index in range(objects)]
    patient = _patient(number, about)
    study = builders.make_study(
        number,
        study_uid=about.study_uid,
        accession=about.accession,
        patient=patient,
        study_time=about.study_time,
        description=about.description,
        history=about.history,
        age_years=about.age_years,
        instances=tuple(
            replace(
                plain,
                sop_instance_uid=f"1.2.826.0.1.3680043.10.2.{number}.{index + 1}",
                sop_class_uid=ENHANCED_CT if frames else CR,
                series_uid=f"1.2.826.0.1.3680043.10.3.{number}",
                frames=max(1, count) if frames else 1,
            )
            for index in range(objects)
        ),
    )
    deid = builders.make_deid(
        number,
        case_id=case_id,
        patient_ref=f"p-{_sha(patient.patient_id)[:16]}",
        instances=tuple(
            DeidInstance(name, plain.path, max(1, count) if frames else 1, View.FRONTAL)
            for name in names
        ),
    )
    chosen = KeyImages(
        case_id,
        tuple(
            _image(number, index, names[0 if frames else index], index if frames else 0)
            for index in range(count)
        ),
    )
    images.save(store.objects, chosen)
    with store.begin() as session:
        keys = tuple(f"bench/{name}" for name in names)
        cases.add_study(session, site=site, study=study, deid=deid, issues=(), original_keys=keys)
        cases.add_key_images(session, chosen)


def _patient(number: int, about: Examination) -> Patient:
    """Return a patient of the study's own: of one with hundreds, each would be an earlier study of
    the others. The first have the names that are hard to write, the others common ones."""
    if number <= len(PATIENTS):
        return replace(about.patient, patient_id=f"BENCH-{number}")
    return drafted_patient(random.Random(number), number)


def _image(number: int, index: int, name: str, frame: int) -> KeyImage:
    drawn = np.random.default_rng((number, index))
    values = drawn.integers(-1000, 3000, (4, 6)).astype(np.int16)
    pixels = drawn.integers(0, 256, (4, 6)).astype(np.uint8)
    return KeyImage(image_id(pixels), pixels, values, name, frame, (40.0, 400.0), 1.0)


def _sign(store: Store, outbox: Outbox, shape: Shape, site: str) -> None:
    case_id = shape.versions[0].case_id
    with store.begin() as session:
        builders.save_draft(session, builders.make_draft(case_id))
    for signed in shape.versions:
        with store.begin() as session:
            row = SignedRow(
                case_id=case_id,
                version=signed.version,
                content=codec.signed_to_json(signed),
                content_sha=signed.content_sha,
                signed_at=signed.signed_at,
            )
            session.add(row)
            signature_chain.append(session, row)
            working = session.get_one(ReportRow, case_id)
            working.base_version, working.state = signed.version, ReportState.SIGNED.value
            outbox.put_signed(session, signed, site)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
