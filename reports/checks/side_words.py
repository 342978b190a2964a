"""Sides that a sentence names, in either language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from radraft.reports.values import Lang, Laterality


@dataclass(frozen=True)
class SideWord:
    """A side where a text names it."""

    side: Laterality
    start: int
    """Characters of the text."""
    end: int


def side_words(text: str, lang: Lang) -> tuple[SideWord, ...]:
    """Return the sides that `text` names, by where they start."""
    for pattern in (_ABOUT_ZH, _ARTERY, _THAN) if lang == "zh" else (_ARTERY, _THAN):
        # Same number of characters, so that spans stay right.
        text = pattern.sub(lambda match: "·" * len(match[0]), text)
    found = []
    for match in _PATTERNS[lang].finditer(text):
        side = next(side for side in Laterality if match[side.value] is not None)
        found.append(SideWord(side, match.start(), match.end()))
    return tuple(found)


# 左右 after a measure is "about"; 双 and 两 also count things, and 左右 径 is a diameter.
_ABOUT_ZH = re.compile(
    r"(?<=[0-9a-zA-Z%％米度°升月周天年岁])\s*左右|左右(?=径|缘|移动|晃)|右位心|左旋|右旋|左右不对称"
)
# Arteries that there are on one side alone: a language may leave it out.
_ARTERY = re.compile(
    r"左?冠?(?:状动脉)?(?:前降支|回旋支)|"
    r"\b(?:left )?(?:anterior descending|circumflex)\b|\b(?:LAD|LCX)\b",
)
# The side that is only compared with: right greater than left, 右侧多于左侧.
_THAN = re.compile(
    r"(?:(?<=greater than )|(?<=more than )|(?<=larger than )|(?<=worse than )|(?<=> ))"
    r"(?:the )?(?:left|right)\b|(?:(?<=[大多重小少高低]于)|(?<=[侧肺][较比]))[左右]侧?",
    re.IGNORECASE,
)
# "R lung", but no R that stands for something else.
_SIDED = (
    r"(?=[ -](?:lung|lobe|side|sided|effusion|pleural|hilum|hilar|rib|base|apex|upper|lower|mid|"
    r"ptx|kidney|knee|hip|shoulder|breast|arm|leg|hand|foot|clavicle))"
)
# What 两 says "both" of; of other things it counts two.
_PAIRED_ZH = "侧側肺边邊下上肾腎膝肩髋乳叶葉顶胸膈肋手足眼耳颞额枕腋腮颈锁"
_PATTERNS: dict[Lang, re.Pattern[str]] = {
    "zh": re.compile(
        r"(?P<bilateral>左、?右(?:两?侧|两?肺)?|左右|双(?!重|相|期|腔|源|能|极|层|轨|管|J|j|枚|个)|雙"
        rf"|[两兩](?=[{_PAIRED_ZH}]|个?肺|根部|基底|大脑))|(?P<left>左)|(?P<right>右)"
    ),
    "en": re.compile(
        r"\b(?:(?P<bilateral>bilateral(?:ly)?|bilat|b/l|both|bibasilar|bibasal|biapical|bihilar|"
        r"bi-?basilar|bi-?apical|biventricular|either|left (?:and|or|as well as) (?:the )?right|"
        r"right (?:and|or|as well as) (?:the )?left)|"
        rf"(?P<left>left(?:-sided|ward)?|lt|lv|lvh|lica|lmca|l{_SIDED}|lul|lll)|"
        rf"(?P<right>right(?:-sided|ward)?|rt|rv|rvh|rica|rmca|rca|r{_SIDED}|rul|rml|rll))\b",
        re.IGNORECASE,
    ),
}
