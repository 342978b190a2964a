"""A case's key images; their pixels lie in object storage (`store.images`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from radraft.store import choices, faults
from radraft.store.tables import DraftRow, KeyImageRow
from radraft.store.values import StoredImage
from radraft.studies.values import KeyImages, WindowName


def add_key_images(session: Session, images: KeyImages) -> None:
    """Record a case's key images in their order, in place of any recorded before."""
    session.execute(delete(KeyImageRow).where(KeyImageRow.case_id == images.case_id))
    for position, image in enumerate(images.images):
        rows, columns = image.pixels.shape
        session.add(
            KeyImageRow(
                case_id=images.case_id,
                position=position,
                image_id=image.image_id,
                instance_ref=image.instance_ref,
                frame=image.frame,
                rows=rows,
                columns=columns,
                window_centre=float(image.window[0]),
                window_width=float(image.window[1]),
                window_name=image.window_name.value,
                score=float(image.score),
            )
        )
    session.flush()


def key_images(session: Session, case_id: str) -> tuple[StoredImage, ...]:
    """The case's key images in reading order; empty where there are none."""
    rows = session.scalars(
        select(KeyImageRow).where(KeyImageRow.case_id == case_id).order_by(KeyImageRow.position)
    )
    with faults.decoding("key_images", case_id):
        return tuple(
            StoredImage(
                image_id=row.image_id,
                instance_ref=row.instance_ref,
                frame=row.frame,
                rows=row.rows,
                columns=row.columns,
                window=(row.window_centre, row.window_width),
                score=row.score,
                position=row.position,
                window_name=WindowName(row.window_name),
            )
            for row in rows
        )


def key_images_at(session: Session, case_id: str, when: datetime) -> tuple[StoredImage, ...]:
    """Return those of the case's key images that had been chosen, by a reader or by radraft, at
    `when`: what was put in their place or beside them later is left out."""
    present = key_images(session, case_id)
    last = choices.latest(session, case_id)
    if last is None or last.at <= when:
        return present
    chosen = choices.at(session, case_id, when)
    if chosen is not None:
        known = {(image.instance_ref, image.frame, image.window) for image in chosen.images}
        return tuple(
            image
            for image in present
            if (image.instance_ref, image.frame, image.window_name) in known
        )
    # Radraft's own are those that the model was shown.
    drafted = session.scalars(
        select(DraftRow.image_ids).where(DraftRow.case_id == case_id, DraftRow.created_at <= when)
    )
    shown = {image_id for image_ids in drafted for image_id in image_ids}
    return tuple(image for image in present if image.image_id in shown)
