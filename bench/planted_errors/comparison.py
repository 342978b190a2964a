"""Comparisons without a prior, and dates that are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from radraft.bench.planted_errors.edits import exchanged, inserted
from radraft.bench.planted_errors.study import prior_of
from radraft.bench.planted_errors.values import Planted, Report, Words
from radraft.bench.planted_errors.words import COMPARES, FINDINGS


def comparison_no_prior(report: Report, words: Words, draw: Random) -> Planted | None:
    """Claim a comparison where there is no prior."""
    if report.study.prior or COMPARES[report.lang].search(report.text()):
        return None
    return inserted(report, FINDINGS, draw.choice(words["comparison"][report.lang]), draw)


def prior_date(report: Report, words: Words, draw: Random) -> Planted | None:
    """Name a prior's date that does not exist, is still to come, or is no prior's."""
    prior = report.study.prior or prior_of(report, words, draw)
    report = replace(report, study=replace(report.study, prior=prior))
    day = date.fromisoformat(prior.date)
    if day.day < 13:
        day = day.replace(day=day.day + 13)
        report = replace(
            report, study=replace(report.study, prior=replace(prior, date=day.isoformat()))
        )
    study_day = date.fromisoformat(report.study.study_date)
    if day >= study_day:
        return None
    variant = draw.choice(("no such day", "after the study", "no such prior"))
    wrong = {
        "no such day": draw.choice(
            ((day.year, 2, 30), (day.year, 4, 31), (day.year, 6, 31), (day.year, 11, 31))
        ),
        "after the study": as_parts(late_day(study_day + timedelta(days=draw.randint(20, 400)))),
        "no such prior": as_parts(late_day(day - timedelta(days=draw.randint(60, 400)))),
    }[variant]
    frame = draw.choice(words["comparison_dates"][report.lang])
    style = draw.randrange(4 if report.lang == "en" else 3)
    right, bad = (written_date(parts, report.lang, style) for parts in (as_parts(day), wrong))
    planted = exchanged(
        report, FINDINGS, frame.replace("{date}", right), frame.replace("{date}", bad), draw
    )
    return replace(planted, variant=variant)


def as_parts(day: date) -> tuple[int, int, int]:
    """Return year, month and day."""
    return day.year, day.month, day.day


def late_day(day: date) -> date:
    """Return a day after the twelfth of its month, which has one reading in every country."""
    return day if day.day > 12 else day.replace(day=day.day + 13)


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def written_date(parts: tuple[int, int, int], lang: str, style: int) -> str:
    """Write a date, which need not exist, in one of the usual ways."""
    year, month, day = parts
    if lang == "zh":
        return (
            f"{year}年{month}月{day}日",
            f"{year}-{month:02}-{day:02}",
            f"{year}.{month}.{day}",
        )[style]
    name = MONTHS[month - 1]
    return (
        f"{day} {name} {year}",
        f"{name} {day}, {year}",
        f"{year}-{month:02}-{day:02}",
        f"{month:02}/{day:02}/{year}",
    )[style]
