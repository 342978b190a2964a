"""Whether the report's sizes, numbers, classes and changes are those that a question names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radraft.llm.asking.evidence import Match
from radraft.llm.asking.questions import Asked, Kind
from radraft.llm.asking.values import Polarity

LENGTH = re.compile(
    r"\d+(?:\.\d+)?\s*(?:mm|cm|毫米"
    r"|厘米)?\s*(?:[x×*]\s*\d+(?:\.\d+)?\s*(?:mm|cm)?\s*){0,2}(?:mm|cm|毫米"
    r"|厘米)|[一二三四五六七八九十]毫米"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten) millimet",
    re.IGNORECASE,
)
_ANY_NUMBER = re.compile(
    r"(?<![a-zA-Z/])\d+(?:\.\d+)?|[一二三四五六七八九十]度|[IVX]{1,4}级"
    r"|grade [IVX]+|三分之|\b(?:third|half|five|two|three|two thirds)\b"
)
_PERCENT = re.compile(r"%|百分之|percent")
_CHANGES = (
    (
        "smaller",
        re.compile(
            r"缩小|减小|好转|减少|减轻|较前吸收|吸收期|smaller|reduced|improv"
            r"|resolving|decreas|cleared in part|partly resolved|partly united",
            re.I,
        ),
    ),
    (
        "larger",
        re.compile(
            r"增大|增多|加重|增厚|进展|larger|grown|growing|increas|worse|progress"
            r"|slightly larger",
            re.I,
        ),
    ),
    (
        "resolved",
        re.compile(
            r"消失|完全吸收|已吸收|未再|居中|恢复|已愈合|骨性愈合"
            r"|吸收好转|切除|拔除|removed|resolved completely|has gone|has resolved"
            r"|no longer|healed|bony union|recovered|central",
            re.I,
        ),
    ),
    (
        "unchanged",
        re.compile(
            r"无(?:明显)?变化|同前|未见变化|如前|稳定|与前片一致|unchanged|as before"
            r"|without significant change|stable",
            re.I,
        ),
    ),
)
_NOT_YET = re.compile(r"未愈合|未连接|不连接|not united|not joined|non-union|still visible", re.I)


def changes(text: str) -> frozenset[str]:
    """Return the changes over time that a text states."""
    return frozenset(name for name, pattern in _CHANGES if pattern.search(text))


def _text(found: Sequence[Match]) -> str:
    return " ".join(f"{m.sentence.zh} {m.sentence.en}" for m in found)


def measured(asked: Asked, found: Sequence[Match]) -> bool:
    """Return whether sentences give a number of the kind that is asked for."""
    text = _text(found)
    if "percent" in asked.measures:
        return _PERCENT.search(text) is not None
    if asked.measures:
        return True
    if re.search(
        r"毫米|厘米|公分|\bmm\b|\bcm\b|多大|大小|\bsize\b|how (?:big|large|thick"
        r"|wide)|diameter|多[厚宽粗]",
        asked.text,
    ):
        return LENGTH.search(text) is not None
    if _HOW_MUCH.search(asked.text) and _AMOUNT.search(text):
        return True
    return _ANY_NUMBER.search(text) is not None


_HOW_MUCH = re.compile(r"多少|how much|多不多|量", re.I)
_AMOUNT = re.compile(
    r"少量|少许|大量|中量|微量|轻度|\b(?:small|little|large|moderate|slight|trace|mild)", re.I
)
_WORDED = re.compile(
    r"([一二三四五六七八九十])(?:毫米|度)|\b(one|two|three|four|five|six"
    r"|seven|eight|nine|ten) (?:mm|millimet|degree)",
    re.I,
)
_MM = re.compile(
    r"(\d+(?:\.\d+)?)(?:\s*(?:mm|cm)?\s*[x×*]\s*(\d+(?:\.\d+)?))?(?:\s*(?:mm"
    r"|cm)?\s*[x×*]\s*(\d+(?:\.\d+)?))?\s*(mm|cm|毫米|厘米|%|度|degrees|°)",
    re.I,
)
_COUNTED = re.compile(
    r"([一两二三四五六七八九])(?:枚|根|处|个|颗)|\b(one|two|three|four|five"
    r"|six) (?:\w+ ){0,2}(?:\w+s\b|drain|gallstone|of them)|\b(One|A"
    r"|single)\b",
    re.I,
)
_NUMERAL = {c: n for n, c in enumerate("零一二三四五六七八九")} | {
    "两": 2,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "a": 1,
    "single": 1,
}


def contradicted(asked: Asked, right: Sequence[Match]) -> bool:
    """Return whether the report's sizes, number or change are other than the question's."""
    present = [m for m in right if m.polarity is not Polarity.ABSENT]
    text = _EARLIER.sub(" ", _text(present))
    if _class_differs(asked.text, text):
        return True
    if asked.sizes:
        known = set()
        for *numbers, unit in _MM.findall(text):
            factor = 10 if unit.lower() in ("cm", "厘米") else 1
            known |= {round(float(n) * factor, 3) for n in numbers if n}
        known |= {float(_NUMERAL.get((zh or en).lower(), 10)) for zh, en in _WORDED.findall(text)}
        if known and not any(round(s, 3) in known for s in asked.sizes):
            return True
    if asked.count is not None and asked.kind is not Kind.SERIES:
        counts = {
            _NUMERAL[next(g for g in groups if g).lower()] for groups in _COUNTED.findall(text)
        }
        said = counts or {len([m for m in present if m.sentence.id.startswith("f")]) or 1}
        if asked.count not in said:
            return True
    if (
        asked.change
        and (asked.presumes or asked.kind is Kind.CHANGE)
        and not _NEUTRAL.search(asked.text)
    ):
        stated_changes = changes(text)
        if _NOT_YET.search(text) and asked.change == "resolved":
            return True
        if (
            asked.change in ("larger", "smaller")
            and stated_changes
            and asked.change not in stated_changes
        ):
            near = "resolved" in stated_changes and asked.change == "smaller"
            return not near
        if asked.change == "resolved" and stated_changes and "resolved" not in stated_changes:
            return True
    return False


_EARLIER = re.compile(r"前次[^，；。;]*|previously [^,;.]*(?:\.\d[^,;.]*)?|[（(][^）)]*[)）]", re.I)
_CLASSES = (
    re.compile(r"weber[ -]?([abc])\b", re.I),
    re.compile(r"(?:bi|ti|pi)-?rads\s*([0-6][abc]?)(?!\w)", re.I),
    re.compile(r"(?:kellgren[- ]lawrence|k-?l)\s*(\d)", re.I),
    re.compile(r"([IV]+)\s*级|grade ([IV]+)\b", re.I),
)


def _class_differs(question: str, text: str) -> bool:
    """Return whether a class that the question names is another in the report."""
    for pattern in _CLASSES:
        wanted = {str(one).lower() for one in pattern.findall(question)}
        stands = {str(one).lower() for one in pattern.findall(text)}
        if wanted and stands and not wanted & stands:
            return True
    return False


_NEUTRAL = re.compile(
    r"变化|变没变|变了?吗|了没|了吗|还是|or worse|up or down|vs\b|^(?:is|has"
    r"|have|did|was|are) (?!.*(?:,|right|yes|n't))",
    re.I,
)
