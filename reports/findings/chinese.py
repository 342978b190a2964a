"""Findings read from Chinese reports by rules; `docs/findings.md` says what counts as what."""

from __future__ import annotations

from functools import lru_cache

from radraft.reports.findings._chinese_attributes import is_comparison, set_changes, set_sizes
from radraft.reports.findings._chinese_clauses import Found, clauses
from radraft.reports.findings._chinese_places import set_places
from radraft.reports.findings._chinese_rules import matcher
from radraft.reports.findings._chinese_scope import set_polarity
from radraft.reports.findings._chinese_text import plain, sentences
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary
from radraft.reports.values import Certainty, Laterality

# Reports repeat sentences (双肺纹理清晰); a sentence's reading depends on nothing else.
_SENTENCES = 20_000


def read(text: str, region: Region | None = None) -> tuple[Mention, ...]:
    """Mentions of a report in simplified or traditional characters, by where they start.

    Spans are characters of `text` as given.
    """
    words, origin = plain(text)
    mentions: list[Mention] = []
    for start, sentence in sentences(words):
        found, left = read_sentence(sentence)
        if left and not found and mentions and not mentions[-1].size_mm:
            mentions[-1] = _moved(mentions[-1], 0, None, left)
        mentions += [_moved(mention, start, origin) for mention in found]
    return tuple(sorted(mentions, key=lambda mention: mention.start))


def claims_prior(text: str) -> bool:
    """Whether the text compares with an earlier examination or states a change over time."""
    words, _ = plain(text)
    return any(is_comparison(token) for token in matcher().find(words))


@lru_cache(maxsize=_SENTENCES)
def read_sentence(sentence: str) -> tuple[tuple[Mention, ...], tuple[float, ...]]:
    """Mentions of one plain sentence, spans within it; and sizes that belong to one before it."""
    parts = clauses(sentence)
    left: tuple[float, ...] = ()
    if not any(clause.found for clause in parts):
        return (), set_sizes(sentence, parts)
    set_polarity(sentence, parts)
    set_changes(parts)
    left = set_sizes(sentence, parts)
    set_places(sentence, parts)
    kept = merged([found for clause in parts for found in clause.found if not found.dropped])
    return tuple(
        Mention(
            code=found.code,
            polarity=found.polarity,
            laterality=Laterality(found.side) if found.side else None,
            anatomy=found.anatomy,
            change=found.change,
            size_mm=found.sizes,
            start=found.start,
            end=found.end,
        )
        for found in kept
    ), left


def merged(found: list[Found]) -> list[Found]:
    """One finding said twice in a sentence, the second time with no place of its own, is one."""
    kept: list[Found] = []
    for one in found:
        # 导管末端位于上腔静脉: the tip of what is named before.
        if one.code == "support_device" and one.end - one.start <= 3 and any(map(_is_device, kept)):
            continue
        for other in kept:
            alike = other.code == one.code and one.polarity is other.polarity is Certainty.PRESENT
            if alike and not one.organs and (not one.own or other.side is None):
                other.side = other.side or one.side
                other.sizes += one.sizes
                other.change = other.change or one.change
                break
        else:
            kept.append(one)
    return kept


def _is_device(found: Found) -> bool:
    return vocabulary()[found.code].kind is Kind.DEVICE


def _moved(
    mention: Mention, by: int, origin: tuple[int, ...] | None, sizes: tuple[float, ...] = ()
) -> Mention:
    start, end = mention.start + by, mention.end + by
    if origin is not None:
        start, end = origin[start], origin[end - 1] + 1
    return Mention(
        mention.code,
        mention.polarity,
        mention.laterality,
        mention.anatomy,
        mention.change,
        mention.size_mm + sizes,
        start=start,
        end=end,
    )
