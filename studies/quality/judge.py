"""The verdict on a study: its tags, its series and its pixels together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from radraft.studies import _sop
from radraft.studies.features import FeatureExtractor
from radraft.studies.quality import content
from radraft.studies.quality.limits import About, rules
from radraft.studies.quality.measure import measure
from radraft.studies.quality.tags import CHEST, body_part
from radraft.studies.quality.values import (
    ImageQuality,
    Measures,
    Reason,
    StudyQuality,
    Verdict,
    best,
    most_serious_first,
    worst,
)
from radraft.studies.values import CheckedStudy, KeyImage, KeyImages, Study, View

_SURE = 0.5
"""A view below this is none that is held against the tags."""


def judge(
    checked: CheckedStudy, images: KeyImages, extractor: FeatureExtractor | None = None
) -> StudyQuality:
    """Return the verdict on a study by its tags, its key images and their features.

    Without `extractor`, or with one of an encoder that the shipped heads were not fitted on, rules
    decide alone; then `StudyQuality.heads` is None. A study is as good as its best image, but no
    better than usable where another one is worse. EncodingError as `extractor` raises it.
    """
    study = checked.study
    scores, heads = _scores(study, images, extractor)
    judged = tuple(
        _image(study, image, known) for image, known in zip(images.images, scores, strict=True)
    )
    verdicts = [image.verdict for image in judged]
    by_pixels = best(*verdicts)
    if worst(*verdicts) is not by_pixels:
        by_pixels = worst(by_pixels, Verdict.USABLE)
    said = [*checked.reasons, *_views(study, judged)]
    reasons = most_serious_first([*said, *(reason for image in judged for reason in image.reasons)])
    return StudyQuality(
        verdict=worst(by_pixels, *(reason.severity for reason in said)),
        reasons=reasons,
        images=judged,
        heads=heads,
    )


def _scores(
    study: Study, images: KeyImages, extractor: FeatureExtractor | None
) -> tuple[list[Mapping[str, float]], str | None]:
    """Return what the heads say of each image, and their SHA-256."""
    nothing: list[Mapping[str, float]] = [{} for _ in images.images]
    if extractor is None or not images.images or not _asked_as_chest(study):
        return nothing, None
    heads = content.shipped()
    if heads.encoder_id != extractor.encoder_id:
        return nothing, None
    return list(heads.scores(extractor.extract(images))), heads.sha256


def _asked_as_chest(study: Study) -> bool:
    """Return whether it is a radiograph that says it is of a chest, or does not say of what."""
    return study.modality in _sop.RADIOGRAPHS - {"MG", "IO", "PX"} and (
        body_part(study) in CHEST or not study.body_part.strip()
    )


def _image(study: Study, image: KeyImage, scores: Mapping[str, float]) -> ImageQuality:
    found = measure(image.pixels, image.values, image.window)
    reasons: tuple[Reason, ...] = ()
    if study.modality in _sop.RADIOGRAPHS:
        reasons = most_serious_first(_found(study, found, scores))
    verdict = worst(*(reason.severity for reason in reasons))
    return ImageQuality(image.image_id, verdict, reasons, found, scores)


def _found(study: Study, found: Measures, scores: Mapping[str, float]) -> Iterable[Reason]:
    values: dict[str, float] = asdict(found)
    asked = [About.RADIOGRAPH]
    if scores:
        values |= _answers(scores)
        asked.append(About.CHEST)
    elif _asked_as_chest(study):
        asked.append(About.CHEST_RULE)
    for code, rule in rules(*asked).items():
        reason = rule.broken(code, values[rule.measure]) if rule.measure in values else None
        if reason is None:
            continue
        if reason.severity is Verdict.REFUSE and body_part(study) not in CHEST:
            # What does not say that it is a chest cannot fail to be one.
            reason = replace(reason, severity=Verdict.POOR)
        yield reason


def _answers(scores: Mapping[str, float]) -> dict[str, float]:
    """Return the heads' classes as the rules ask for them: what is wrong with a film is only asked
    of what is one."""
    chest = scores["frontal"] + scores["lateral"]
    values = {"chest": chest}
    if scores["lateral"] < _SURE:
        # The distance is from frontal films.
        values["strangeness"] = scores["strangeness"]
    if scores["frontal"] < _SURE:
        return values
    values |= {"turned": 1 - scores["0"], "inverted": scores["inverted"]}
    if scores["0"] >= _SURE:
        values |= {"mirrored": scores["mirrored"], "cut": scores["cut"]}
    return values


def _views(study: Study, judged: Iterable[ImageQuality]) -> Iterable[Reason]:
    """Return where an image shows a view that no image of the study is tagged with."""
    tagged = {_sop.view_kind(instance.view_position) for instance in study.instances}
    if View.UNKNOWN.value in tagged:
        return
    for code, rule in rules(About.CHEST).items():
        if rule.measure != "other_view":
            continue
        for image in judged:
            for view in {View.FRONTAL.value, View.LATERAL.value} - tagged:
                reason = rule.broken(code, image.scores.get(view, 0.0))
                if reason is not None:
                    yield reason
