"""The stored form of one image's embedding: safetensors with a checksum.

Tokens are float16: they lie between 0 and 6 (ReLU6), where float16 keeps 11 bits against bfloat16's
8 in the same 160 KiB an image, and the language model computes in bfloat16 anyway. The pooled
vector stays float32.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt

from radraft.core import canonical
from radraft.vision_encoder.values import ByteStore, ImageEmbedding


class Damaged(ValueError):
    """Bytes that are not a whole embedding of this image by this encoder."""


def key(encoder_id: str, image_id: str) -> str:
    """Return where an image's embedding lies in the object store."""
    return f"embeddings/{encoder_id}/{image_id}.safetensors"


def dump(embedding: ImageEmbedding, encoder_id: str) -> bytes:
    """Return the stored bytes; the same embedding gives the same bytes."""
    from safetensors.numpy import save

    tokens, pooled = embedding.tokens.astype(np.float16), embedding.pooled
    about = {
        "encoder_id": encoder_id,
        "image_id": embedding.image_id,
        "sha256": _checksum(tokens, pooled),
    }
    data: bytes = save(
        {"tokens": tokens, "pooled": pooled}, metadata={"about": canonical.dumps(about)}
    )
    return data


def parse(data: bytes, encoder_id: str, image_id: str) -> ImageEmbedding:
    """Return the embedding in `data`. Damaged unless it is whole and of this image and encoder."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header["__metadata__"]["about"])
        tokens, pooled = arrays["tokens"], arrays["pooled"]
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise Damaged(str(error)) from None
    expected = {
        "encoder_id": encoder_id,
        "image_id": image_id,
        "sha256": _checksum(tokens, pooled),
    }
    if about != expected:
        raise Damaged("checksum or identity differs")
    return ImageEmbedding(image_id, tokens.astype(np.float32), pooled.astype(np.float32))


def read(objects: ByteStore, encoder_id: str, image_id: str) -> ImageEmbedding:
    """Return the stored embedding. NotFound where none is, Damaged."""
    return parse(objects.get(key(encoder_id, image_id)), encoder_id, image_id)


def _checksum(tokens: npt.NDArray[np.float16], pooled: npt.NDArray[np.float32]) -> str:
    return hashlib.sha256(tokens.tobytes() + pooled.tobytes()).hexdigest()
