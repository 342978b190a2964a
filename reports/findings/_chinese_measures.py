"""Sizes, percentages and volumes of the findings of a Chinese sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass

from radraft.reports.findings._chinese_clauses import Clause, Found
from radraft.reports.findings._chinese_rules import words
from radraft.reports.findings.vocabulary import Kind, vocabulary

_NUMBER = r"\d{1,4}(?:\.\d+)?"
_UNIT = r"(?:mm|cm|毫米|厘米|公分)"
_SIZE = re.compile(
    rf"({_NUMBER})({_UNIT})?((?:[×x*\-~至到]{_NUMBER}{_UNIT}?)*)(?<!\d)({_UNIT})?(?![a-z0-9²³/])"
)
_PART = re.compile(rf"({_NUMBER})({_UNIT})?")
# Measures of something else: a tip's distance, a slice, a depth.
_NOT_A_SIZE = re.compile(
    r"距|层厚|层距|间距|层间|切口|插入|置入|进入|ct值|容积|体积约|以(?:上|下)约|门齿"
)
# A threshold states no size, and neither does the size of an earlier examination.
_THRESHOLD = re.compile(
    r"(?:大于|小于|超过|不足|低于|高于|不到|少于|多于|不大于|不小于|[≥≤])(?:约|等于)?$"
)
_THRESHOLD_AFTER = re.compile(r"(?:及)?(?:以[下上内]|之内|内)(?!侧|部|段|见)")
_NOW = re.compile(r"现|本次|此次|今|目前|本片")
_MARKED_NOW = re.compile(
    r"(?:现(?!象)|本次|此次|今次|目前|本片|今日)(?:片|ct|mr|检查|测量|复查|所见)?(?:测得|测量|测|显示|示|见|大小|长径|直径|径线|最大径|约为|为|约|是|,|:)*$"
)
_WIDTH = re.compile(
    "(?:的)?(?:直径|内径|管径|宽度?|横径|前后径|长径|厚度?|长度?|最宽处|最大径)(?:约为|约|为|达|是|:)*"
)
_DATED = re.compile(
    r"(?<!\d)(?:(?:19|20)?\d\d年(?:\d{1,2}月)?(?:\d{1,2}[日号])?|(?:19|20)\d\d[-./]\d{1,2}(?:[-./]\d{1,2})?)(?:片|ct|mr|时|约|为|:)*$"
)
_EARLIER = re.compile(
    r"(?:原(?:来|先|片|大小)?|前(?:片|次|者|片示)|旧片|老片|上次|上(?:一)?次检查|先前|此前|之前|既往|以往|曾|较前"
    r"|(?:去|前|上)年|上(?:个)?[月周]|(?:半|\d+|[一二两三四五六七八九十数]+)(?:个)?(?:年|月|周|天|日)(?:之|以)?前"
    r"|(?<!\d)(?:19|20)?\d\d年(?:\d{1,2}月)?(?:\d{1,2}[日号])?|(?:19|20)\d\d[-./]\d{1,2}(?:[-./]\d{1,2})?"
    r"|\d月(?:\d{1,2}(?:日|号))?(?:ct|mr|片|检查)?)"
    r"(?:片|ct|mr|检查|测量|测得|大小|直径|长径|径线|示|显示|片示|的|为|约为|约|是|有|时|测值|测|显示|最大|:|<|,|\.|图像)*$"
)
_FROM = re.compile(r"(?:由|从|自)(?:原(?:来|先)?|之前|以前|前次)?(?:的|约|大小)*$")
_GREW = re.compile(
    r"[->]?[→⇒➔➜]|-+≥|(?:增|缩|减|变|扩|升|降|长)?(?:大|小|少|加|高|低|长|宽|厚|粗)?(?:至|到|为|成)|增大|缩小|减小|变为"
)
_ARROWS = "→⇒➔➜-"
_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?)%?(?:[~\-至到](\d{1,3}(?:\.\d+)?))?%")
_SPELT_SHARE = re.compile(
    r"百分之([一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])"
)
_VOLUME = re.compile(
    rf"({_NUMBER})(?:ml|毫升|cc|cm3|cm³)?(?:[~\-至到]({_NUMBER}))?(?:ml|毫升|cc|cm3|cm³|立方厘米)(?![a-z0-9])"
)
_DIGITS = "一二三四五六七八九"


@dataclass(frozen=True)
class Measures:
    """What a sentence measures without naming the finding: it belongs to the one before."""

    sizes: tuple[float, ...] = ()
    percent: float | None = None
    volume: float | None = None

    def __bool__(self) -> bool:
        return bool(self.sizes) or self.percent is not None or self.volume is not None


def set_measures(sentence: str, parts: list[Clause]) -> Measures:
    """Give the findings their measures; return those left over where no finding is named."""
    sizes = _set_sizes(sentence, parts)
    percent = volume = None
    found = [finding for clause in parts for finding in clause.found]
    for at, share in _shares(sentence):
        percent = _set_share(sentence, found, at, share) or percent
    for match in _VOLUME.finditer(sentence):
        amount = float(match[2] or match[1])
        targets = [f for f in found if f.code in words("volume_codes")]
        target = _nearest(targets, match.start())
        if target is not None:
            target.volume = amount
        elif not found:
            volume = amount
    return Measures(sizes, percent, volume)


def is_share_of(code: str) -> bool:
    """Whether a percentage can be of a finding."""
    return code in words("percent_codes")


def is_volume_of(code: str) -> bool:
    """Whether a volume can be of a finding."""
    return code in words("volume_codes")


def _set_sizes(sentence: str, parts: list[Clause]) -> tuple[float, ...]:
    last: Found | None = None
    left: tuple[float, ...] = ()
    now: Found | None = None
    dated: list[tuple[float, ...]] = []
    for clause in parts:
        for match in _SIZE.finditer(sentence, clause.start, clause.end):
            sizes = _millimetres(match)
            if not sizes or _is_of_organ(sentence, clause, match.start()):
                continue
            if not _is_of_now(sentence, clause, match):
                dated += [sizes] if _DATED.search(sentence, 0, match.start()) else []
                continue
            target = _nearest(clause.found, match.start()) or last
            if target is None:
                left += sizes
            elif vocabulary()[target.code].kind is Kind.FINDING and not target.fixed:
                # 3月子宫肌瘤4.1cm,本次4.5cm: what is measured now takes the place of what was.
                marked = _MARKED_NOW.search(sentence, clause.start, match.start()) is not None
                target.sizes = sizes if marked and target is not now else target.sizes + sizes
                now = target if marked else now
        if clause.found and left:
            clause.found[0].sizes += left
            left = ()
        if clause.found:
            last = clause.found[-1]
    if len(dated) > 1 and last is not None and not last.sizes:
        last.sizes = dated[-1]  # 2019年4.0cm,2023年4.8cm: the last is the nearest to now
    return left


def _is_of_organ(sentence: str, clause: Clause, at: int) -> bool:
    """Whether a measure is an organ's own, in a clause without a finding (胆总管内径11mm)."""
    if clause.found:
        return False
    before = [token for token in clause.tokens if token.end <= at]
    return (
        bool(before)
        and "organ" in before[-1].kinds
        and _WIDTH.fullmatch(sentence, before[-1].end, at) is not None
    )


def _is_of_now(sentence: str, clause: Clause, match: re.Match[str]) -> bool:
    """Whether a measure is a finding's size on these images."""
    lead = sentence[clause.start : match.start()]
    before = sentence[: match.start()]
    if _NOT_A_SIZE.search(lead) or _THRESHOLD.search(lead + ""):
        return False
    if _THRESHOLD.search(before[-6:]) or _THRESHOLD_AFTER.match(sentence, match.end()):
        return False
    earlier = _EARLIER.search(before[-24:])
    if earlier and not _NOW.search(before[-24:][earlier.start() :]):
        return False
    grew = _GREW.match(sentence, match.end())
    arrow = grew is not None and sentence[match.end()] in _ARROWS
    return not (grew and (arrow or _FROM.search(lead)))


def _nearest(found: list[Found], at: int) -> Found | None:
    before = [finding for finding in found if finding.start < at]
    after = [finding for finding in found if finding.start >= at]
    return before[-1] if before else after[0] if after else None


def _shares(sentence: str) -> list[tuple[int, float]]:
    if "%" not in sentence and "百分之" not in sentence:
        return []
    found = [(m.start(), float(m[2] or m[1])) for m in _SHARE.finditer(sentence)]
    return found + [(m.start(), _spelt(m[1])) for m in _SPELT_SHARE.finditer(sentence)]


def _set_share(sentence: str, found: list[Found], at: int, share: float) -> float | None:
    """Give a percentage to its finding, or return it where the sentence names none."""
    lead = sentence[max(0, at - 16) : at]
    if share > 100 or not any(word in lead for word in words("percent_of")):
        return None
    target = _nearest([f for f in found if is_share_of(f.code)], at)
    if target is not None:
        target.percent = share
    return None if found else share


def _spelt(number: str) -> float:
    tens, ten, units = number.rpartition("十")
    if not ten:
        return float(_DIGITS.index(number) + 1)
    high = _DIGITS.index(tens) + 1 if tens else 1
    return float(high * 10 + (_DIGITS.index(units) + 1 if units else 0))


def _millimetres(match: re.Match[str]) -> tuple[float, ...]:
    """Return the numbers of one measure; empty where it has no unit of length."""
    numbers = _PART.findall(match[0])
    unit = match[4] or next((unit for _, unit in reversed(numbers) if unit), "")
    if not unit:
        return ()
    return tuple(
        round(float(number) * (1 if (own or unit) in ("mm", "毫米") else 10), 3)
        for number, own in numbers
    )
