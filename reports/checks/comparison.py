"""Comparisons with earlier examinations: that there is one, and that it is the one named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.checks.pointing import issue_about, issue_at, texts_of
from radraft.reports.checks.values import Issue, ReadReport, Severity
from radraft.reports.findings.extract import claims_prior
from radraft.reports.values import Lang, Origin

_KEPT = 8192
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june",
            "jul july", "aug august", "sep sept september", "oct october", "nov november",
            "dec december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = re.compile(
    r"(?P<y1>(?:19|20)\d\d)(?: ?年 ?|[-./])(?P<m1>\d{1,2})(?: ?月 ?|[-./])(?P<d1>\d{1,2})(?:日|"
    r"号)?(?!\d)|"
    r"(?<![\d./-])(?P<a>\d{1,2})[-./](?P<b>\d{1,2})[-./](?P<y2>(?:19|20)\d\d)(?!\d)|"
    rf"(?<!\d)(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?[ -](?:of )?(?P<m3>{_MONTH})\.?,?[ -](?P<y3>(?:19|"
    rf"20)\d\d)\b|"
    rf"\b(?P<m4>{_MONTH})\.? (?P<d4>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y4>(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_BIRTH = re.compile(r"\bborn\b|\bbirth\b|\bdob\b|出生|生日", re.IGNORECASE)


class PriorNotGiven:
    """A drafted sentence that compares with an earlier examination, of a model that was shown none.
    A person may compare."""

    code = "prior_not_given"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        if read.prior_given:
            return
        for sentence in read.sentences:
            if sentence.sentence.origin is Origin.MODEL and any(
                claims_prior(text, lang) for lang, text in sentence.texts()
            ):
                yield issue_at(self, sentence)


class ComparisonWithoutPrior:
    """A comparison in the report of a patient of whom no earlier examination is known."""

    code = "comparison_no_prior"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence that compares; nothing where nobody looked for priors."""
        if read.study.priors != ():
            return
        for sentence, lang, text in texts_of(read):
            if span := _comparing(text, lang):
                yield issue_about(self, sentence, lang, span)


class PriorDate:
    """The date of an earlier examination that is no day, is not earlier, or is none's."""

    code = "prior_date"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence with such a date. One that no known prior has is a hint: it may have
        been elsewhere."""
        known = {prior.study_date for prior in read.study.priors or ()}
        today = read.study.study_date
        for sentence, lang, text in texts_of(read):
            for span, days in dates(text):
                issue = issue_about(self, sentence, lang, span)
                if not days or (today and all(day > today for day in days)):
                    yield issue
                elif known and None not in known and not {*known, today} & {*days}:
                    yield replace(issue, severity=Severity.HINT)


@lru_cache(maxsize=_KEPT)
def dates(text: str) -> tuple[tuple[tuple[int, int], tuple[date, ...]], ...]:
    """Return where `text` writes whole dates, and the days that each may mean: two where day and
    month could be exchanged, none where there is no such day. Dates of birth are left out."""
    if _BIRTH.search(text):
        return ()
    found = []
    for match in _DATE.finditer(text):
        parts = match.groupdict()
        if parts["y2"]:
            year, first, second = int(parts["y2"]), int(parts["a"]), int(parts["b"])
            orders = {(first, second), (second, first)}
        else:
            key = next(key for key in "134" if parts[f"y{key}"])
            month = parts[f"m{key}"]
            number = int(month) if month.isdigit() else _MONTHS[month.lower()]
            year, orders = int(parts[f"y{key}"]), {(number, int(parts[f"d{key}"]))}
        days = (_day(year, month, day) for month, day in orders)
        found.append((match.span(), tuple(sorted({day for day in days if day is not None}))))
    return tuple(found)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


class _Words(Strict):
    en: str
    zh: str


class _Comparisons(Strict):
    compared: _Words
    not_compared: _Words


@cache
def _words(lang: Lang) -> tuple[re.Pattern[str], re.Pattern[str]]:
    path = files("radraft.reports.checks").joinpath("comparisons.yaml")
    words = _Comparisons.from_yaml(path.read_text(encoding="utf-8"))
    patterns = (
        (words.compared.en, words.not_compared.en)
        if lang == "en"
        else (words.compared.zh, words.not_compared.zh)
    )
    # A pattern goes on over lines: a blank behind a bar is the line's end.
    compared, not_compared = (
        re.compile(re.sub(r"\|\s+", "|", pattern.strip()), re.IGNORECASE) for pattern in patterns
    )
    return compared, not_compared


@lru_cache(maxsize=_KEPT)
def _comparing(text: str, lang: Lang) -> tuple[int, int] | None:
    compared, not_compared = _words(lang)
    found = compared.search(text)
    if found is None:
        return None
    return None if not_compared.search(text) else found.span()
