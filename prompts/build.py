"""Step of the line: a case and its images, or their tokens -> `DraftRequest`."""

from __future__ import annotations

import json
from dataclasses import replace

from radraft.core import canonical
from radraft.core.errors import PromptError
from radraft.prompts.clean import clean
from radraft.prompts.templates import load_template
from radraft.prompts.values import NOT_LOOKED, DraftRequest, Prior, Priors
from radraft.studies.values import DeidStudy, KeyImages, View
from radraft.vision_encoder.values import ImageTokens

MAX_PRIOR_CHARS = 700
"""Longest findings, and longest impression, of an earlier report in a prompt."""


def build(
    case: DeidStudy,
    images: KeyImages | None,
    image_tokens: ImageTokens | None,
    *,
    template: str,
    adapter_id: str | None,
    priors: Priors = NOT_LOOKED,
) -> DraftRequest:
    """Return the request that drafts `case`, beside `priors`, with the named template.

    A profile takes either the pixels of `images` or `image_tokens`; the other is None. Where both
    are given they must be of the same images. Raises PromptError `prompt_values_disagree` when
    case, images and tokens are not of one case, `prompt_without_images`, `template_without_priors`
    where there are some and the template has no place for them, or the template's own errors
    (`templates.load_template`).
    """
    image_ids = _image_ids(case.case_id, images, image_tokens)
    loaded = load_template(template)
    if priors.given and not loaded.takes_priors:
        raise PromptError("template_without_priors", template=template)
    names = set(loaded.spec.variables)
    values = {k: v for k, v in variables(case, len(image_ids), priors).items() if k in names}
    earlier = tuple(
        (told(number, prior), len(prior.images)) for number, prior in enumerate(priors.given, 1)
    )
    request = DraftRequest(
        case_id=case.case_id,
        messages=loaded.fill(values, len(image_ids), earlier),
        own_image_ids=image_ids,
        images=images,
        image_tokens=image_tokens,
        priors=priors.given,
        template_id=loaded.template_id,
        template_sha=loaded.sha,
        adapter_id=adapter_id,
        request_sha="",
    )
    return replace(request, request_sha=canonical.sha256(_content(request)))


def with_images(
    request: DraftRequest, images: KeyImages | None, image_tokens: ImageTokens | None
) -> DraftRequest:
    """Return `request` with other images in the places of its own; the text stays.

    Raises PromptError `prompt_values_disagree` unless they are as many and of the same case.
    """
    image_ids = _image_ids(request.case_id, images, image_tokens)
    if len(image_ids) != len(request.own_image_ids):
        raise PromptError("prompt_values_disagree")
    changed = replace(
        request, own_image_ids=image_ids, images=images, image_tokens=image_tokens, request_sha=""
    )
    return replace(changed, request_sha=canonical.sha256(_content(changed)))


def request_json(request: DraftRequest) -> str:
    """Return the canonical JSON of what the draft depends on; its SHA-256 is `request.request_sha`.

    Pixels and vectors stand in it by image ids and encoder id; the case does not, so that the same
    question about the same images has the same hash.
    """
    return canonical.dumps(_content(request))


def gave_priors(request_json: str | None) -> bool:
    """Return whether the request of that canonical JSON showed the model an earlier study."""
    return request_json is not None and bool(json.loads(request_json).get("priors"))


def variables(case: DeidStudy, images: int, priors: Priors) -> dict[str, object]:
    """Return all that a template may name, cleaned, for so many key images. Unknown values are
    empty strings."""
    view = case.view.value if case.view in {View.FRONTAL, View.LATERAL} else ""
    return {
        "modality": clean(case.modality, 16),
        "body_part": clean(case.body_part, 32),
        "view": view,
        "age_band": clean(case.age_band, 8),
        "sex": {"M": "male", "F": "female"}.get(case.sex, ""),
        "history": clean(case.history),
        "images": images,
        "priors": len(priors.given),
        "looked": priors.looked.value,
    }


def told(number: int, prior: Prior) -> dict[str, object]:
    """Return all that a template may say of an earlier study, cleaned."""
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


def _image_ids(
    case_id: str, images: KeyImages | None, tokens: ImageTokens | None
) -> tuple[str, ...]:
    """Return the ids of the images, of which there must be some, all of this case."""
    of_case = set()
    if images is not None:
        of_case.add((images.case_id, tuple(image.image_id for image in images.images)))
    if tokens is not None:
        of_case.add((tokens.case_id, tokens.image_ids))
    if not any(image_ids for _, image_ids in of_case):
        raise PromptError("prompt_without_images")
    if len(of_case) != 1:
        raise PromptError("prompt_values_disagree")
    ((owner, image_ids),) = of_case
    if owner != case_id:
        raise PromptError("prompt_values_disagree")
    return image_ids


def _content(request: DraftRequest) -> dict[str, object]:
    return {
        "messages": request.messages,
        "image_ids": request.own_image_ids,
        "encoder_id": request.image_tokens.encoder_id if request.image_tokens else None,
        "template_id": request.template_id,
        "template_sha": request.template_sha,
        "adapter_id": request.adapter_id,
        "priors": tuple(
            {
                "case_id": prior.case_id,
                "version": prior.version,
                "days_before": prior.days_before,
                "image_ids": tuple(image.image_id for image in prior.images),
            }
            for prior in request.priors
        ),
    }
