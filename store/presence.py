"""Pages that have a study open, by the database's clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.orm import Session as DatabaseSession

from radraft.core.errors import SignInError
from radraft.reports.accounts import Session
from radraft.reports.presence import LAPSES, OpenPage, taken_at
from radraft.store import accounts, sign_ins
from radraft.store.sql import HELD, insert_new
from radraft.store.tables import CaseRow, OpenPageRow, SessionRow, WorklistEntryRow

MOST_PAGES = 20
"""Of one session; of more the one that has given no sign for longest is forgotten."""
KEPT = 20 * LAPSES
"""How long a page without a sign of life is kept before it is forgotten."""


@dataclass(frozen=True)
class Sign:
    """A sign of life of a page that is in the database already."""

    session_id: str
    page: str
    case_id: str
    seen_at: datetime
    writing: bool


def clock(session: DatabaseSession) -> datetime:
    """Return the database's time. SQLite's is its machine's, which every process there has."""
    if session.get_bind().dialect.name != "postgresql":
        return datetime.now(UTC)
    now = session.scalar(select(func.clock_timestamp()))
    assert isinstance(now, datetime)
    return now.astimezone(UTC)


def enter(session: DatabaseSession, sign: Sign) -> None:
    """Note that a page has a study open: from now on where it had another, or gave no sign of life
    for too long. SignInError `sign_in_needed` where its session has ended."""
    # It cannot end from here on, and the page's row refers to it.
    held = select(SessionRow.session_id).where(SessionRow.session_id == sign.session_id)
    if session.scalar(held.with_for_update(read=True, **HELD)) is None:
        raise SignInError("sign_in_needed")
    key = {"session_id": sign.session_id, "page": sign.page}
    fresh = {
        "case_id": sign.case_id,
        "opened_at": sign.seen_at,
        "seen_at": sign.seen_at,
        "taken_at": None,
        "writing": sign.writing,
    }
    if insert_new(session, OpenPageRow, **key, **fresh):
        _forget(session, sign)
        return
    row = session.get(OpenPageRow, tuple(key.values()), with_for_update=True)
    if row is None:
        # It was left in between.
        return
    if row.case_id != sign.case_id or abs(sign.seen_at - row.seen_at) > LAPSES:
        for name, value in fresh.items():
            setattr(row, name, value)
    row.seen_at, row.writing = sign.seen_at, sign.writing
    session.flush()


def renew(session: DatabaseSession, signs: Iterable[Sign]) -> None:
    """Keep signs of life, where the page still has the study open and gave no newer one."""
    rows = OpenPageRow.__table__
    assert isinstance(rows, Table)
    values = [
        {
            "of_session": sign.session_id,
            "of_page": sign.page,
            "of_case": sign.case_id,
            "seen": sign.seen_at,
            "writes": sign.writing,
        }
        # In one order, so that of two that renew the same no one waits for the other for ever.
        for sign in sorted(signs, key=lambda sign: (sign.session_id, sign.page))
    ]
    if not values:
        return
    session.connection().execute(
        update(rows)
        .where(
            rows.c.session_id == bindparam("of_session"),
            rows.c.page == bindparam("of_page"),
            rows.c.case_id == bindparam("of_case"),
            rows.c.seen_at < bindparam("seen", type_=rows.c.seen_at.type),
        )
        .values(
            seen_at=bindparam("seen", type_=rows.c.seen_at.type),
            writing=bindparam("writes", type_=rows.c.writing.type),
        ),
        values,
    )


def take(session: DatabaseSession, sign: Sign) -> None:
    """Make the page's person the one who is on the study, whoever was. SignInError as `enter`."""
    enter(session, sign)
    row = session.get(OpenPageRow, (sign.session_id, sign.page), populate_existing=True)
    if row is not None:
        others = [page for page, _ in of_case(session, sign.case_id)]
        row.taken_at = taken_at(others, sign.seen_at)
        session.flush()


def leave(session: DatabaseSession, session_id: str, page: str, case_id: str) -> None:
    """Forget that a page has a study open; nothing where it has another open by now."""
    session.execute(
        delete(OpenPageRow)
        .where(
            OpenPageRow.session_id == session_id,
            OpenPageRow.page == page,
            OpenPageRow.case_id == case_id,
        )
        .execution_options(synchronize_session=False)
    )


def every(session: DatabaseSession) -> tuple[tuple[OpenPage, Session], ...]:
    """Return all pages that are kept, each with its session as it stands."""
    return _pages(session, None)


def of_case(session: DatabaseSession, case_id: str) -> tuple[tuple[OpenPage, Session], ...]:
    """Return the pages that have one study open, each with its session as it stands."""
    return _pages(session, case_id)


def _pages(session: DatabaseSession, case_id: str | None) -> tuple[tuple[OpenPage, Session], ...]:
    asked = (
        select(OpenPageRow, SessionRow, CaseRow.site, WorklistEntryRow.reading_site)
        .join(SessionRow, SessionRow.session_id == OpenPageRow.session_id)
        .join(CaseRow, CaseRow.case_id == OpenPageRow.case_id)
        .join(WorklistEntryRow, WorklistEntryRow.case_id == CaseRow.case_id)
        .order_by(OpenPageRow.session_id, OpenPageRow.page)
    )
    if case_id is not None:
        asked = asked.where(OpenPageRow.case_id == case_id)
    rows = session.execute(asked).all()
    known = accounts.of_ids(session, {row[1].account_id for row in rows})
    return tuple(
        (
            OpenPage(
                session_id=row.session_id,
                page=row.page,
                case_id=row.case_id,
                site=site,
                reading_site=reading_site,
                person=known[signed_in.account_id].person,
                opened_at=row.opened_at,
                seen_at=row.seen_at,
                taken_at=row.taken_at,
                writing=row.writing,
            ),
            sign_ins.session_of(signed_in, known[signed_in.account_id]),
        )
        for row, signed_in, site, reading_site in rows
    )


def _forget(session: DatabaseSession, sign: Sign) -> None:
    """Forget pages that are of no use any more: silent ones, and those that are too many."""
    silent = OpenPageRow.seen_at < sign.seen_at - KEPT
    old = session.scalars(select(OpenPageRow).where(silent).with_for_update(skip_locked=True))
    own = session.scalars(
        select(OpenPageRow)
        .where(OpenPageRow.session_id == sign.session_id)
        .order_by(OpenPageRow.seen_at.desc(), OpenPageRow.page)
        .offset(MOST_PAGES)
        .with_for_update(skip_locked=True)
    )
    for row in {*old, *own}:
        session.delete(row)
    session.flush()
