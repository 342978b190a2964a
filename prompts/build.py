"""Step of the line: a case, its images and its embeddings -> `DraftRequest`."""

from __future__ import annotations

import json
from dataclasses import replace

from radraft.core import canonical
from radraft.core.errors import PromptError
from radraft.prompts.clean import clean
from radraft.prompts.templates import load_template
from radraft.prompts.values import NOT_LOOKED, DraftRequest, Prior, Priors
from radraft.studies.values import DeidStudy, KeyImages, View
from radraft.vision_encoder.values import StudyEmbedding

MAX_PRIOR_CHARS = 700
"""Longest findings, and longest impression, of an earlier report in a prompt."""


def build(
    case: DeidStudy,
    images: KeyImages,
    embeddings: StudyEmbedding | None,
    *,
    template: str,
    adapter_id: str | None,
    priors: Priors = NOT_LOOKED,
) -> DraftRequest:
    """The request that drafts `case` from `images`, beside `priors`, with the named template.

    `embeddings` is None for profiles that take pixels; otherwise it must be of exactly these
    images. Raises PromptError `prompt_values_disagree` when case, images and embeddings are not
    of one case, `prompt_without_images`, `template_without_priors` where there are some and the
    template has no place for them, or the template's own errors (`templates.load_template`).
    """
    _check(case, images, embeddings)
    loaded = load_template(template)
    if priors.given and not loaded.takes_priors:
        raise PromptError("template_without_priors", template=template)
    names = set(loaded.spec.variables)
    values = {k: v for k, v in variables(case, images, priors).items() if k in names}
    earlier = tuple((_told(n, one), len(one.images)) for n, one in enumerate(priors.given, 1))
    request = DraftRequest(
        case_id=case.case_id,
        messages=loaded.fill(values, len(images.images), earlier),
        images=images,
        embeddings=embeddings,
        priors=priors.given,
        template_id=loaded.template_id,
        template_sha=loaded.sha,
        adapter_id=adapter_id,
        request_sha="",
    )
    return replace(request, request_sha=canonical.sha256(_content(request)))


def request_json(request: DraftRequest) -> str:
    """Canonical JSON of what the draft depends on; its SHA-256 is `request.request_sha`.

    Pixels and vectors stand in it by image ids and encoder id; the case does not, so that the same
    question about the same images has the same hash.
    """
    return canonical.dumps(_content(request))


def gave_priors(request_json: str | None) -> bool:
    """Whether the request of that canonical JSON showed the model an earlier study."""
    return request_json is not None and bool(json.loads(request_json).get("priors"))


def variables(case: DeidStudy, images: KeyImages, priors: Priors) -> dict[str, object]:
    """All that a template may name, cleaned. Unknown values are empty strings."""
    view = case.view.value if case.view in {View.FRONTAL, View.LATERAL} else ""
    return {
        "modality": clean(case.modality, 16),
        "body_part": clean(case.body_part, 32),
        "view": view,
        "age_band": clean(case.age_band, 8),
        "sex": {"M": "male", "F": "female"}.get(case.sex, ""),
        "history": clean(case.history),
        "images": len(images.images),
        "priors": len(priors.given),
        "looked": priors.looked.value,
    }


def _told(number: int, prior: Prior) -> dict[str, object]:
    """All that a template may say of an earlier study, cleaned."""
    sections = {"findings": prior.findings, "impression": prior.impression}
    return {
        "number": number,
        "days": prior.days_before,
        "modality": clean(prior.modality, 16),
        "body_part": clean(prior.body_part, 32),
        "view": prior.view.value if prior.view in {View.FRONTAL, View.LATERAL} else "",
        "images": len(prior.images),
        **{
            f"{name}_{lang}": clean(getattr(said, lang), MAX_PRIOR_CHARS)
            for name, said in sections.items()
            for lang in ("zh", "en")
        },
    }


def _check(case: DeidStudy, images: KeyImages, embeddings: StudyEmbedding | None) -> None:
    if not images.images:
        raise PromptError("prompt_without_images")
    of_one_case = images.case_id == case.case_id
    if embeddings is not None:
        ids = tuple(image.image_id for image in images.images)
        of_one_case &= embeddings.case_id == case.case_id and embeddings.image_ids == ids
    if not of_one_case:
        raise PromptError("prompt_values_disagree")


def _content(request: DraftRequest) -> dict[str, object]:
    return {
        "messages": request.messages,
        "image_ids": tuple(image.image_id for image in request.images.images),
        "encoder_id": request.embeddings.encoder_id if request.embeddings else None,
        "template_id": request.template_id,
        "template_sha": request.template_sha,
        "adapter_id": request.adapter_id,
        "priors": tuple(
            {
                "case_id": one.case_id,
                "version": one.version,
                "days_before": one.days_before,
                "image_ids": tuple(image.image_id for image in one.images),
            }
            for one in request.priors
        ),
    }
