"""Findings that the impression leaves out, and an impression that the findings do not bear."""

from __future__ import annotations

import re
from collections.abc import Iterator

from radraft.reports.checks.pointing import issue_at
from radraft.reports.checks.stated import (
    OLD,
    SMALL,
    Stated,
    levels_meet,
    one_finding,
    related,
    relations,
    sides_may_meet,
    sides_of,
    stated,
)
from radraft.reports.checks.values import Issue, ReadReport, Severity
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Kind, lineage, vocabulary
from radraft.reports.values import LANGS, Lang, Section

_ABOVE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:as|see|detailed|described|noted|discussed) (?:above|findings|below)\b|"
        r"\babove findings\b|\bfindings above\b|\bsee (?:body|report|text)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("如上|同上|见所见|见上|请见|上述"),
}
_HISTORY: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:known|history|status post|s/p|prior|previous\w*|please note|risk|may not|cannot|"
        r"limited|negative|screening|exclude|rule out)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("病史|术后|已知|既往|以前|先前|排除|除外|待排|筛查"),
}


_ANY_SIZE = frozenset({"pneumothorax", "pleural_effusion", "shoulder_dislocation"})
"""What an impression names however small."""


class LeftOutOfImpression:
    """An important finding that the impression does not mention in any way."""

    code = "impression_omits"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence of the findings with one, in reports that have an impression."""
        for lang in LANGS:
            if not _concludes(read, lang):
                continue
            concluded = tuple(stated(read, lang, Section.IMPRESSION))
            told: set[str] = set()
            for finding in stated(read, lang, Section.FINDINGS):
                if (
                    finding.read.sentence.id not in told
                    and _is_important(finding)
                    and not any(_named(finding, one) for one in concluded)
                ):
                    told.add(finding.read.sentence.id)
                    yield _issue(self, finding)


class WithoutFinding:
    """An impression that states a finding of which the findings say nothing."""

    code = "impression_extra"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence, in reports that have findings."""
        for lang in LANGS:
            described = [s for s in read.by_section[Section.FINDINGS] if s.sentence.text(lang)]
            if not described:
                continue
            found = [o for o in stated(read, lang, Section.FINDINGS) if not o.absent]
            told: set[str] = set()
            for one in stated(read, lang, Section.IMPRESSION):
                if (
                    one.read.sentence.id not in told
                    and one.present
                    and one.code not in relations().interpreted
                    and not _HISTORY[lang].search(one.text)
                    and vocabulary()[one.code].kind is Kind.FINDING
                    and not any(_described(one, other) for other in found)
                ):
                    told.add(one.read.sentence.id)
                    yield _issue(self, one)


def _described(concluded: Stated, found: Stated) -> bool:
    """Return whether what the findings say may be what the impression concludes."""
    if "fracture" in lineage(concluded.code) and not levels_meet(concluded.mention, found.mention):
        return False
    return related(concluded.code, found.code)


def _named(finding: Stated, concluded: Stated) -> bool:
    """Return whether the impression may mean this finding: one name, or related at one place."""
    if one_finding(finding, concluded):
        return True
    meet = sides_may_meet(sides_of(finding.mention), sides_of(concluded.mention))
    return meet and related(finding.code, concluded.code)


def _concludes(read: ReadReport, lang: Lang) -> bool:
    """Return whether the report has an impression that stands by itself."""
    texts = [s.sentence.text(lang) for s in read.by_section[Section.IMPRESSION]]
    return any(text.strip() for text in texts) and not any(
        _ABOVE[lang].search(text) for text in texts
    )


def _is_important(finding: Stated) -> bool:
    """Return whether an impression ought to name it: important, certain, new and not small."""
    codes = set(lineage(finding.code))
    known = vocabulary()[finding.mention.code]
    return (
        finding.present
        and finding.mention.change not in (Change.STABLE, Change.RESOLVED, Change.DECREASED)
        and (known.critical or bool(codes & relations().important))
        and finding.code != "old_rib_fracture"
        and not OLD[finding.lang].search(finding.text)
        and (finding.code in _ANY_SIZE or not SMALL[finding.lang].search(finding.text))
    )


def _issue(check: LeftOutOfImpression | WithoutFinding, one: Stated) -> Issue:
    details = {"finding_zh": one.name("zh"), "finding_en": one.name("en")}
    return issue_at(check, one.read, one.lang, one.pointer, details=details)
