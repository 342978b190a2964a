"""Sizes that cannot be, or that differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any

from radraft.bench.planted_errors.edits import (
    cleared,
    draw_side,
    exchanged,
    place,
    scenarios,
    set_section,
    set_sentence,
    slots_of,
    stated,
)
from radraft.bench.planted_errors.values import Planted, Report, Words
from radraft.bench.planted_errors.words import FINDINGS, IMPRESSION


def size_unit(report: Report, words: Words, draw: Random) -> Planted | None:
    """Write cm for mm, which no such finding can measure."""
    lang = report.lang
    scenario = draw.choice(scenarios(words, "small"))
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    slots = slots_of(scenario, lang, draw_side(lang, draw), draw)
    clean, finding, _ = stated(base, scenario, slots, draw)
    clean = set_section(
        clean,
        IMPRESSION,
        [without_size(text, slots["size"]) for text in clean.sections[IMPRESSION]],
    )
    text = clean.sections[FINDINGS][finding.index]
    unit = slots["size"].replace("mm", "cm").replace("毫米", "厘米")
    start = text.find(slots["size"])
    if start < 0:
        return None
    wrong = set_sentence(clean, FINDINGS, finding.index, text.replace(slots["size"], unit))
    return Planted(clean, wrong, place(wrong, FINDINGS, finding.index, (start, start + len(unit))))


def own_size_unit(report: Report, words: Words, draw: Random) -> Planted | None:
    """Write cm for the mm of the report's own nodule or granuloma."""
    for index, text in enumerate(report.sections[FINDINGS]):
        found = re.search(r"(\d+)( ?)(mm|毫米)", text)
        if found and int(found[1]) >= 6 and re.search("nodule|granulom|结节(?!状)|肉芽", text):
            unit = found[1] + found[2] + {"mm": "cm", "毫米": "厘米"}[found[3]]
            changed = text[: found.start()] + unit + text[found.end() :]
            wrong = set_sentence(report, FINDINGS, index, changed)
            where = place(wrong, FINDINGS, index, (found.start(), found.start() + len(unit)))
            also = tuple(
                place(wrong, IMPRESSION, number, same.span())
                for number, sentence in enumerate(report.sections[IMPRESSION])
                if (same := re.search(rf"\b{found[1]} ?{found[3]}", sentence))
            )
            return Planted(report, wrong, where, also, "own")
    return None


def without_size(text: str, size: str) -> str:
    """Drop a size from an impression, with its brackets."""
    bare = re.escape(size)
    text = re.sub(rf"（{bare}）|\s*\({bare}\)|，?约{bare}|, {bare}|{bare} ", "", text)
    return text[:1].upper() + text[1:]


def size_impossible(report: Report, words: Words, draw: Random) -> Planted | None:
    """Write a measure that nothing in a chest can have."""
    right, wrong, topic = draw.choice(words["impossible_size"][report.lang])
    base = cleared(report, {"topic": {report.lang: topic}}, words, draw)
    return exchanged(base, FINDINGS, right, wrong, draw) if base else None


def size_sections(report: Report, words: Words, draw: Random) -> Planted | None:
    """Give the impression another size than the findings."""
    lang = report.lang
    scenario = draw.choice([s for s in words["scenarios"] if "size" in s or "size2" in s])
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    slots = slots_of(scenario, lang, draw_side(lang, draw), draw)
    clean, finding, _ = stated(base, scenario, slots, draw)
    size = slots["size"] or slots["size2"]
    text = clean.sections[IMPRESSION][0]
    other = other_size(size, scenario, draw)
    start = text.find(size)
    if start < 0 or size not in clean.sections[FINDINGS][finding.index] or not other:
        return None
    wrong = set_sentence(clean, IMPRESSION, 0, text.replace(size, other))
    where = place(wrong, IMPRESSION, 0, (start, start + len(other)))
    first = wrong.sections[FINDINGS][finding.index].find(size)
    also = (place(wrong, FINDINGS, finding.index, (first, first + len(size))),)
    return Planted(clean, wrong, where, also)


def other_size(size: str, scenario: Mapping[str, Any], draw: Random) -> str:
    """Return another possible size: digits exchanged, or a few millimetres off."""
    numbers = re.findall(r"\d+(?:\.\d)?", size)
    first = numbers[0]
    low, high = scenario.get("size") or scenario["size2"]
    scale = 10 if "." in first else 1
    now = round(float(first) * scale)
    turned = int(str(now)[::-1])
    floor = round(float(numbers[1]) * scale) + 1 if len(numbers) > 1 else low
    choices = [turned] * 3 + [now + 5, now - 5, now + 8]
    fits = [
        value for value in choices if max(low, floor) <= value <= high and abs(value - now) >= 4
    ]
    if not fits:
        return ""
    value = draw.choice(fits)
    return size.replace(first, f"{value / scale:.1f}" if scale == 10 else str(value), 1)


def size_order(report: Report, words: Words, draw: Random) -> Planted | None:
    """Exchange the two dimensions in one section."""
    lang = report.lang
    (scenario,) = (s for s in words["scenarios"] if "size2" in s)
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    slots = slots_of(scenario, lang, draw_side(lang, draw), draw)
    clean, finding, conclusion = stated(base, scenario, slots, draw)
    target, other = draw.choice(((finding, conclusion), (conclusion, finding)))
    text = clean.sections[target.section][target.index]
    start = text.find(slots["size2"])
    wrong = set_sentence(
        clean, target.section, target.index, text.replace(slots["size2"], slots["swapped"])
    )
    span = start, start + len(slots["swapped"])
    at = wrong.sections[other.section][other.index].find(slots["size2"])
    also = (place(wrong, other.section, other.index, (at, at + len(slots["size2"]))),)
    return Planted(clean, wrong, place(wrong, target.section, target.index, span), also)
