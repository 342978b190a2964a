"""Key images in object storage: what the reader sees as PNG, what the viewer windows as int16."""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound, StorageDamaged
from radraft.store import cases, retention
from radraft.store.objects import Objects
from radraft.studies.choose.frames import image_id as image_id_of
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


def save_missing(objects: Objects, images: KeyImages) -> None:
    """Write again what a retention rule removed since `save`: in the transaction that records the
    images, after it recorded them, for from then on nothing removes them."""
    gone = tuple(
        image
        for image in images.images
        if not all(objects.exists(key) for key in keys(image.image_id))
    )
    if gone:
        save(objects, replace(images, images=gone))


def keys(image_id: str) -> tuple[str, str]:
    """Return where an image's pixels and values lie."""
    return _key(image_id, "png"), _key(image_id, "i16")


def png(objects: Objects, image_id: str) -> bytes:
    """Return an 8-bit greyscale PNG. NotFound `image_not_found`; StorageDamaged `image_damaged`."""
    data = _get(objects, image_id, "png")
    _pixels(data, image_id)
    return data


def values(objects: Objects, image_id: str) -> bytes:
    """Return zlib-compressed little-endian int16, row by row. Errors as `png`."""
    data = _get(objects, image_id, "i16")
    # The id is the hash of the pixels alone; zlib's own checksum covers the values.
    _inflated(data)
    return data


def load(session: Session, objects: Objects, case_id: str) -> KeyImages:
    """Return the case's key images as they were saved. Errors as `png`; NotFound `images_dropped`
    where a retention rule dropped one."""
    found = []
    for stored in cases.key_images(session, case_id):
        try:
            found.append(_load(objects, stored))
        except NotFound:
            raise retention.missing_image(session, stored.image_id) from None
    return KeyImages(case_id, tuple(found))


def _load(objects: Objects, stored: cases.StoredImage) -> KeyImage:
    pixels = _pixels(_get(objects, stored.image_id, "png"), stored.image_id)
    raw = _inflated(_get(objects, stored.image_id, "i16"))
    if len(raw) != 2 * pixels.size:
        raise StorageDamaged("image_damaged")
    return KeyImage(
        image_id=stored.image_id,
        pixels=pixels,
        values=np.frombuffer(raw, dtype="<i2").reshape(pixels.shape).astype(np.int16),
        instance_ref=stored.instance_ref,
        frame=stored.frame,
        window=stored.window,
        score=stored.score,
        window_name=stored.window_name,
    )


def _pixels(data: bytes, expected: str) -> npt.NDArray[np.uint8]:
    """Return (rows, columns) of a PNG. StorageDamaged unless their hash is `expected`."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            pixels = np.asarray(picture, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, zlib.error):
        raise StorageDamaged("image_damaged") from None
    if pixels.ndim != 2 or image_id_of(pixels) != expected:
        raise StorageDamaged("image_damaged")
    return pixels


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        raise StorageDamaged("image_damaged") from None


def _key(image_id: str, kind: str) -> str:
    return f"images/{image_id[:2]}/{image_id}.{kind}"


def _get(objects: Objects, image_id: str, kind: str) -> bytes:
    if not _IMAGE_ID.fullmatch(image_id):
        raise NotFound("image_not_found")
    try:
        return objects.get(_key(image_id, kind))
    except NotFound:
        raise NotFound("image_not_found") from None
