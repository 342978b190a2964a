"""Headings of a report (胸部:, 肝脏:, 临床诊断:) and what the sentences under them are about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from radraft.reports.findings._chinese_rules import places, rules
from radraft.reports.findings.vocabulary import Region

_REGION_ORGANS = {
    Region.HEAD: "cranium",
    Region.ABDOMEN: "peritoneum",
    Region.PELVIS: "peritoneum",
    Region.SPINE: "vertebra",
    Region.NECK: "other",
    Region.OTHER: "other",
}


@dataclass(frozen=True)
class Section:
    """What the sentences that follow a heading are about."""

    organ: str | None = None
    """Organ of words that have none of their own; None for the chest, or where nothing says."""
    asking: bool = False
    """Whether a request or the history stands here, which states nothing of the images."""


def examination(region: Region | None) -> Section:
    """Return the section that an examination's body part is."""
    return Section(None if region is None else _REGION_ORGANS.get(region))


def following(section: Section, whole: Section, sentence: str, gap: str) -> Section:
    """Return the section of a sentence.

    `section` is that of the sentence before, `whole` the examination's; `gap` is what stands
    between the two sentences: a request's list goes on over its items, not over a full stop.
    """
    heading = _heading(sentence)
    if heading is not None:
        organ = whole.organ if heading == "" else heading
        return Section(None if organ == "chest" else organ)
    if _concludes(sentence):
        return whole
    asking = section.asking and not re.search(r"[。!\n]", gap)
    return Section(section.organ, asking)


@lru_cache(maxsize=4096)
def _heading(sentence: str) -> str | None:
    """Return the organ of the heading that opens a sentence; None where none does."""
    end = sentence.find(":", 0, 16)
    if end <= 0:
        return None
    match = _regions().fullmatch(sentence[:end])
    if match is not None:
        return next(organ for organ, words in match.groupdict().items() if words)
    tokens = places().find(sentence[:end])
    named = [token for token in tokens if "organ" in token.kinds]
    if named and tokens[-1].end == end and tokens[0].start == 0:
        return str(named[-1].kinds["organ"][0].name)
    return None


@lru_cache(maxsize=4096)
def _concludes(sentence: str) -> bool:
    """Whether a sentence opens with the heading of a part that is about the whole examination."""
    return sentence.startswith(tuple(rules()["whole_headings"].split()))


@cache
def _regions() -> re.Pattern[str]:
    groups = "|".join(
        f"(?P<{organ}>{'|'.join(words.split())})" for organ, words in rules()["sections"].items()
    )
    return re.compile(
        rf"<?(?:{groups})>?(?:部)?(?:{'|'.join(map(re.escape, rules()['section_ends'].split()))})*"
    )
