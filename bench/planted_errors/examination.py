"""Words of another body part, modality, contrast or view."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from radraft.bench.planted_errors.edits import exchanged, inserted, place, set_sentence
from radraft.bench.planted_errors.patient import CHEST, section_for
from radraft.bench.planted_errors.values import Planted, Report, Words
from radraft.bench.planted_errors.words import FINDINGS, IMPRESSION, VIEW_WORDS


def body_part(report: Report, words: Words, draw: Random) -> Planted:
    """Plant another region's name in a sentence on how the film was taken."""
    lang = report.lang
    frame, region = draw.choice(words["region_frames"][lang]), draw.choice(words["regions"][lang])
    chest = frame.replace("{region}", "chest" if lang == "en" else "胸部")
    return exchanged(report, FINDINGS, chest, frame.replace("{region}", region), draw)


def own_body_part(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant another region's name where the report names the chest."""
    lang = report.lang
    region = draw.choice(words["regions"][lang])
    for name in (FINDINGS, IMPRESSION):
        for index, text in enumerate(report.sections[name]):
            found = CHEST[lang].search(text)
            if found and not re.search(r"prior|previous|compar|之前|以前|CT", text, re.I):
                put = region.capitalize() if found[0][0].isupper() else region
                changed = text[: found.start()] + put + text[found.end() :]
                wrong = set_sentence(report, name, index, changed)
                where = place(wrong, name, index, (found.start(), found.start() + len(put)))
                return Planted(report, wrong, where, variant="own")
    return None


def foreign_exam(report: Report, words: Words, draw: Random) -> Planted:
    """Plant a sentence of another examination."""
    return inserted(
        report, section_for(report, draw), draw.choice(words["foreign"][report.lang]), draw
    )


def modality(report: Report, words: Words, draw: Random) -> Planted:
    """Plant words of CT, MR, ultrasound or nuclear medicine in a film's report."""
    own = re.compile(
        r"x-?ray(?= )|radiograph\b"
        if report.lang == "en"
        else r"X光片|X射线(图像|检查|片)?|X光(检查|扫描|图像)?",
        re.I,
    )
    spots = [
        (index, found)
        for index, text in enumerate(report.sections[FINDINGS])
        if (found := own.search(text)) and not re.search("CT|recommend|建议", text)
    ]
    if spots and draw.random() < 0.4:
        index, found = draw.choice(spots)
        text, put = report.sections[FINDINGS][index], draw.choice(("CT", "MRI"))
        wrong = set_sentence(
            report, FINDINGS, index, text[: found.start()] + put + text[found.end() :]
        )
        where = place(wrong, FINDINGS, index, (found.start(), found.start() + len(put)))
        return Planted(report, wrong, where, variant="own")
    return inserted(report, FINDINGS, draw.choice(words["modality"][report.lang]), draw)


def contrast(report: Report, words: Words, draw: Random) -> Planted:
    """Plant words of a contrast medium in the report of a plain film."""
    return inserted(report, FINDINGS, draw.choice(words["contrast"][report.lang]), draw)


def views(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant a view that was not taken."""
    lang = report.lang
    if VIEW_WORDS[lang].search(report.text()):
        return None
    taken = draw.choice((("AP",), ("PA",), ("PA", "LATERAL")))
    table = words["views"][lang]
    right = draw.choice(table["_".join(taken)])
    others = [name for name in table if name != "_".join(taken)]
    wrong = draw.choice(table[draw.choice(others)])
    report = replace(report, study=replace(report.study, views=taken))
    return exchanged(report, FINDINGS, right, wrong, draw)
