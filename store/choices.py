"""The key images that readers chose, each choice kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports.people import Person, known_person
from radraft.store import faults
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
    by: Person
    at: datetime
    images: tuple[Chosen, ...]
    """In reading order."""

    @property
    def document_key(self) -> str:
        """Return where the choice's Key Object Selection lies in object storage.

        Its own key: of two who choose at once neither overwrites the other's.
        """
        own = canonical.sha256([self.by.name, self.at, self.images])[:16]
        return f"kos/{self.case_id}/{self.revision:04d}-{own}.dcm"


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


def at(session: Session, case_id: str, when: datetime) -> Choice | None:
    """Return the choice that held at `when`; None where nobody had made one."""
    row = session.scalar(
        select(KeyImageChoiceRow)
        .where(KeyImageChoiceRow.case_id == case_id, KeyImageChoiceRow.at <= when)
        .order_by(KeyImageChoiceRow.revision.desc())
        .limit(1)
    )
    return None if row is None else _choice(row)


def add(session: Session, choice: Choice) -> None:
    """Keep a choice that was made looking at the revision before it (0: nobody's).

    The caller holds the case's row. ChoiceConflict where another choice came in between.
    """
    before = latest(session, choice.case_id)
    if choice.revision != 1 + (0 if before is None else before.revision):
        raise ChoiceConflict(before)
    session.add(
        KeyImageChoiceRow(
            case_id=choice.case_id,
            revision=choice.revision,
            by=choice.by.name,
            by_account=choice.by.id,
            at=choice.at,
            images=canonical.dumps(choice.images),
        )
    )
    session.flush()


def _choice(row: KeyImageChoiceRow) -> Choice:
    with faults.decoding("key_image_choices", row.case_id):
        images = tuple(
            Chosen(image["instance_ref"], image["frame"], WindowName(image["window"]))
            for image in json.loads(row.images)
        )
        by = known_person(row.by, row.by_account)
    return Choice(row.case_id, row.revision, by, row.at, images)
