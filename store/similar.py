"""Signed cases in the order in which they were signed, for the index of similar ones.

A case's number is that of its first signature in the chain (`signature_chain`): it says nothing to
whoever has the number alone, and a database that was restored from an older copy is known by the
chain's head not being there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.store.retention import RetentionStep
from radraft.store.sql import chunks
from radraft.store.tables import CaseRow, DraftRow, RetentionStepRow, SignatureLinkRow, SignedRow

FIRST_VERSION = 1


@dataclass(frozen=True)
class ChainPlace:
    """A place in the chain of signatures."""

    sequence: int
    """0: before the first."""
    head: str


BEGINNING = ChainPlace(0, "")


@dataclass(frozen=True)
class SignedCase:
    """A case that was signed, with the images that an encoder embedded for its newest draft."""

    number: int
    case_id: str
    image_ids: tuple[str, ...]
    """Empty where that encoder drafted nothing for it, or its images were dropped."""


@dataclass(frozen=True)
class SignedPage:
    """Some of a site's signed cases, and up to which place of the chain they are all."""

    cases: tuple[SignedCase, ...]
    until: ChainPlace


def newest(session: Session) -> ChainPlace:
    """Return where the chain ends."""
    row = session.execute(
        select(SignatureLinkRow.sequence, SignatureLinkRow.head)
        .order_by(SignatureLinkRow.sequence.desc())
        .limit(1)
    ).one_or_none()
    return BEGINNING if row is None else ChainPlace(row.sequence, row.head)


def is_there(session: Session, place: ChainPlace) -> bool:
    """Return whether this database's chain goes through `place`."""
    if place == BEGINNING:
        return True
    head = select(SignatureLinkRow.head).where(SignatureLinkRow.sequence == place.sequence)
    return session.scalar(head) == place.head


def signed_after(
    session: Session, site: str, encoder_id: str, place: ChainPlace, most: int
) -> SignedPage:
    """Return the next `most` cases of a site that were first signed after `place`."""
    link = SignatureLinkRow
    end = newest(session)
    rows = session.execute(
        select(link.sequence, link.head, link.case_id)
        .join(CaseRow, CaseRow.case_id == link.case_id)
        .where(
            link.sequence > place.sequence,
            link.sequence <= end.sequence,
            link.version == FIRST_VERSION,
            CaseRow.site == site,
        )
        .order_by(link.sequence)
        .limit(most)
    ).all()
    until = ChainPlace(rows[-1].sequence, rows[-1].head) if len(rows) == most else end
    case_ids = [row.case_id for row in rows]
    embedded = _embedded(session, case_ids, encoder_id)
    gone = dropped(session, case_ids)
    return SignedPage(
        tuple(
            SignedCase(
                row.sequence,
                row.case_id,
                () if row.case_id in gone else embedded.get(row.case_id, ()),
            )
            for row in rows
        ),
        until,
    )


def by_number(session: Session, site: str, numbers: Collection[int]) -> dict[int, str]:
    """Return the case ids of these numbers, of those that are signed cases of the site."""
    link = SignatureLinkRow
    found: dict[int, str] = {}
    for some in chunks(sorted(numbers)):
        rows = session.execute(
            select(link.sequence, link.case_id)
            .join(CaseRow, CaseRow.case_id == link.case_id)
            .where(link.sequence.in_(some), link.version == FIRST_VERSION, CaseRow.site == site)
        )
        found.update((row.sequence, row.case_id) for row in rows)
    return found


def dropped(session: Session, case_ids: Iterable[str]) -> frozenset[str]:
    """Return those of the cases whose images a retention rule dropped."""
    found: set[str] = set()
    for some in chunks(case_ids):
        wanted = select(RetentionStepRow.case_id).where(
            RetentionStepRow.case_id.in_(some),
            RetentionStepRow.step == RetentionStep.DROPPED.value,
        )
        found.update(session.scalars(wanted))
    return frozenset(found)


def dropped_numbers(session: Session, site: str) -> tuple[int, ...]:
    """Return the numbers of a site's signed cases whose images were dropped."""
    link = SignatureLinkRow
    return tuple(
        session.scalars(
            select(link.sequence)
            .join(CaseRow, CaseRow.case_id == link.case_id)
            .join(RetentionStepRow, RetentionStepRow.case_id == link.case_id)
            .where(
                link.version == FIRST_VERSION,
                CaseRow.site == site,
                RetentionStepRow.step == RetentionStep.DROPPED.value,
            )
            .distinct()
        )
    )


def signed_count(session: Session, site: str) -> int:
    """Return how many cases of a site were signed."""
    wanted = (
        select(func.count())
        .select_from(SignedRow)
        .join(CaseRow, CaseRow.case_id == SignedRow.case_id)
        .where(SignedRow.version == FIRST_VERSION, CaseRow.site == site)
    )
    return session.scalar(wanted) or 0


def encoders(session: Session) -> tuple[tuple[str, str], ...]:
    """Return the sites, each with each encoder that a draft of a case there was made with."""
    rows = session.execute(
        select(CaseRow.site, DraftRow.encoder_id)
        .join(DraftRow, DraftRow.case_id == CaseRow.case_id)
        .where(DraftRow.encoder_id.is_not(None))
        .distinct()
    )
    return tuple(sorted((row.site, row.encoder_id) for row in rows))


def _embedded(
    session: Session, case_ids: Iterable[str], encoder_id: str
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for some in chunks(case_ids):
        rows = session.execute(
            select(DraftRow.case_id, DraftRow.image_ids)
            .where(DraftRow.case_id.in_(some), DraftRow.encoder_id == encoder_id)
            .order_by(DraftRow.draft_id)
        )
        found.update((row.case_id, row.image_ids) for row in rows)
    return found
