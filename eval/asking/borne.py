"""Whether what an answer says in its own words is borne by what it cites."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from radraft.eval.asking.sources import known_dates, people
from radraft.eval.asking.stated import (
    StatedDate,
    StatedNumber,
    changes,
    dates,
    levels,
    normal,
    numbers,
    sides,
    times,
    without_dates,
)
from radraft.eval.asking.values import AskedReport
from radraft.reports.findings.extract import extract


def unborne(own: str, grounds: Sequence[str], reports: Sequence[AskedReport]) -> list[str]:
    """Return what `own` names and neither `grounds` (texts) nor the dates and people of `reports`
    bear: findings, sides, numbers, dates, times, changes, names of staff.

    A made-up name of a person that stands in none of the reports is not noticed.
    """
    ground = " \n ".join(grounds)
    left = codes([own]) - codes(grounds)
    left |= sides(own) - sides(ground)
    left |= _changes_left(own, ground)
    left |= {f"{number.value:g}" for number in _numbers_left(own, ground)}
    left |= levels(own) - levels(ground)
    left |= _dates_left(own, ground, reports)
    signers = {name for report in reports[:1] for name in _signers(report)}
    named = {name for report in reports for name in people(report)}
    left |= {name for name in named - signers if name in own and name not in normal(ground)}
    return sorted(left)


def codes(texts: Iterable[str]) -> set[str]:
    """The findings that texts name, whatever they say of them, read in both languages."""
    found = set()
    for text in texts:
        for lang in ("zh", "en"):
            found |= {mention.code for mention in extract(text, "zh" if lang == "zh" else "en")}
    return found


def _changes_left(own: str, ground: str) -> set[str]:
    same = [{"larger", "worse"}, {"smaller", "better"}]
    borne = changes(ground)
    for pair in same:
        if borne & pair:
            borne |= pair
    return changes(own) - borne


def _numbers_left(own: str, ground: str) -> list[StatedNumber]:
    borne = numbers(ground)
    plain = {number.value for number in borne}
    lengths = [number.millimetres for number in borne if number.millimetres is not None]

    def is_borne(number: StatedNumber) -> bool:
        length = number.millimetres
        if length is not None and any(abs(length - known) < 1e-6 for known in lengths):
            return True
        return number.value in plain and (
            length is None or all(known.unit != ("mm" if number.unit == "cm" else "cm")
                                  for known in borne if known.value == number.value)
        )  # fmt: skip

    return [number for number in numbers(without_dates(own)) if not is_borne(number)]


def _dates_left(own: str, ground: str, reports: Sequence[AskedReport]) -> set[str]:
    borne_dates, borne_times = dates(ground), times(ground)
    for report in reports:
        days, clock = known_dates(report)
        borne_dates, borne_times = borne_dates + days, borne_times | clock
    left = {str(date) for date in dates(own) if not any(_within(date, b) for b in borne_dates)}
    return left | (times(own) - borne_times)


def _within(date: StatedDate, borne: StatedDate) -> bool:
    return (
        date.month == borne.month
        and (date.year is None or borne.year is None or date.year == borne.year)
        and (date.day is None or date.day == borne.day)
    )


def _signers(report: AskedReport) -> set[str]:
    given = [*report.author.given, *(report.reviewer.given if report.reviewer else ())]
    return {normal(name) for name in given}
