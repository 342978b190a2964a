"""Findings and impression that do not fit, and denials that conflict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any

from radraft.bench.planted_errors.edits import (
    cleared,
    draw_side,
    insert,
    is_denial,
    marked,
    place,
    scenarios,
    set_section,
    set_sentence,
    slots_of,
    stated,
)
from radraft.bench.planted_errors.values import Planted, Report, Words
from radraft.bench.planted_errors.words import FINDINGS, IMPRESSION


def impression_omits(report: Report, words: Words, draw: Random) -> Planted | None:
    """Leave an important finding out of the impression."""
    lang = report.lang
    scenario = draw.choice(scenarios(words, "important"))
    minor = draw.choice(scenarios(words, without=("important", "device")))
    base = cleared(report, scenario, words, draw)
    base = base and cleared(base, minor, words, draw)
    topic = re.compile(scenario["topic"][lang], re.I)
    if base is None or topic.search(minor[lang][FINDINGS][0] + minor[lang][IMPRESSION][0]):
        return None
    if not draw.random() < 0.4:
        base, _, _ = stated(base, minor, slots_of(minor, lang, draw_side(lang, draw), draw), draw)
    clean, finding, _ = stated(
        base, scenario, slots_of(scenario, lang, draw_side(lang, draw), draw), draw
    )
    rest = clean.sections[IMPRESSION][1:]
    if re.search(minor["topic"][lang], finding.text, re.I):
        return None
    variant = "left out" if rest else "called normal"
    wrong = set_section(clean, IMPRESSION, rest or (draw.choice(words["normal_impression"][lang]),))
    also = tuple(
        place(wrong, IMPRESSION, index) for index in range(len(wrong.sections[IMPRESSION]))
    )
    return Planted(clean, wrong, finding, also, variant)


def impression_extra(report: Report, words: Words, draw: Random) -> Planted | None:
    """Leave the statement that the impression draws on out of the findings."""
    lang = report.lang
    scenario = draw.choice(scenarios(words, without=("device",)))
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    clean, finding, conclusion = stated(
        base, scenario, slots_of(scenario, lang, draw_side(lang, draw), draw), draw
    )
    texts = list(clean.sections[FINDINGS])
    del texts[finding.index]
    wrong = set_section(clean, FINDINGS, texts)
    return Planted(clean, wrong, place(wrong, IMPRESSION, 0, (conclusion.start, conclusion.end)))


def negation_within(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant a denial beside a statement of the same finding within the findings."""
    lang = report.lang
    scenario = draw.choice(scenarios(words, without=("device",)))
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    slots = slots_of(scenario, lang, draw_side(lang, draw), draw)
    clean, finding, conclusion = stated(base, scenario, slots, draw)
    denial, spans = marked(draw.choice(scenario[lang]["denial"]))
    far = [
        i
        for i in range(len(clean.sections[FINDINGS]) + 1)
        if i not in (finding.index, finding.index + 1)
    ]
    index = draw.choice(far or [len(clean.sections[FINDINGS])])
    wrong = insert(clean, FINDINGS, index, denial)
    moved = finding.index + (index <= finding.index)
    also = (place(wrong, FINDINGS, moved, (finding.start, finding.end)), conclusion)
    return Planted(clean, wrong, place(wrong, FINDINGS, index, spans[0]), also)


def own_denial(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant a statement beside the report's own denial of the finding."""
    lang = report.lang
    scenario = draw.choice(scenarios(words, "name"))
    name = scenario["name"].get(lang)
    if not name:
        return None
    pattern = rf"\bno\b[^.]*{name}" if lang == "en" else rf"(没有|未见|无)[^。，]*({name})"
    limits = (
        r"\b(large|big|displaced|acute|new|definite|other|change)\b|大量|大的|移位|急性|大面积|明显"
    )
    holders = [
        (index, found)
        for index, text in enumerate(report.sections[FINDINGS])
        if (found := re.search(pattern, text, re.I)) and not re.search(limits, text, re.I)
    ]
    spoken = [
        text for part in report.sections.values() for text in part if re.search(name, text, re.I)
    ]
    if not holders or any(not is_denial(text, lang) for text in spoken):
        return None
    slots = slots_of(scenario, lang, draw_side(lang, draw), draw)
    text, spans = marked(draw.choice(scenario[lang][FINDINGS]), **slots)
    index = draw.randint(0, len(report.sections[FINDINGS]))
    wrong = insert(report, FINDINGS, index, text)
    held, found = holders[0]
    also = (place(wrong, FINDINGS, held + (index <= held), found.span()),)
    return Planted(report, wrong, place(wrong, FINDINGS, index, spans[0]), also, "own denial")


def negation_impression(report: Report, words: Words, draw: Random) -> Planted | None:
    """Drop a negation from the impression or put one in."""
    scenario = draw.choice(scenarios(words, without=("device",)))
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    return draw.choice((dropped_denial, added_denial))(base, scenario, draw)


def own_negation(report: Report, words: Words, draw: Random) -> Planted | None:
    """Drop the `no` of a normal report's own impression."""
    if not report.normal or len(report.sections[IMPRESSION]) != 1:
        return None
    text = report.sections[IMPRESSION][0]
    if report.lang == "en":
        changed = re.sub(
            r"^No (evidence of )?(?=acute|active|focal|pneumo|pleural|cardio)", "", text
        )
        changed = changed[:1].upper() + changed[1:]
    else:
        changed = re.sub(
            r"^(患者)?(没有|未)(明显的?|发现|看到|检测到|任何|观察到)*(?=急性|活动性|病灶|胸腔|气胸|心肺)",
            "有",
            text,
            count=1,
        )
    negated = r"\b(no|not|without|negative)\b" if report.lang == "en" else r"没|无|未|不"
    if changed == text or re.search(negated, changed, re.I):
        return None
    wrong = set_sentence(report, IMPRESSION, 0, changed)
    return Planted(report, wrong, place(wrong, IMPRESSION, 0), variant="own, dropped")


def dropped_denial(base: Report, scenario: Mapping[str, Any], draw: Random) -> Planted | None:
    """Deny a finding in both sections, then lose the negation of the impression."""
    denials = [marked(text)[0] for text in scenario[base.lang]["denial"]]
    index = draw.randint(0, len(base.sections[FINDINGS]))
    clean = insert(base, FINDINGS, index, denials[1])
    clean = insert(clean, IMPRESSION, 0, denials[0])
    if base.lang == "en":
        bare = re.sub(r"^No ", "", denials[0])
        bare = bare[:1].upper() + bare[1:]
    else:
        bare = re.sub("未见明确|未见", "可见", denials[0]).replace("无", "有")
    if bare == denials[0]:
        return None
    wrong = set_sentence(clean, IMPRESSION, 0, bare)
    also = (place(wrong, FINDINGS, index),)
    return Planted(clean, wrong, place(wrong, IMPRESSION, 0), also, "dropped")


def added_denial(base: Report, scenario: Mapping[str, Any], draw: Random) -> Planted:
    """State a finding in both sections, then deny it in the impression."""
    lang = base.lang
    slots = slots_of(scenario, lang, draw_side(lang, draw), draw)
    clean, finding, _ = stated(base, scenario, slots, draw)
    text = re.split(r"[,;，；（(]|。| without|伴", clean.sections[IMPRESSION][0].rstrip("."))[0]
    denied = f"No {text[0].lower() + text[1:]}." if lang == "en" else f"未见{text}。"
    wrong = set_sentence(clean, IMPRESSION, 0, denied)
    return Planted(clean, wrong, place(wrong, IMPRESSION, 0), (finding,), "inserted")
