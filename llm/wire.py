"""Request bodies for vLLM's `/v1/chat/completions`."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from radraft.core.errors import DraftingError
from radraft.llm.profiles import Bounds, Profile
from radraft.prompts.values import DraftRequest, ImagePart
from radraft.reports.values import Section

ZH = "[\u4e00-\u9fff0-9A-Zcm，、；：（）./~-]"
"""What a Chinese sentence may hold: Han characters, digits, capitals for abbreviations and
cm/mm."""
EN = "[A-Za-z0-9 ,;:()/%'.-]"
LONGEST_REPEAT = 120
"""xgrammar 0.2.8 cannot compile a repetition of more than 128; longer ones are chained."""


def chat_body(request: DraftRequest, profile: Profile, model: str) -> bytes:
    """Return the JSON body that drafts `request` in one streamed answer.

    `model` is what vLLM serves; the request's adapter takes its place when there is one. Pixels
    take some milliseconds an image: call it off the event loop. Raises DraftingError
    `draft_without_embeddings` where the profile wants embeddings and the request has none, and
    `draft_too_many_images`.
    """
    if len(request.image_ids) > profile.vllm.max_images:
        raise DraftingError("draft_too_many_images", most=profile.vllm.max_images)
    images = tuple(_image_parts(request, profile))
    messages = [
        {
            "role": message.role,
            "content": [
                images[part.index]
                if isinstance(part, ImagePart)
                else {"type": "text", "text": part.text}
                for part in message.parts
            ],
        }
        for message in request.messages
    ]
    return _body(profile, request.adapter_id or model, messages, profile.sampling.max_tokens)


def warm_up_body(profile: Profile, model: str) -> bytes:
    """Return a body that writes one token under the report's schema: vLLM compiles and keeps the
    schema, so that the first study does not wait for it."""
    return _body(profile, model, [{"role": "user", "content": "."}], 1)


def report_schema(bounds: Bounds) -> dict[str, Any]:
    """Return the JSON schema of a report. Every string and array is bounded, so writing always
    ends."""
    pair = {
        "type": "object",
        "properties": {
            "zh": {
                "type": "string",
                "pattern": f"^[\u4e00-\u9fff]{_repeat(ZH, 3, bounds.zh_chars - 2)}。$",
            },
            "en": {
                "type": "string",
                "pattern": f"^[A-Z]{_repeat(EN, 3, bounds.en_chars - 2)}\\.$",
            },
        },
        "required": ["zh", "en"],
        "additionalProperties": False,
    }
    limits = {Section.FINDINGS: bounds.findings, Section.IMPRESSION: bounds.impression}
    return {
        "type": "object",
        "properties": {
            section.value: {"type": "array", "items": pair, "minItems": 1, "maxItems": most}
            for section, most in limits.items()
        },
        "required": [section.value for section in limits],
        "additionalProperties": False,
    }


def _body(profile: Profile, model: str, messages: list[dict[str, Any]], max_tokens: int) -> bytes:
    sampling = profile.sampling
    body = {
        "model": model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": sampling.seed,
        "max_tokens": max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "report", "schema": report_schema(profile.bounds)},
        },
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _repeat(chars: str, least: int, most: int) -> str:
    first = min(most, LONGEST_REPEAT)
    rest = most - first
    return f"{chars}{{{least},{first}}}" + (f"{chars}{{0,{rest}}}" if rest else "")


def _image_parts(request: DraftRequest, profile: Profile) -> Iterator[dict[str, Any]]:
    if profile.image_way == "pixels":
        for image in request.shown:
            data = base64.b64encode(png(image.pixels)).decode("ascii")
            yield {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        return
    if request.image_tokens is None:
        raise DraftingError("draft_without_embeddings")
    for tensor in request.image_tokens.tensors:
        yield {"type": "image_embeds", "image_embeds": base64.b64encode(tensor).decode("ascii")}


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return (rows, columns) 8-bit grey `pixels` as a PNG file."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", compress_level=1)
    return out.getvalue()
