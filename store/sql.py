"""What both databases can do, said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Row, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from radraft.store.base import Base

KEYS_AT_ONCE = 200
"""Rows of reports or drafts read at once: some megabytes of JSON."""
HELD: dict[str, Any] = {"key_share": True}
"""How a case is held: who takes another study in may refer to it meanwhile, and so waits for nobody
who waits for what he has recorded (PostgreSQL's FOR NO KEY UPDATE)."""
_Key = TypeVar("_Key")


def chunks(keys: Iterable[_Key], size: int = KEYS_AT_ONCE) -> Iterator[list[_Key]]:
    """Yield `keys` in lists of at most `size`."""
    rest = iter(keys)
    while chunk := list(islice(rest, size)):
        yield chunk


def insert_new(session: Session, kind: type[Base], **values: object) -> bool:
    """Insert unless a row with the same key is there, waiting for whoever is inserting it now."""
    return bool(insert_all_new(session, kind, [values]))


def insert_all_new(
    session: Session, kind: type[Base], rows: Sequence[Mapping[str, object]]
) -> Sequence[Row[Any]]:
    """Insert those of `rows` that are not there yet, as `insert_new`; whole rows that were."""
    table = kind.__table__
    assert isinstance(table, Table)
    dialect = session.get_bind().dialect.name
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    return session.execute(insert.values(rows).on_conflict_do_nothing().returning(table)).all()


def storable(text: str) -> str:
    """Text both databases take: no NUL, no half of a surrogate pair (damaged files have both)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
