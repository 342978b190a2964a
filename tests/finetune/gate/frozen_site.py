"""A store with a site's held-out reports: signed here, or of the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from sqlalchemy.orm import Session

from radraft.reports.archive.values import KeptAs, KeptText
from radraft.reports.training_pair import make_pair, split_of
from radraft.reports.values import LANGS, Lang
from radraft.store import archive, cases, drafts, images, reports
from radraft.store.database import Store
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from radraft.studies.choose.frames import image_id
from radraft.studies.values import KeyImage, KeyImages
from tests.builders import make_deid, make_draft, make_request_json, make_study, person
from tests.finetune.gate.samples import Film, report

SITE = "site-a"
WHEN = datetime(2026, 11, 22, tzinfo=UTC)


def held_out(count: int) -> list[str]:
    """References of patients who never train."""
    found = (f"p-{number:016x}" for number in range(100 * count + 100))
    return [ref for ref in found if split_of(ref) == "held_out"][:count]


def key_images(case_id: str, grey: int) -> KeyImages:
    """One picture of one grey, which is the number of its film."""
    pixels = np.full((8, 8), grey, dtype=np.uint8)
    image = KeyImage(
        image_id(pixels), pixels, pixels.astype(np.int16), "ref", 0, (128.0, 256.0), 1.0
    )
    return KeyImages(case_id, (image,))


def add_signed(store: Store, shown: Sequence[Film]) -> list[Film]:
    """Each film as a case of a patient of its own, drafted and signed; the films with the ids of
    their cases. Their numbers are 0 to 255."""
    known = []
    for place, (film, ref) in enumerate(zip(shown, held_out(len(shown)), strict=True)):
        case_id = make_deid(place).case_id
        mine = replace(film, case_id=case_id, number=place)
        chosen = key_images(case_id, place)
        images.save(store.objects, chosen)
        with store.begin() as session:
            _add(session, place, ref, mine, chosen)
        known.append(mine)
    return known


def _add(session: Session, place: int, ref: str, film: Film, chosen: KeyImages) -> None:
    deid = make_deid(place, patient_ref=ref, history=f"咳嗽{place}天")
    cases.add_study(
        session, site=SITE, study=make_study(place), deid=deid, issues=(), original_keys=()
    )
    cases.add_key_images(session, chosen)
    image_ids = tuple(image.image_id for image in chosen.images)
    request = make_request_json(film.case_id, image_ids)
    draft = make_draft(
        film.case_id,
        report(film.case_id, film.drafted),
        request_sha=hashlib.sha256(request.encode()).hexdigest(),
    )
    drafts.save_draft(session, draft, request_json=request, encoder_id=None, image_ids=image_ids)
    base = reports.current(session, film.case_id).revision
    honest = report(film.case_id, film.there, film.denied)
    saved = reports.save(session, film.case_id, honest, base_revision=base, editor=person("Dr. Li"))
    signed = sign(
        session, film.case_id, base_revision=saved.revision, signer=person("Dr. Li"), now=WHEN
    )
    stored = drafts.basis(session, film.case_id)
    assert stored is not None
    save_pair(session, make_pair(stored, signed, site=SITE, patient_ref=ref))


def add_archived(store: Store, shown: Sequence[Film], langs: Sequence[Lang] = LANGS) -> list[Film]:
    """Each film as an archived study of a held-out patient of its own, with its report of those
    days in `langs`; the films with the ids of their cases. Their numbers are 0 to 255."""
    known = []
    for place, (film, ref) in enumerate(zip(shown, held_out(len(shown)), strict=True)):
        deid = make_deid(place, patient_ref=ref)
        mine = replace(film, case_id=deid.case_id, number=place)
        chosen = key_images(deid.case_id, place)
        images.save(store.objects, chosen)
        said = report(mine.case_id, mine.there, mine.denied)
        findings, impression = (
            "\n".join("".join(part.text(lang) for part in section) if lang == "zh" else
                      " ".join(part.text(lang) for part in section) for lang in langs)
            for section in (said.findings, said.impression)
        )  # fmt: skip
        with store.begin() as session:
            cases.add_study(
                session,
                site=SITE,
                study=make_study(place),
                deid=deid,
                issues=(),
                original_keys=(),
                archived=True,
            )
            cases.add_key_images(session, chosen)
            kept = KeptText(mine.case_id, KeptAs.REPORT, findings, impression, "", "")
            clean = archive.Redacted(langs[0], findings, impression)
            archive.add(session, mine.case_id, kept, clean, place="", now=WHEN)
        known.append(mine)
    return known
