"""Projected tokens of key images, made once and kept in the form that vLLM takes.

They depend on an image's stored embedding and on the projector alone, so that drafting an image
again, or with another prompt, reads a few kilobytes and computes nothing.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.vision_encoder import torch_file
from radraft.vision_encoder.values import ImageTokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radraft.vision_encoder.projector import Projector
    from radraft.vision_encoder.values import ByteStore, StudyEmbedding

log = logging.getLogger("radraft.vision_encoder")

_DIGEST_BYTES = hashlib.sha256().digest_size


def read_tokens(
    case_id: str,
    image_ids: Sequence[str],
    *,
    encoder_id: str,
    projector_id: str,
    dtype: torch_file.Dtype,
    objects: ByteStore,
) -> ImageTokens | None:
    """Return the kept tokens of these images, None where those of one are missing or damaged."""
    tensors = []
    for image_id in image_ids:
        key = _key(image_id, encoder_id, projector_id, dtype)
        try:
            data = objects.get(key)
        except NotFound:
            return None
        digest, tensor = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if digest != _digest(key, tensor):
            log.warning("kept image tokens are damaged, making them again: %s", key)
            return None
        tensors.append(tensor)
    return ImageTokens(case_id, tuple(image_ids), encoder_id, projector_id, tuple(tensors))


def make_tokens(
    embedding: StudyEmbedding, projector: Projector, dtype: torch_file.Dtype, objects: ByteStore
) -> ImageTokens:
    """Return the tokens of each image of `embedding`, projected and kept for `read_tokens`.

    EncodingError `projector_width` or `projector_grid` where the projector is of another encoder.
    """
    tensors = []
    for image_id, projected in zip(
        embedding.image_ids, projector.project(embedding.tokens), strict=True
    ):
        tensor = torch_file.dump(projected, dtype)
        key = _key(image_id, embedding.encoder_id, projector.projector_id, dtype)
        objects.put(key, _digest(key, tensor) + tensor)
        tensors.append(tensor)
    return ImageTokens(
        embedding.case_id,
        embedding.image_ids,
        embedding.encoder_id,
        projector.projector_id,
        tuple(tensors),
    )


def file_name(image_id: str) -> str:
    """Return what an image's tokens are called, whatever made them."""
    return f"{image_id}.pt"


def _key(image_id: str, encoder_id: str, projector_id: str, dtype: torch_file.Dtype) -> str:
    """Return where an image's tokens lie in the object store."""
    return f"image_tokens/{encoder_id}/{projector_id}-{dtype}/{file_name(image_id)}"


def _digest(key: str, tensor: bytes) -> bytes:
    # The key goes in, so that no file passes for another image's or another projector's.
    return hashlib.sha256(key.encode() + b"\0" + tensor).digest()
