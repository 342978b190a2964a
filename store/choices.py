"""The key images that readers chose, each choice kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.store.tables import KeyImageChoiceRow
from radraft.studies.values import WindowName


@dataclass(frozen=True)
class Chosen:
    """One frame, and through which window it is shown."""

    instance_ref: str
    frame: int
    window: WindowName = WindowName.OWN


@dataclass(frozen=True)
class Choice:
    """What a reader chose for a case."""

    case_id: str
    revision: int
    """From 1; a case whose key images nobody changed has none."""
    by: str
    at: datetime
    images: tuple[Chosen, ...]
    """In reading order."""


class ChoiceConflict(ReportError):
    """Somebody chose in between. `current` is their choice."""

    def __init__(self, current: Choice | None) -> None:
        super().__init__("key_images_conflict")
        self.current = current


def latest(session: Session, case_id: str) -> Choice | None:
    """The newest choice; None where the images are still those that radraft chose."""
    row = session.scalar(
        select(KeyImageChoiceRow)
        .where(KeyImageChoiceRow.case_id == case_id)
        .order_by(KeyImageChoiceRow.revision.desc())
        .limit(1)
    )
    return None if row is None else _choice(row)


def add(
    session: Session, case_id: str, images: tuple[Chosen, ...], *, base_revision: int, by: str
) -> Choice:
    """Keep a choice that was made looking at revision `base_revision` (0: nobody's).

    The caller holds the case's row. ChoiceConflict where another choice came in between.
    """
    before = latest(session, case_id)
    if base_revision != (0 if before is None else before.revision):
        raise ChoiceConflict(before)
    row = KeyImageChoiceRow(
        case_id=case_id,
        revision=base_revision + 1,
        by=by,
        at=datetime.now(UTC),
        images=canonical.dumps(images),
    )
    session.add(row)
    session.flush()
    return _choice(row)


def _choice(row: KeyImageChoiceRow) -> Choice:
    images = tuple(
        Chosen(one["instance_ref"], one["frame"], WindowName(one["window"]))
        for one in json.loads(row.images)
    )
    return Choice(row.case_id, row.revision, row.by, row.at, images)
