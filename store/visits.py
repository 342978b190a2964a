"""Visits: people whom a hospital's system let in to the studies of one accession number."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from radraft.store.accounts import secret_sha
from radraft.store.sql import insert_new
from radraft.store.tables import VisitRow


@dataclass(frozen=True)
class Visit:
    """A browser in which a hospital's system let one person in."""

    visit_id: str
    """For the audit; not the secret that the browser holds."""
    link_id: str
    token_id: str
    """Of the program that answers for the person."""
    name: str = field(repr=False)
    """As that program calls him."""
    person_ref: str
    """Stands for him: the same whenever that program names the same number."""
    accession: str = field(repr=False)
    """Folded as `name_search.number_key` folds."""
    began_at: datetime
    ends_at: datetime


def begin(session: Session, visit: Visit, secret: str, *, address: str) -> bool:
    """Keep a visit whose browser is to hold `secret`; False where its link was used before. Of two
    that use one link at once one gets True."""
    return insert_new(
        session,
        VisitRow,
        visit_sha=secret_sha(secret),
        visit_id=visit.visit_id,
        link_id=visit.link_id,
        token_id=visit.token_id,
        name=visit.name,
        person_ref=visit.person_ref,
        accession=visit.accession,
        began_at=visit.began_at,
        ends_at=visit.ends_at,
        address=address,
    )


def by_secret(session: Session, secret: str) -> Visit | None:
    """Return the visit whose browser holds `secret`, also one that is over."""
    row = session.get(VisitRow, secret_sha(secret))
    if row is None:
        return None
    return Visit(
        visit_id=row.visit_id,
        link_id=row.link_id,
        token_id=row.token_id,
        name=row.name,
        person_ref=row.person_ref,
        accession=row.accession,
        began_at=row.began_at,
        ends_at=row.ends_at,
    )


def end(session: Session, secret: str, now: datetime) -> None:
    """Have a visit be over."""
    session.execute(
        update(VisitRow)
        .where(VisitRow.visit_sha == secret_sha(secret), VisitRow.ends_at > now)
        .values(ends_at=now)
    )


def sweep(session: Session, before: datetime) -> None:
    """Forget visits that were over before then: their links have long expired."""
    session.execute(delete(VisitRow).where(VisitRow.ends_at < before))
