"""Step of the line: a case, its images and its embeddings -> `DraftRequest`."""

from __future__ import annotations

from dataclasses import replace

from radraft import canonical
from radraft.errors import PromptError
from radraft.prompts.clean import clean
from radraft.prompts.templates import load_template
from radraft.prompts.values import DraftRequest
from radraft.studies.values import DeidStudy, KeyImages, View
from radraft.vision_encoder.values import StudyEmbedding


def build(
    case: DeidStudy,
    images: KeyImages,
    embeddings: StudyEmbedding | None,
    *,
    template: str,
    adapter_id: str | None,
    priors: tuple[str, ...] = (),
) -> DraftRequest:
    """The request that drafts `case` from `images` with the named template.

    `embeddings` is None for profiles that take pixels; otherwise it must be of exactly these
    images. Raises PromptError `prompt_values_disagree` when case, images and embeddings are not
    of one case, `prompt_without_images`, or the template's own errors
    (`templates.load_template`).
    """
    _check(case, images, embeddings)
    loaded = load_template(template)
    names = set(loaded.spec.variables)
    if priors and "priors" not in names:
        raise PromptError("template_without_priors", template=template)
    values = {k: v for k, v in variables(case, images, priors).items() if k in names}
    request = DraftRequest(
        case_id=case.case_id,
        messages=loaded.fill(values, len(images.images)),
        images=images,
        embeddings=embeddings,
        priors=priors,
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


def variables(case: DeidStudy, images: KeyImages, priors: tuple[str, ...]) -> dict[str, object]:
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
        "priors": len(priors),
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
        "priors": request.priors,
    }
