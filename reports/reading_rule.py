"""Rules of reading for other sites: to whose readers a study goes that nobody has begun to read.

A study stays at its own site unless one of that site's rules sends it to another. Times are the
clock's on the server's wall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from radraft.core.errors import ReportError
from radraft.reports.roles import EVERY_SITE
from radraft.studies.values import StudyPriority

MOST_RULES = 20
"""Of one site."""
LONGEST_NAME = 64
"""Characters of a site's name, or of a modality's code."""
MOST_WAITING = 1_000_000
HOURS = 24
WEEKDAYS = 7


@dataclass(frozen=True)
class ReadingRule:
    """Which studies of a site go to the readers of another; an empty field asks for nothing.

    ReportError `reading_rule_invalid` for a rule that cannot be.
    """

    reading_site: str
    modalities: tuple[str, ...] = ()
    """Of the study, as DICOM has it (0008,0060)."""
    weekdays: tuple[int, ...] = ()
    """1, Monday, to 7, Sunday."""
    from_hour: int = 0
    """The first full hour, 0 to 23,"""
    to_hour: int = HOURS
    """and the one at which it ends, 1 to 24; one before `from_hour` is of the next morning."""
    more_than: int = 0
    """Only while more studies than so many wait at the site."""
    priorities: tuple[StudyPriority, ...] = ()

    def __post_init__(self) -> None:
        """Raise ReportError `reading_rule_invalid` where a field cannot be."""
        names = (self.reading_site, *self.modalities)
        checks = {
            "reading_site": self.reading_site not in ("", EVERY_SITE),
            "modalities": all(0 < len(name) <= LONGEST_NAME for name in names),
            "weekdays": all(1 <= day <= WEEKDAYS for day in self.weekdays),
            "from_hour": 0 <= self.from_hour < HOURS,
            "to_hour": 0 < self.to_hour <= HOURS and self.to_hour != self.from_hour,
            "more_than": 0 <= self.more_than <= MOST_WAITING,
        }
        for field, holds in checks.items():
            if not holds:
                raise ReportError("reading_rule_invalid", field=field)


@dataclass(frozen=True)
class WaitingStudy:
    """What is known of a study at the moment at which a rule is asked."""

    modality: str
    at: datetime
    """By the clock on the wall."""
    waiting: int
    """How many studies wait at its site to be read there, itself among them."""
    priority: StudyPriority = StudyPriority.UNKNOWN


def matches(rule: ReadingRule, study: WaitingStudy) -> bool:
    """Return whether a rule sends a study away now."""
    return (
        (not rule.modalities or study.modality in rule.modalities)
        and (not rule.weekdays or study.at.isoweekday() in rule.weekdays)
        and _within(rule, study.at.hour)
        and study.waiting > rule.more_than
        and (not rule.priorities or study.priority in rule.priorities)
    )


def decide(rules: Sequence[ReadingRule], study: WaitingStudy) -> int | None:
    """Return the place, from 0, of the first rule that sends a study away; None where it stays."""
    return next((place for place, rule in enumerate(rules) if matches(rule, study)), None)


def checked_rules(site: str, rules: Sequence[ReadingRule]) -> tuple[ReadingRule, ...]:
    """Return the rules of a site as they can be set.

    ReportError `reading_rules_too_many`, `reading_site_own` where one sends its studies to itself.
    """
    if len(rules) > MOST_RULES:
        raise ReportError("reading_rules_too_many", most=MOST_RULES)
    if any(rule.reading_site == site for rule in rules):
        raise ReportError("reading_site_own", site=site)
    return tuple(rules)


def _within(rule: ReadingRule, hour: int) -> bool:
    if rule.from_hour < rule.to_hour:
        return rule.from_hour <= hour < rule.to_hour
    return hour >= rule.from_hour or hour < rule.to_hour
