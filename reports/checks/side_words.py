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
    if lang == "zh":
        # Same number of characters, so that spans stay right.
        text = _ABOUT_ZH.sub(lambda match: "·" * len(match[0]), text)
    found = []
    for match in _PATTERNS[lang].finditer(text):
        side = next(side for side in Laterality if match[side.value] is not None)
        found.append(SideWord(side, match.start(), match.end()))
    return tuple(found)


# 左右 after a measure is "about"; 双 and 两 also count things, and 左右 径 is a diameter.
_ABOUT_ZH = re.compile(
    r"(?<=[0-9a-zA-Z%％米度°升月周天年岁])\s*左右|左右(?=径|缘|移动|晃)|右位心|左旋|右旋|左右不对称"
)
_PATTERNS: dict[Lang, re.Pattern[str]] = {
    "zh": re.compile(
        r"(?P<bilateral>左、?右(?:两?侧|两?肺)?|左右|双(?!重|相|期|腔|源|能|极|层|轨|管|J|j|枚|个)"
        r"|[两兩](?=侧|側|肺|边|邊|下|上|肾|腎|膝|肩|髋|乳|叶|葉|个?肺|根部|基底|顶|胸|膈|肋|手|足|眼|耳|颞|额|顶|枕|大脑|腋|腮|颈|锁)"
        r"|雙)|(?P<left>左)|(?P<right>右)"
    ),
    "en": re.compile(
        r"\b(?:(?P<bilateral>bilateral(?:ly)?|bilat|b/l|both|bibasilar|bibasal|biapical|bihilar|"
        r"bi-?basilar|bi-?apical|biventricular|either|left (?:and|or|as well as) (?:the )?right|"
        r"right (?:and|or|as well as) (?:the )?left)|"
        r"(?P<left>left(?:-sided|ward)?|lt|l(?=[ -](?:lung|lobe|side|sided|effusion|pleural|hilum|hilar|rib|"
        r"base|apex|upper|lower|mid|ptx|kidney|knee|hip|shoulder|breast|arm|leg|hand|foot|clavicle))|"
        r"l(?=[ul]l\b)|lul|lll|sinistral)|"
        r"(?P<right>right(?:-sided|ward)?|rt|r(?=[ -](?:lung|lobe|side|sided|effusion|pleural|hilum|hilar|rib|"
        r"base|apex|upper|lower|mid|ptx|kidney|knee|hip|shoulder|breast|arm|leg|hand|foot|clavicle))|"
        r"rul|rml|rll))\b",
        re.IGNORECASE,
    ),
}
