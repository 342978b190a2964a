"""Key images in object storage: what the reader sees as PNG, what the viewer windows as int16."""

from __future__ import annotations

import io
import re
import zlib

import numpy as np
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.store import cases
from radraft.store.objects import Objects
from radraft.studies.values import KeyImage, KeyImages

_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


def save(objects: Objects, images: KeyImages) -> None:
    """Write every image's pixels and values. Before the database row, which then never dangles."""
    from PIL import Image

    for image in images.images:
        png = io.BytesIO()
        Image.fromarray(image.pixels).save(png, "PNG", compress_level=4)
        objects.put(_key(image.image_id, "png"), png.getvalue())
        raw = np.ascontiguousarray(image.values, dtype="<i2").tobytes()
        objects.put(_key(image.image_id, "i16"), zlib.compress(raw, 4))


def png(objects: Objects, image_id: str) -> bytes:
    """8-bit greyscale PNG. NotFound `image_not_found`."""
    return _get(objects, image_id, "png")


def values(objects: Objects, image_id: str) -> bytes:
    """zlib-compressed little-endian int16, row by row. NotFound `image_not_found`."""
    return _get(objects, image_id, "i16")


def load(session: Session, objects: Objects, case_id: str) -> KeyImages:
    """The case's key images as they were saved. NotFound `image_not_found`."""
    return KeyImages(
        case_id,
        tuple(_load(objects, stored) for stored in cases.key_images(session, case_id)),
    )


def _load(objects: Objects, stored: cases.StoredImage) -> KeyImage:
    from PIL import Image

    shape = (stored.rows, stored.columns)
    with Image.open(io.BytesIO(png(objects, stored.image_id)), formats=("PNG",)) as picture:
        pixels = np.asarray(picture, dtype=np.uint8)
    raw = zlib.decompress(values(objects, stored.image_id))
    return KeyImage(
        image_id=stored.image_id,
        pixels=pixels,
        values=np.frombuffer(raw, dtype="<i2").reshape(shape).astype(np.int16),
        instance_ref=stored.instance_ref,
        frame=stored.frame,
        window=stored.window,
        score=stored.score,
        window_name=stored.window_name,
    )


def _key(image_id: str, kind: str) -> str:
    return f"images/{image_id[:2]}/{image_id}.{kind}"


def _get(objects: Objects, image_id: str, kind: str) -> bytes:
    if not _IMAGE_ID.fullmatch(image_id):
        raise NotFound("image_not_found")
    try:
        return objects.get(_key(image_id, kind))
    except NotFound:
        raise NotFound("image_not_found") from None
