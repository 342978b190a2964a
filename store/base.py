"""What all tables are made of: naming, column types, the declarative base."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import DateTime, Double, MetaData, Text, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase

from radraft.core.errors import StorageDamaged

Value = TypeVar("Value")

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class _Checked(TypeDecorator[Value]):
    """A value that says so where what is stored is none of its kind."""

    __abstract__ = True

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], Value | None] | None:
        """As the type's own, but StorageDamaged `value_damaged` for its ValueError."""
        read = super().result_processor(dialect, coltype)
        if read is None:
            return None

        def checked(value: Any) -> Value | None:
            try:
                return read(value)
            except (ValueError, TypeError):
                raise StorageDamaged("value_damaged") from None

        return checked


class UtcDateTime(_Checked[datetime]):
    """An instant: aware datetimes in, UTC out. ValueError for a naive datetime."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite forgets the zone; what was written was UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Strings(_Checked[tuple[str, ...]]):
    """A tuple of strings as a JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """To JSON."""
        return None if value is None else json.dumps(list(value), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """From JSON."""
        return None if value is None else tuple(json.loads(value))


class Base(DeclarativeBase):
    """All tables; text is unbounded unless said otherwise."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name, read once by its metaclass
        str: Text,
        float: Double,
        datetime: UtcDateTime,
        tuple[str, ...]: Strings,
    }
