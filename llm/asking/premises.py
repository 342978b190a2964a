"""Whether the report states what a question takes for true: sizes, numbers, classes, changes.

Sides, levels and places are held against each other where sentences are matched (`evidence`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from radraft.llm.asking.evidence import Match
from radraft.llm.asking.questions import Asked
from radraft.llm.asking.values import Kind, Polarity

LENGTH = re.compile(
    r"\d+(?:\.\d+)?\s*(?:mm|cm|毫米|厘米)?\s*(?:[x×*]\s*\d+(?:\.\d+)?\s*(?:mm|cm)?\s*){0,2}(?:mm|cm"
    r"|毫米|厘米)"
    r"|[一二三四五六七八九十](?:点[一二三四五六七八九])?(?:毫米|厘米)"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten) (?:millimet|centimet|mm|cm)",
    re.IGNORECASE,
)
_ANY_NUMBER = re.compile(
    r"(?<![a-zA-Z/\d])\d+(?:\.\d+)?|[一二三四五六七八九十]度|[IVX]{1,4}\s*[级型度期]"
    r"|[级型度期]\s*[IVX]{1,4}"
    r"|(?:grade|type|class|stage|garden|schatzker|weber|keros|modic)(?: type)? [IVXA-C]+|三分之"
    r"|二分之|半"
    r"|\b(?:third|half|five|two|three|four|six|seven|eight|nine|ten|two thirds)\b"
)
_PERCENT = re.compile(r"%|百分之|percent|三分之|half|third")
_CHANGES = (
    (
        "smaller",
        re.compile(
            r"缩小|减小|好转|减少|减轻|较前(?:部分)?吸收|吸收期|吸收好转|smaller|reduced|improv"
            r"|shrunk|cleared in part"
            r"|resolving|decreas|partly (?:resolved|united|cleared)|部分缓解|partial response"
            r"|less (?:fluid|than)|变小",
            re.I,
        ),
    ),
    (
        "larger",
        re.compile(
            r"增大|增多|加重|(?:较前|血栓)增厚|进展(?!期)|增宽至|较前增宽|\blarger\b|\bgrown\b"
            r"|\bgrowing|increas|worse"
            r"|progress|has widened|thicker",
            re.I,
        ),
    ),
    (
        "resolved",
        re.compile(
            r"消失|消退|完全吸收|已吸收|(?<![前分])吸收(?=[。，,；]|$)|未再|居中|恢复|已愈合"
            r"|骨性愈合|闭合|复张"
            r"|切除|拔除|取出|removed|resolved completely|has (?:gone|resolved|closed)|(?:have"
            r"|has) been absorbed|no longer|healed|bony union|recovered|\bcentral\b|re-?expanded"
            r"|reduced, no",
            re.I,
        ),
    ),
    (
        "unchanged",
        re.compile(
            r"无(?:明显)?变化|同前|未见变化|如前|稳定|相仿|与前片一致|unchanged|as before"
            r"|without (?:significant )?change|no significant change|stable|similar to",
            re.I,
        ),
    ),
    ("new", re.compile(r"新发|新见|新出现|\bnew\b", re.I)),
)
_NOT_YET = re.compile(
    r"未愈合|未连接|不连接|not united|not joined|non-union|still visible|未吸收", re.I
)
_EARLIER = re.compile(
    r"(?:前次|原写)[^，；。;]*|\btext: [^)]*|previously [^,;.]*(?:\.\d[^,;.]*)?|[（(][^）)]*[)）]",
    re.I,
)


def changes(text: str) -> frozenset[str]:
    """Return the changes over time that a text states."""
    return frozenset(name for name, pattern in _CHANGES if pattern.search(text))


def text_of(found: Sequence[Match]) -> str:
    """Return the words of sentences in both languages."""
    return " ".join(f"{m.sentence.zh} {m.sentence.en}" for m in found)


_AS_LENGTH = re.compile(
    r"毫米|厘米|公分|\bmm\b|\bcm\b|多大|大小|\bsize\b|how (?:big|large|thick|wide|long|deep)"
    r"|diameter"
    r"|多[厚宽粗长深]|径|dimension|thickness|厚度|宽度|长度|深度",
    re.I,
)
_HOW_MUCH = re.compile(
    r"多少|how much|多不多|量|多大|how (?:big|large|severe|bad)|大小|size|程度|extent|多深", re.I
)
_AMOUNT = re.compile(
    r"少量|少许|大量|中量|中等量|微量|轻度|中度|重度|正常范围|大小正常|\b(?:small|little|large"
    r"|moderate|slight|trace|mild"
    r"|severe|normal)",
    re.I,
)


def measured(asked: Asked, found: Sequence[Match]) -> bool:
    """Return whether sentences give a number, or an amount, of the kind that is asked for."""
    text = text_of(found)
    if "percent" in asked.measures:
        return _PERCENT.search(text) is not None
    if asked.measures:
        return True
    if _HOW_MUCH.search(asked.text) and _AMOUNT.search(text) and not _UNIT_ASKED.search(asked.text):
        return True
    if _AS_LENGTH.search(asked.text):
        return LENGTH.search(text) is not None
    return _ANY_NUMBER.search(text) is not None


_UNIT_ASKED = re.compile(r"毫米|厘米|公分|\bmm\b|\bcm\b|毫升|\bml\b", re.I)


def contradicted(asked: Asked, right: Sequence[Match]) -> bool:
    """Return whether the report's sizes, number, class or change are other than the question's."""
    present = [m for m in right if m.polarity is not Polarity.ABSENT]
    text = _EARLIER.sub(" ", text_of(present))
    return (
        _class_differs(asked.text, text)
        or _size_differs(asked, text)
        or _number_differs(asked, present, text)
        or _change_differs(asked, text)
    )


_WORDED = re.compile(
    r"([一二三四五六七八九十])(?:毫米|度)|\b(one|two|three|four|five|six"
    r"|seven|eight|nine|ten) (?:mm|millimet|degree)",
    re.I,
)
_MM = re.compile(
    r"(\d+(?:\.\d+)?)\s*(mm|cm)?(?:\s*[x×*]\s*(\d+(?:\.\d+)?)\s*(?:mm"
    r"|cm)?)?(?:\s*[x×*]\s*(\d+(?:\.\d+)?)\s*(?:mm|cm)?)?\s*(mm|cm|毫米|厘米|%|度|degrees|°|ml|hu)",
    re.I,
)
_ONE = re.compile(r"(\d+(?:\.\d+)?)\s*(mm|cm|毫米|厘米|%|度|degrees|°|ml|hu)", re.I)
_NUMERAL = {c: n for n, c in enumerate("零一二三四五六七八九十")} | {
    "两": 2, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "a": 1, "single": 1, "单": 1,
}  # fmt: skip


def numbers(text: str) -> set[float]:
    """Return the sizes and grades that a text states; lengths in millimetres."""
    found: set[float] = set()
    for first, _, second, third, unit in _MM.findall(text):
        factor = 10 if unit.lower() in ("cm", "厘米") else 1
        found |= {round(float(n) * factor, 3) for n in (first, second, third) if n}
    for number, unit in _ONE.findall(text):
        found.add(round(float(number) * (10 if unit.lower() in ("cm", "厘米") else 1), 3))
    found |= {float(_NUMERAL.get((zh or en).lower(), 10)) for zh, en in _WORDED.findall(text)}
    return found


def _size_differs(asked: Asked, text: str) -> bool:
    known = numbers(text)
    return bool(asked.sizes and known) and not any(round(s, 3) in known for s in asked.sizes)


_COUNTED = re.compile(
    r"(\d{1,2}|[一两二三四五六七八九十单])(?:枚|根|处|个|颗|条|支|发)|\b(one|two|three|four|five"
    r"|six|seven|eight"
    r"|single) "
    r"(?:\w+ ){0,2}(?:\w+s\b|drain|stone|screw|lead|lesion|nodule|stent|of them)|\b(One|A"
    r"|single)\b",
    re.I,
)
_BOTH = re.compile(r"双侧|两侧|bilateral|both", re.I)


def _number_differs(asked: Asked, present: Sequence[Match], text: str) -> bool:
    if asked.count is None or asked.kind is Kind.SERIES:
        return False
    said: set[int] = set()
    for groups in _COUNTED.findall(text):
        word = next(g for g in groups if g).lower()
        said.add(int(word) if word.isdigit() else _NUMERAL[word])
    if _BOTH.search(text):
        said.add(2)
    said = said or {len([m for m in present if m.sentence.id.startswith("f")]) or 1}
    return asked.count not in said


_NEUTRAL = re.compile(
    r"变化|变没变|变了?吗|了没|了吗|还是|or worse|or better|up or down|vs\b|好点没|^(?:is|has"
    r"|have|did|was|are) (?!.*(?:,|right|yes|n't))",
    re.I,
)


def _change_differs(asked: Asked, text: str) -> bool:
    if not asked.change or not (asked.presumes or asked.kind is Kind.CHANGE):
        return False
    if _NEUTRAL.search(asked.text):
        return False
    said = changes(text)
    if asked.negated:
        return asked.change in said
    if _NOT_YET.search(text) and asked.change == "resolved":
        return True
    if asked.change in ("larger", "smaller") and said - {"new"} and asked.change not in said:
        return not (asked.change == "smaller" and "resolved" in said)
    if asked.change == "resolved" and said - {"new"} and "resolved" not in said:
        return True
    if asked.change == "new" and "new" not in said and bool(said | _old_of(text)):
        return True
    return asked.change == "unchanged" and bool(said & {"resolved"}) and not said & {"unchanged"}


_OLD = re.compile(r"陈旧|\bold\b|旧", re.I)


def _old_of(text: str) -> frozenset[str]:
    return frozenset({"old"}) if _OLD.search(text) else frozenset()


_CLASSES = (
    re.compile(r"weber[ -]?([abc])\b", re.I),
    re.compile(
        r"(?<![a-z])([abc])\s*型(?!性)|(?:stanford|tile|type)\s*(?:type\s*)?([abc])\b", re.I
    ),
    re.compile(
        r"(?:(?:bi|ti|pi|li|lung)-?rads)\s*(?:category|class)?\s*([0-6][abc]?)(?!\w)"
        r"|(?<![\d.])([0-6][abc]?)\s*类",
        re.I,
    ),
    re.compile(r"(?:kellgren[- ]lawrence|k-?l)\s*(\d)", re.I),
    re.compile(r"\bgarden\s*(?:type)?\s*([IV]+|\d)", re.I),
    re.compile(r"\bschatzker\s*(?:type)?\s*([IV]+|\d)", re.I),
    re.compile(r"([IV]+)\s*[级度]|grade\s*([IV]+|\d)\b", re.I),
)
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}


_EITHER = re.compile(r"还是|\bor\b", re.I)


def _class_differs(question: str, text: str) -> bool:
    """Return whether a class that the question names is another in the report."""
    if _EITHER.search(question):
        return False
    for pattern in _CLASSES:
        wanted, stands = _classes(pattern, question), _classes(pattern, text)
        if wanted and stands and not wanted & stands:
            return True
    return False


def _classes(pattern: re.Pattern[str], text: str) -> set[str]:
    found = set()
    for groups in pattern.findall(text):
        word = (groups if isinstance(groups, str) else next(g for g in groups if g)).lower()
        found.add(_ROMAN.get(word, word))
    return found


_PLAIN_NUMBER = re.compile(
    r"(?<![a-z\d.])(\d+(?:\.\d+)?[a-c]?|(?:iv|i{1,3}|vi?)[abc]?(?![a-z]))(?![a-z]*\d)", re.I
)
_OTHER_NUMBERS = re.compile(
    r"20\d\d(?:[-/年]\d{1,2}(?:[-/月]\d{1,2})?)?|\d{1,2}月(?:\d{1,2}[日号])?|\d{1,2}:\d\d"
    r"|[ctls]\d{1,2}(?:[/-][ctls]?\d{1,2})?|day \d+|\d{1,2}(?:st|nd|rd|th)"
    r"|\d+\s*(?:岁|天|周|个月|yo\b|y\b|h\b|hours|days|weeks|months|M\b|F\b)",
    re.I,
)
"""Dates, times, levels and ages: not what is measured."""


def same_numbers(question: str, sentence: str) -> float:
    """Return whether a sentence has one of the numbers, grades and classes that a question names: 1
    or 0; 0.5 where the sentence has none; -1 where the question has none."""
    asked = _plain_numbers(question)
    if not asked:
        return -1.0
    stands = _plain_numbers(sentence)
    return float(bool(asked & stands)) if stands else 0.5


def _plain_numbers(text: str) -> set[str]:
    found = set()
    for word in _PLAIN_NUMBER.findall(_OTHER_NUMBERS.sub(" ", text)):
        roman, letter = re.fullmatch(r"([ivx]*|[\d.]+)([abc]?)", word.lower()).groups()  # type: ignore[union-attr]
        found.add(_ROMAN.get(roman, roman) + letter)
    return found
