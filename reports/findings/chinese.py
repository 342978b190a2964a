"""Findings read from Chinese reports by rules; `docs/findings.md` says what counts as what."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from radraft.reports.findings._chinese_answers import set_answers
from radraft.reports.findings._chinese_changes import is_comparison, set_changes
from radraft.reports.findings._chinese_clauses import Found, clauses, organ_of
from radraft.reports.findings._chinese_exceptions import opens_with_exception, set_exceptions
from radraft.reports.findings._chinese_measures import (
    Measures,
    is_share_of,
    is_volume_of,
    set_measures,
)
from radraft.reports.findings._chinese_places import set_places
from radraft.reports.findings._chinese_rules import matcher
from radraft.reports.findings._chinese_scope import drop_illnesses, set_polarity
from radraft.reports.findings._chinese_sections import Section, examination, following
from radraft.reports.findings._chinese_spelling import corrected, mended
from radraft.reports.findings._chinese_text import plain, sentences
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary
from radraft.reports.values import Certainty, Laterality

# What names the chest, whatever it says of it.
_CHEST = re.compile("[肺胸心膈肋]|纵隔|气管")
_MALPOSITION = "malpositioned_device"
# Reports repeat sentences (双肺纹理清晰); a sentence's reading depends on nothing else.
_SENTENCES = 20_000
# How near two names of one finding stand that are joined by 及 or 、.
_JOINED = 2


def read(text: str, region: Region | None = None) -> tuple[Mention, ...]:
    """Return the mentions of a report in simplified or traditional characters, by where they start.

    `region` is the examination's body part. Spans are characters of `text` as given.
    """
    words, origin = plain(text)
    mentions: list[Mention] = []
    whole = section = examination(region)
    end = 0
    for start, sentence in sentences(words):
        section = following(section, whole, sentence, words[end:start])
        end = start + len(sentence)
        reading = read_sentence(sentence, section)
        # 出血量约25ml measures what the sentence before names.
        measures = reading.left.volume is not None and not reading.mentions
        if reading.usual and not measures and region is None and section.organ is None:
            reading = _with_organ(sentence, section, words, mentions)
        section = Section(section.organ, reading.asking)
        if mentions and opens_with_exception(sentence) and reading.mentions:
            mentions = _without_summary(mentions)
        if reading.left and not reading.mentions and mentions:
            mentions[-1] = _measured(mentions[-1], reading.left)
        mentions += [_moved(mention, start, origin) for mention in reading.mentions]
    return tuple(sorted(mentions, key=lambda mention: mention.start))


def _with_organ(
    sentence: str, section: Section, words: str, before: list[Mention]
) -> SentenceReading:
    """Read a sentence whose words name no organ by the finding before it, or by the text.

    ❶肾囊肿❷无积水 is about the kidney; 脑出血:无;占位:无 about the head.
    """
    if before and not _CHEST.search(words):
        organ = organ_of(before[-1].code)
        if organ is not None:
            reading = read_sentence(sentence, Section(organ, section.asking))
            if reading.mentions:
                return reading
    return read_sentence(sentence, _told(section, words))


def _told(section: Section, words: str) -> Section:
    """Return the section of the only body part that a text is about (脑出血:无;占位:无)."""
    if _CHEST.search(words):
        return section
    regions = _regions_of(words)
    if len(regions) == 1 and Region.CHEST not in regions:
        return Section(examination(next(iter(regions))).organ, section.asking)
    return section


@lru_cache(maxsize=64)
def _regions_of(words: str) -> frozenset[Region]:
    """Return the body parts that a text's names of findings are of."""
    found: set[Region] = set()
    for token in matcher().find(words):
        names = token.kinds.get("name", ())
        if names and "head" not in token.kinds:
            found.update(vocabulary()[code].region for code in names)
    return frozenset(found)


def claims_prior(text: str) -> bool:
    """Whether the text compares with an earlier examination or states a change over time."""
    words, _ = plain(text)
    return any(is_comparison(token) for token in matcher().find(words))


@dataclass(frozen=True)
class SentenceReading:
    """What one sentence states; spans are within it."""

    mentions: tuple[Mention, ...]
    left: Measures
    """Measures that belong to a finding of the sentence before."""
    asking: bool
    """Whether a request or the history goes on after it."""
    usual: bool = False
    """Whether it names a finding and no organ, so that the usual organ was taken, or none."""


@lru_cache(maxsize=_SENTENCES)
def read_sentence(sentence: str, section: Section) -> SentenceReading:
    """Return what one plain sentence of a section states."""
    sentence = corrected(sentence)
    tokens = matcher().find(sentence)
    meant = mended(sentence, tokens)
    if meant != sentence:
        sentence = meant
        tokens = matcher().find(sentence)
    parts = clauses(sentence, tokens, section.organ)
    asking = set_polarity(sentence, parts, section.asking)
    unplaced = any(clause.unplaced for clause in parts)
    if not any(clause.found for clause in parts):
        return SentenceReading((), set_measures(sentence, parts), asking, unplaced)
    set_answers(sentence, parts)
    set_exceptions(sentence, parts)
    if section.organ is None:
        drop_illnesses(parts)
    set_changes(parts)
    left = set_measures(sentence, parts)
    set_places(sentence, parts)
    stated = [found for clause in parts for found in clause.found if not found.dropped]
    for found in stated:
        if found.code == _MALPOSITION and found.side is None:
            found.side = _named_side(sentence[found.start : found.end])
    kept = merged(stated)
    usual = unplaced or any(found.usual for found in kept)
    return SentenceReading(tuple(_mention(found) for found in kept), left, asking, usual)


def _named_side(words: str) -> str | None:
    """Return the side within a finding's own words: 进入右主支气管."""
    if "左" in words:
        return Laterality.LEFT.value
    return Laterality.RIGHT.value if "右" in words else None


def _mention(found: Found) -> Mention:
    stated = found.polarity is not Certainty.ABSENT
    return Mention(
        code=found.code,
        polarity=found.polarity,
        laterality=Laterality(found.side) if found.side else None,
        anatomy=found.anatomy,
        change=found.change,
        size_mm=found.sizes if stated else (),
        percent=found.percent if stated else None,
        volume_ml=found.volume if stated else None,
        start=found.start,
        end=found.end,
    )


def merged(found: list[Found]) -> list[Found]:
    """One finding said twice in a sentence, the second time with no place of its own, is one."""
    kept: list[Found] = []
    for one in found:
        # 导管末端位于上腔静脉: the tip of what is named before.
        if one.code == "support_device" and one.end - one.start <= 3 and any(map(_is_device, kept)):
            continue
        for other in kept:
            if other.code != one.code or one.polarity is not other.polarity:
                continue
            near = one.start - other.end <= _JOINED
            if one.polarity is Certainty.ABSENT and one.side == other.side and near:
                break  # 主动脉夹层及壁内血肿
            aside = (one.side is None) != (other.side is None) and not (one.fixed or other.fixed)
            if one.polarity is Certainty.ABSENT and aside:
                other.side = other.side or one.side  # 集合系统未见扩张,双肾未见积水
                break
            alike = one.polarity is Certainty.PRESENT
            # 位置过深，进入右主支气管: where the tip lies is no second device.
            placed = one.code == _MALPOSITION or not one.organs
            if alike and placed and (not one.own or other.side is None):
                other.side = other.side or one.side
                other.sizes += one.sizes
                other.change = other.change or one.change
                other.percent = other.percent or one.percent
                other.volume = other.volume or one.volume
                break
        else:
            kept.append(one)
    return kept


def _is_device(found: Found) -> bool:
    return vocabulary()[found.code].kind is Kind.DEVICE


def _without_summary(mentions: list[Mention]) -> list[Mention]:
    """Leave out the summary of normality that the next sentence makes an exception to."""
    return mentions[:-1] if mentions[-1].code == "no_finding" else mentions


def _measured(mention: Mention, left: Measures) -> Mention:
    """Return a mention with the measures that the sentence after it gives."""
    if mention.polarity is Certainty.ABSENT:
        return mention
    if left.percent is not None and is_share_of(mention.code):
        mention = replace(mention, percent=left.percent)
    if left.volume is not None and is_volume_of(mention.code):
        mention = replace(mention, volume_ml=left.volume)
    return mention if mention.size_mm else replace(mention, size_mm=left.sizes)


def _moved(mention: Mention, by: int, origin: tuple[int, ...] | None) -> Mention:
    start, end = mention.start + by, mention.end + by
    if origin is not None:
        start, end = origin[start], origin[end - 1] + 1
    return Mention(
        mention.code,
        mention.polarity,
        mention.laterality,
        mention.anatomy,
        mention.change,
        mention.size_mm,
        mention.percent,
        mention.volume_ml,
        start,
        end,
    )
