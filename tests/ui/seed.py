"""Studies with readable reports and images one can look at, put into a store."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from radraft.reports.draft import Draft
from radraft.reports.values import Coverage, Origin, Report, Sentence, both
from radraft.store import cases, images
from radraft.store.database import Store
from radraft.studies.choose.frames import image_id
from radraft.studies.values import KeyImage, KeyImages, Patient
from tests import builders

FINDINGS = (
    ("双肺纹理增多，未见明确实变影。", "Lung markings are increased without consolidation."),
    ("右下肺野见斑片状密度增高影。", "Patchy opacity is seen in the right lower lung field."),
    ("心影大小正常，主动脉迂曲。", "Heart size is normal; the aorta is tortuous."),
    ("双侧肋膈角锐利。", "Both costophrenic angles are sharp."),
)
IMPRESSION = (
    ("右下肺炎症可能，请结合临床。", "Possible right lower lobe pneumonia; correlate clinically."),
    ("主动脉迂曲。", "Tortuous aorta."),
)


def report(case_id: str) -> Report:
    """The drafted report of every seeded case."""

    def sentences(prefix: str, pairs: tuple[tuple[str, str], ...]) -> tuple[Sentence, ...]:
        return tuple(
            Sentence(f"{prefix}{number}", both(zh, en, Origin.MODEL))
            for number, (zh, en) in enumerate(pairs, start=1)
        )

    return Report(case_id, sentences("f", FINDINGS), sentences("i", IMPRESSION))


def phantom(size: int = 192, seed: int = 0) -> npt.NDArray[np.int16]:
    """A chest-like picture in 12-bit values: two dark fields in a bright body."""
    y, x = np.mgrid[0:size, 0:size] / size
    picture = 2600 * np.exp(-(((x - 0.5) / 0.5) ** 2 + ((y - 0.55) / 0.6) ** 2))
    for centre in (0.3, 0.7):
        picture -= 1700 * np.exp(-((((x - centre) / 0.13) ** 2 + ((y - 0.5) / 0.28) ** 2) ** 2))
    picture += np.random.default_rng(seed).normal(0, 20, picture.shape)
    values: npt.NDArray[np.int16] = picture.clip(0, 4095).astype(np.int16)
    return values


def key_image(values: npt.NDArray[np.int16], window: tuple[float, float]) -> KeyImage:
    """`values` as a key image through `window`."""
    low = window[0] - window[1] / 2
    pixels = ((values - low) / window[1] * 255).clip(0, 255).astype(np.uint8)
    return KeyImage(image_id(pixels), pixels, values, "instance", 0, window, 1.0)


def add(
    store: Store,
    number: int = 1,
    *,
    patient: Patient | None = None,
    pictures: tuple[KeyImage, ...] | None = None,
    drafted: bool = True,
    **study: object,
) -> str:
    """Take study `number` in, with images, and draft it unless `drafted` is False. Tests that share
    a store bring numbers of their own: a number that is there already is an AssertionError."""
    taken = builders.make_study(number, **({"patient": patient} if patient else {}), **study)
    deid = builders.make_deid(
        number,
        patient_ref=f"p-{hashlib.sha256(taken.patient.patient_id.encode()).hexdigest()[:16]}",
        modality=taken.modality,
        body_part=taken.body_part,
    )
    pictures = pictures or (key_image(phantom(seed=number), (1300.0, 2600.0)),)
    chosen = KeyImages(deid.case_id, pictures)
    images.save(store.objects, chosen)
    with store.begin() as session:
        added = cases.add_study(
            session, site="test", study=taken, deid=deid, issues=(), original_keys=()
        )
        assert added, f"study {number} is in this store already"
        cases.add_key_images(session, chosen)
    if drafted:
        draft(store, made_draft(deid.case_id))
    return deid.case_id


def draft(store: Store, made: Draft) -> None:
    """Store a draft the way the line does."""
    with store.begin() as session:
        builders.save_draft(session, made)


def made_draft(case_id: str) -> Draft:
    """What the model drafts of every seeded case."""
    return builders.make_draft(case_id, report(case_id))


def reworded(old: Report, key: str, zh: str) -> Report:
    """`old` with other Chinese words in sentence `key` of its findings."""
    findings = tuple(s.reworded(zh=zh) if s.id == key else s for s in old.findings)
    return replace(old, findings=findings)


def failed(case_id: str, code: str = "llm_unreachable") -> Draft:
    """The empty skeleton of a case that could not be drafted."""
    empty = Report(case_id, (), ())
    made = builders.make_draft(case_id, empty, coverage=Coverage.FAILED, error_code=code)
    return replace(made, request_sha=None, usage=None)
