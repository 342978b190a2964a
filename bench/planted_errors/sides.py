"""Errors of side."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from radraft.bench.planted_errors.edits import (
    cleared,
    draw_side,
    flip,
    flipped_span,
    marked,
    only_side,
    place,
    reason_place,
    scenarios,
    set_sentence,
    slots_of,
    stated,
)
from radraft.bench.planted_errors.values import Planted, Report, Words
from radraft.bench.planted_errors.words import BILATERAL, FINDINGS, IMPRESSION, NOUNS, SIDES


def side_sections(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant a side in one section that differs from the other's."""
    lang = report.lang
    scenario = draw.choice(scenarios(words, without=("sideless",)))
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    slots = slots_of(scenario, lang, draw_side(lang, draw), draw)
    clean, finding, conclusion = stated(base, scenario, slots, draw)
    target, other = draw.choice(((finding, conclusion), (conclusion, finding)))
    return flip_at(clean, target.section, target.index, (other.section, other.index), "written")


def own_sides(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant it in a finding whose side the report itself gives in both sections."""
    lang = report.lang
    for index, text in enumerate(report.sections[IMPRESSION]):
        found = only_side(text, lang)
        for noun in re.findall(NOUNS[lang], text, re.I) if found else ():
            holders = [
                (number, sentence)
                for number, sentence in enumerate(report.sections[FINDINGS])
                if re.search(noun, sentence, re.I)
                and (SIDES[lang].search(sentence) or BILATERAL[lang].search(sentence))
            ]
            same = holders and all(
                (match := only_side(sentence, lang))
                and found
                and match[0].lower() == found[0].lower()
                for _, sentence in holders
            )
            others = [
                t
                for i, t in enumerate(report.sections[IMPRESSION])
                if i != index and re.search(noun, t, re.I)
            ]
            if same and not others:
                return flip_at(report, IMPRESSION, index, (FINDINGS, holders[0][0]), "own")
    return None


def flip_at(
    clean: Report, section: str, index: int, other: tuple[str, int], variant: str
) -> Planted | None:
    """Turn the one side word of a sentence round; `other` is the statement it then contradicts."""
    lang = section[-2:] if clean.lang == "both" else clean.lang
    tongue = other[0][-2:] if clean.lang == "both" else clean.lang
    found = only_side(clean.sections[section][index], lang)
    match = only_side(clean.sections[other[0]][other[1]], tongue)
    if not found or not match:
        return None
    wrong = set_sentence(clean, section, index, flip(clean.sections[section][index], found))
    where = place(wrong, section, index, flipped_span(found))
    return Planted(clean, wrong, where, (place(wrong, *other, match.span()),), variant)


def side_reason(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant the side that the order does not give, in both sections."""
    lang = report.lang
    scenario = draw.choice(scenarios(words, without=("sideless",)))
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    side = draw_side(lang, draw)
    slots = slots_of(scenario, lang, side, draw)
    reason, _ = marked(draw.choice(scenario[lang]["reason"]), **slots)
    base = replace(base, study=replace(base.study, order_reason=reason))
    clean, finding, conclusion = stated(base, scenario, slots, draw)
    wrong, places = clean, []
    for spot in (finding, conclusion):
        text = clean.sections[spot.section][spot.index]
        found = only_side(text, lang)
        if not found:
            return None
        wrong = set_sentence(wrong, spot.section, spot.index, flip(text, found))
        places.append((spot.section, spot.index, flipped_span(found)))
    at = SIDES[lang].search(reason)
    if not at:
        return None
    also = (place(wrong, *places[1]), reason_place(wrong, *at.span()))
    return Planted(clean, wrong, place(wrong, *places[0]), also)
