"""A case's key images; their pixels lie in object storage (`store.images`)."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from radraft.store import faults
from radraft.store.tables import KeyImageRow
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
