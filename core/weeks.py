"""Weeks of the calendar, as figures over time are grouped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

SHOWN_WEEKS = 52
"""Newest weeks that pages plot and that a trend is fitted over; the CSV has all."""


@dataclass(frozen=True, order=True)
class Week:
    """An ISO 8601 week, Monday to Sunday, in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> Week:
        """Return the week of an aware `moment`."""
        year, number, _ = moment.astimezone(UTC).isocalendar()
        return cls(year, number)

    @property
    def monday(self) -> date:
        """Return its first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    def before(self, weeks: int) -> Week:
        """Return the week that many weeks earlier."""
        year, number, _ = (self.monday - timedelta(weeks=weeks)).isocalendar()
        return Week(year, number)

    def since(self, other: Week) -> int:
        """Return how many weeks lie between `other` and this one."""
        return (self.monday - other.monday).days // 7

    def __str__(self) -> str:
        """Return it as ISO 8601 writes it: `2026-W05`."""
        return f"{self.year}-W{self.number:02d}"
