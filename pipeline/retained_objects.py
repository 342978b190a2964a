"""Which objects a study's images are: what may go to the archive, and what may be removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from radraft.store import images, retention
from radraft.vision_encoder import image_tokens, stored

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.objects import Objects, StoredObject

ORIGINALS, THUMBNAILS = "originals", "thumbnails"


def own(objects: Objects, case_id: str) -> tuple[StoredObject, ...]:
    """Return what is the study's alone: its originals, here and in the archive, and thumbnails."""
    return (*_originals(objects, case_id), *objects.listing(f"{THUMBNAILS}/{case_id}"))


def movable(session: Session, objects: Objects, case_id: str) -> tuple[StoredObject, ...]:
    """Return what goes to the archive or is there already: originals, and key images that no
    training pair and no other study needs here."""
    needed = retention.needed_images(session, case_id, to_move=True)
    mine = [shown for shown in retention.image_ids(session, case_id) if shown not in needed]
    keys = [key for image_id in mine for key in images.keys(image_id)]
    return (*_originals(objects, case_id), *_there(objects, keys))


def shown_nowhere(session: Session, objects: Objects, case_id: str) -> tuple[StoredObject, ...]:
    """Return the key images of the study that nothing else needs, and all that was made of them."""
    needed = retention.needed_images(session, case_id, to_move=False)
    mine = [shown for shown in retention.image_ids(session, case_id) if shown not in needed]
    return tuple(_there(objects, _made_of(objects, mine)))


def _originals(objects: Objects, case_id: str) -> tuple[StoredObject, ...]:
    folder = f"{ORIGINALS}/{case_id}"
    found: dict[str, StoredObject] = {}
    if objects.archive is not None and objects.archive.is_there():
        found = {item.key: item for item in objects.archive.objects.listing(folder)}
    # One that was copied and not yet taken away here is one.
    found |= {item.key: item for item in objects.listing(folder)}
    return tuple(found[key] for key in sorted(found))


def _made_of(objects: Objects, image_ids: Iterable[str]) -> Iterator[str]:
    encoders = objects.folders("embeddings")
    projectors = [
        folder for encoder in objects.folders("image_tokens") for folder in objects.folders(encoder)
    ]
    for image_id in image_ids:
        yield from images.keys(image_id)
        for encoder in encoders:
            yield stored.key(encoder.rpartition("/")[2], image_id)
        for projector in projectors:
            yield f"{projector}/{image_tokens.file_name(image_id)}"


def _there(objects: Objects, keys: Iterable[str]) -> Iterator[StoredObject]:
    for key in keys:
        item = objects.find(key)
        if item is not None:
            yield item
