"""Past studies of made-up patients in a store, each report as the test says it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from radraft.finetune.archive_set.values import SetSettings, share_of
from radraft.finetune.archived import export_archive
from radraft.reports.archive.values import KeptAs, KeptText
from radraft.reports.training_pair import split_of
from radraft.store import archive, cases, images
from radraft.store.database import Store
from radraft.studies.values import Patient
from radraft.vision_encoder import stored
from radraft.vision_encoder.values import ImageEmbedding
from tests.builders import make_deid, make_images, make_study

SITE = "site-a"
ENCODER = "encoder@0123456789abcdef"
FINDINGS = "右肺下叶见斑片影。未见胸腔积液。"
IMPRESSION = "右肺下叶肺炎。"
NAMES = "魏蒋韩秦许施孔曹严"
SPELLED = ("Wei", "Jiang", "Han", "Qin", "Xu", "Shi", "Kong", "Cao", "Yan")


def patient(number: int, share: str) -> str:
    """Return a reference of that share: train, valid or held_out."""
    for salt in range(2000):
        ref = "p-" + hashlib.sha256(f"{number}:{salt}".encode()).hexdigest()[:16]
        split = split_of(ref)
        if (share_of(ref) if split == "train" else split) == share:
            return ref
    raise AssertionError(share)


def add(
    store: Store,
    number: int,
    *,
    findings: str = FINDINGS,
    impression: str = IMPRESSION,
    share: str = "train",
    who: int | None = None,
    days: int = 0,
    film: int | None = None,
    lang: str = "zh",
    site: str = SITE,
    addendum: str = "",
    kept: bool = True,
    **deid: Any,
) -> str:
    """Take study `number` in, of patient `who` (its number unless given), made `days` after the
    first, showing `film` (its number unless given; -1: none), with an archived report."""
    who = number if who is None else who
    # No two alike, or they would be found to be one person.
    born = date(1930 + 5 * (who % 12), 1 + who % 12, 2 + 3 * (who % 9))
    name = f"{SPELLED[who % 9]}^{SPELLED[who // 9]}={NAMES[who % 9]}^{NAMES[who // 9]}植入"
    named = Patient(f"PLANTED-{who:05}", name, born, "F")
    taken = datetime(2015, 3, 4, 8) + timedelta(days=days)
    study = make_study(number, patient=named, accession=f"ACC-{number:05}", study_time=taken)
    case = make_deid(number, patient_ref=patient(who, share), **deid)
    with store.begin() as session:
        cases.add_study(
            session, site=site, study=study, deid=case, issues=(), original_keys=(), archived=True
        )
        if film != -1:
            shown = make_images(case.case_id, seed=number if film is None else film)
            images.save(store.objects, shown)
            cases.add_key_images(session, shown)
        if kept:
            for number_, (what, text, said) in enumerate(
                [(KeptAs.REPORT, findings, impression), (KeptAs.ADDENDUM, addendum, "")]
            ):
                if what is KeptAs.REPORT or text:
                    record = KeptText(f"{case.case_id}{number_}", what, text, said, "", "")
                    clean = archive.Redacted(lang, text, said)  # type: ignore[arg-type]
                    now = datetime.now(UTC)
                    archive.add(session, case.case_id, record, clean, place="", now=now)
    return case.case_id


def image_of(store: Store, case_id: str) -> str:
    with store.read() as session:
        return cases.key_images(session, case_id)[0].image_id


def embedded(store: Store, case_id: str, *vector: float) -> None:
    """Store an embedding of the study's image with that direction."""
    image_id = image_of(store, case_id)
    pooled = np.asarray(vector, np.float32)
    one = ImageEmbedding(image_id, np.zeros((1, 2), np.float32), pooled / np.linalg.norm(pooled))
    store.objects.put(stored.key(ENCODER, image_id), stored.dump(one, ENCODER))


def exported(
    store: Store, out: Path, profile: Any, site: str | None = SITE, **settings: Any
) -> Any:
    with store.read() as session:
        return export_archive(
            session,
            store.objects,
            profile,
            out,
            site,
            settings=SetSettings(**settings),
            encoder_id=ENCODER,
        )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def renamed(store: Store, case_id: str, ref: str) -> None:
    """Give a study to another patient, as a merge of two numbers does."""
    from sqlalchemy import update

    from radraft.store.tables import CaseRow

    with store.begin() as session:
        session.execute(update(CaseRow).where(CaseRow.case_id == case_id).values(patient_ref=ref))
