"""Sizes, percentages and volumes of a sentence, and the findings they are of."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from radraft.reports.findings._measures import measured_codes
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import Certainty

# Signs that are no words, so that a sentence may seem to end before them.
_UNIT_SIGNS = " %㎝㎜³"
_DIGIT = re.compile(r"\d")
_NUMBER = r"(\d+(?:[.,]\d+)?|\.\d+)"
_BY = r"\s*(?:mm|cm|㎜|㎝)?\s*(?:x|by|\*)\s*"
_UNIT = r"[\s-]*(mm|cm|㎜|㎝|millimet(?:er|re)s?|centimet(?:er|re)s?)(?![a-z0-9])"
_RANGE = r"(?:\s*(?:-|to\b|and\b)\s*)"
_SIZE = re.compile(rf"(?<![a-z\d.,]){_NUMBER}(?:(?:{_BY}){_NUMBER})?(?:(?:{_BY}){_NUMBER})?{_UNIT}")
_SPAN = re.compile(
    rf"(?<![\w.,])(?:{_NUMBER},\s+)?{_NUMBER}\s*(?:mm|cm|㎜|㎝)?{_RANGE}{_NUMBER}{_UNIT}"
)
_PERCENT = re.compile(
    rf"(?<![\d.,])(?:{_NUMBER}\s*%?{_RANGE})?{_NUMBER}\s*-?(?:%|percent\b|per cent\b)"
)
_VOLUME = re.compile(
    rf"(?<![\d.,])(?:(\d+(?:[.,]\d+)*)\s*(?:ml|cc)?{_RANGE})?(\d+(?:[.,]\d+)*)[\s-]*"
    r"(ml|cc|cm3|cm³|cubic centimet(?:er|re)s?|millilit(?:er|re)s?|l|lit(?:er|re)s?)(?![a-z0-9])"
)
# A length before one of these is a distance between two things.
_DISTANCE = re.compile(
    r"[\s,]*(?:above|below|from|proximal|distal|beyond|superior|inferior|past|cranial|caudal|"
    r"deep (?:to|from)|away|short|into|cephalad|of the carina|lateral to|medial to|slices?|"
    r"sections?|cuts?|collimation|thick slices|apart|margin|slice)\b"
)
# A length before one of these is by how much something differs or has changed, or a limit.
_DIFFERENCE = re.compile(
    r"\s+(?:(?:thin|thick|bigg|larg|small|wid|narrow|long|short|deep|great)er"
    r"(?! (?:axis|diameter|dimension))|more|less|growth|increase|decrease|increment|reduction|"
    r"enlargement|shrinkage|or (?:more|less|greater|larger|above))\b"
)
# A measure after one of these is that of an earlier examination, or a limit and none.
_EARLIER = re.compile(
    r"(?<![a-z])(?:was|were|previously|prior|formerly|before|earlier|had been|"
    r"compared (?:to|with)|(?<!apart )(?<!aside )from|versus|vs\.?|initially|originally|"
    r"last|(?<!other )(?<!rather )than|<|>|≤|≥|less than|under|over|below|above|"
    r"at least|sub|(?:grown|(?:in|de)creased|shrunk|enlarged|expanded|reduced|thickened|widened|"
    r"progressed|regressed|diminished|up|down) (?:in \w+ )?by|"
    r"(?:slice thickness|collimation|reconstructions?|sections?)(?: of)?|"
    r"(?:19|20)\d\d ?:|last (?:year|month|week|time|visit|scan|night)|yesterday|walls?|"
    r"greater than|more than|larger than|smaller than|measured)"
    r"(?: (?:measur(?:ed|ing)|at|about|approximately|of|only|approx\.?|~|the|a|an))*[\s:(~-]*$"
)
_MONTH = r"(?:jan|feb|mar(?=ch|\b)|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_EARLIER_AFTER = re.compile(
    r"\s*\((?:in )?(?:19|20)\d\d\)|"
    r"[\s)]*(?:previously|prior|before\b|on (?:the )?(?:prior|previous|earlier|last|\d)|earlier|"
    rf"(?:in|on|dated|back in) (?:(?:early|late|\d{{1,2}}|{_MONTH}[a-z]*\.?|of|,) ?)*"
    rf"(?:(?:19|20)\d\d|{_MONTH}[a-z]*)\b|"
    r"(?:an? |\d+ |two |three |six |few )?(?:days?|weeks?|months?|years?) "
    r"(?:ago|earlier|before)|at baseline|last (?:time|year|month|week)|yesterday)"
)
# What leads from a finding to its measure, and what parts a measure from the next finding.
_MEASURED = re.compile(
    r"[\s(:=-]*(?:of|is|are|measur(?:es|ed|ing)|up to|about|approx(?:imately|\.)?|now|~|"
    r"max(?:imum|imal|\.)?)?"
    r"(?: (?:up to|about|approximately|about|of))?[\s~(]*"
)
# At the head of a sentence: "At 11 mm, the left subdural haematoma is ...".
_LED = re.compile(
    r"(?:^|[.;]\s+)(?:at|with|measuring|now)(?: an?| the)?"
    r"(?: (?:maximum|maximal|approximate))?(?: (?:depth|size|thickness|diameter|width|length)"
    r"(?: of)?)?(?: (?:about|approximately|up to|now))?\s*$"
)
_PARTED = re.compile(r"[,;(]|\b(?:and|with|without|due|secondary|causing|from|by|w|plus|but)\b")
# "... now 8 mm": today's in spite of a word of the past just before it.
_TODAY = re.compile(r"(?:now|currently|today)[\s:]*(?:measur(?:es|ing) |is |about )*$")


@dataclass(frozen=True, slots=True)
class _Measure:
    start: int
    end: int
    values: tuple[float, ...]


def with_measures(lowered: str, start: int, end: int, mentions: list[Mention]) -> list[Mention]:
    """Return the mentions of the sentence `lowered[start:end]` with what it measures of them."""
    while end < len(lowered) and lowered[end] in _UNIT_SIGNS:
        end += 1
    text = lowered[start:end]
    if not mentions or _DIGIT.search(text) is None:
        return mentions
    found = list(mentions)
    lengths = [i for i, mention in enumerate(found) if mention.code not in _unmeasured()]
    for measure in _sizes(lowered, start, end):
        chosen = _chosen(lowered, measure, found, lengths)
        if chosen is not None:
            found[chosen] = replace(found[chosen], size_mm=found[chosen].size_mm + measure.values)
    if "%" in text or "percent" in text or "per cent" in text:
        _single(lowered, _percents(lowered, start, end), found, "percent")
    _single(lowered, _volumes(lowered, start, end), found, "volume_ml")
    return found


def _chosen(
    lowered: str, measure: _Measure, mentions: list[Mention], candidates: list[int]
) -> int | None:
    """Return the index of the finding measured: the one right after, or else the last before."""
    after = [i for i in candidates if 0 <= mentions[i].start - measure.end <= 40]
    if after and _LED.search(lowered, max(0, measure.start - 40), measure.start):
        return after[0]
    before = [i for i in candidates if mentions[i].start < measure.start]
    if before and _MEASURED.fullmatch(lowered, mentions[before[-1]].end, measure.start):
        # "A shift of 7 mm due to a haematoma": said of the finding it stands right behind.
        return before[-1]
    following = [m for m in mentions if 0 <= m.start - measure.end <= 12]
    if following and vocabulary()[following[0].code].kind is Kind.DEVICE:
        return None
    between = lowered[measure.end : mentions[after[0]].start] if after else ""
    if after and not _PARTED.search(between):
        return after[0]
    if not before or ";" in lowered[mentions[before[-1]].end : measure.start]:
        return None
    return before[-1]


def _single(lowered: str, measures: list[_Measure], mentions: list[Mention], field: str) -> None:
    """Give each finding that is measured so the largest value said of it."""
    codes = measured_codes(field)
    candidates = [
        index
        for index, mention in enumerate(mentions)
        if mention.code in codes and mention.polarity is not Certainty.ABSENT
    ]
    for measure in measures:
        chosen = _chosen(lowered, measure, mentions, candidates)
        if chosen is not None and getattr(mentions[chosen], field) is None:
            value = max(measure.values)
            mentions[chosen] = (
                replace(mentions[chosen], percent=value)
                if field == "percent"
                else replace(mentions[chosen], volume_ml=value)
            )


def _sizes(lowered: str, start: int, end: int) -> list[_Measure]:
    """Sizes in `lowered[start:end]` in millimetres: no distances, limits or earlier sizes."""
    matches = {match.start(): match for match in _SIZE.finditer(lowered, start, end)}
    taken = 0
    found: list[_Measure] = []
    spans = {match.start(): match for match in _SPAN.finditer(lowered, start, end)}
    for match in sorted(
        [*(m for at, m in matches.items() if at not in spans), *spans.values()],
        key=lambda match: match.start(),
    ):
        if match.start() < taken:
            continue
        unit = match[match.lastindex or 1]
        numbers = [n for n in match.groups()[:-1] if n is not None]
        grown = match.start() in spans and "to" in match.group() and _grown(lowered, start, match)
        if grown:
            numbers = numbers[-1:]
        taken = match.end()
        if _DISTANCE.match(lowered, match.end()) or _DIFFERENCE.match(lowered, match.end()):
            continue
        if not grown and _past(lowered, start, match):
            continue
        scale = 10.0 if unit[0] in "c㎝" else 1.0
        values = tuple(round(_value(number) * scale, 3) for number in numbers)
        found.append(_Measure(match.start(), match.end(), values))
    return found


def _grown(lowered: str, start: int, match: re.Match[str]) -> bool:
    """Whether "from 5 to 8 mm" is a change over time, whose second size is today's.

    So is that of "by 4 mm to 58 mm".
    """
    return lowered[max(start, match.start() - 6) : match.start()].rstrip().endswith(("from", " by"))


def _past(lowered: str, start: int, match: re.Match[str]) -> bool:
    if _EARLIER_AFTER.match(lowered, match.end()):
        return True
    before = lowered[max(start, match.start() - 40) : match.start()]
    if _TODAY.search(before):
        return False
    found = _EARLIER.search(before)
    # "from 5 to 8 mm" is read whole, and its second size is today's.
    return found is not None and not (found.group().startswith("from") and " to " in match.group())


def _percents(lowered: str, start: int, end: int) -> list[_Measure]:
    return [
        _Measure(m.start(), m.end(), tuple(_value(n) for n in m.groups() if n is not None))
        for m in _PERCENT.finditer(lowered, start, end)
        if not _past(lowered, start, m) and _value(m[2]) <= 100
    ]


def _volumes(lowered: str, start: int, end: int) -> list[_Measure]:
    found: list[_Measure] = []
    for match in _VOLUME.finditer(lowered, start, end):
        if _past(lowered, start, match):
            continue
        scale = 1000.0 if match[3].startswith("l") else 1.0
        values = tuple(
            round(_amount(number) * scale, 3) for number in match.group(1, 2) if number is not None
        )
        found.append(_Measure(match.start(), match.end(), values))
    return found


def _value(number: str) -> float:
    return float(number.replace(",", "."))


def _amount(number: str) -> float:
    """Return a number in which a comma before three digits parts thousands: "1,200 ml"."""
    return _value(re.sub(r",(?=\d{3}(?!\d))", "", number))


@cache
def _unmeasured() -> frozenset[str]:
    """Codes that a length in the sentence is not the size of."""
    others = [code for code, finding in vocabulary().items() if finding.kind is not Kind.FINDING]
    # By how far a tube is to be moved is no size.
    return frozenset([*others, "malpositioned_device"])
