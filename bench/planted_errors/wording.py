"""Errors of wording: devices, duplicates, fields left open, identity."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

from radraft.bench.planted_errors.edits import (
    cleared,
    draw_side,
    insert,
    inserted,
    marked,
    only_side,
    place,
    scenarios,
    set_sentence,
    slots_of,
    stated,
)
from radraft.bench.planted_errors.patient import section_for
from radraft.bench.planted_errors.values import Planted, Report, Words
from radraft.bench.planted_errors.words import FINDINGS


def device_sections(report: Report, words: Words, draw: Random) -> Planted | None:
    """Name a device in one section and deny it in the other."""
    lang = report.lang
    scenario = draw.choice(scenarios(words, "device"))
    base = cleared(report, scenario, words, draw)
    if base is None:
        return None
    slots = slots_of(scenario, lang, draw_side(lang, draw), draw)
    clean, finding, conclusion = stated(base, scenario, slots, draw)
    denial, spans = marked(draw.choice(scenario[lang]["denial"]))
    target, other = draw.choice(((finding, conclusion), (conclusion, finding)))
    wrong = set_sentence(clean, target.section, target.index, denial)
    return Planted(clean, wrong, place(wrong, target.section, target.index, spans[0]), (other,))


def duplicate(report: Report, words: Words, draw: Random) -> Planted | None:
    """Write a sentence of the findings a second time, word by word or nearly so."""
    texts = report.sections[FINDINGS]
    least = 24 if report.lang == "en" else 10
    long = [index for index, text in enumerate(texts) if len(text) >= least]
    if not long or len(texts) < 3 or len(set(texts)) < len(texts):
        return None
    source = draw.choice(long)
    copy = (
        texts[source]
        if draw.random() < 0.4
        else near_copy(texts[source], words["synonyms"][report.lang])
    )
    if not copy:
        return None
    index = draw.choice(range(source + 1, len(texts) + 1))
    wrong = insert(report, FINDINGS, index, copy)
    variant = "exact" if copy == texts[source] else "near"
    return Planted(
        report, wrong, place(wrong, FINDINGS, index), (place(wrong, FINDINGS, source),), variant
    )


def near_copy(text: str, synonyms: Mapping[str, str]) -> str:
    """Return the sentence in slightly other words; empty where no synonym fits."""
    for old, new in synonyms.items():
        if old in text:
            changed = text.replace(old, new, 1)
            return changed[:1].upper() + changed[1:]
    return ""


def template_field(report: Report, words: Words, draw: Random) -> Planted | None:
    """Leave an open field, or a choice of sides that nobody made."""
    lang = report.lang
    spots = [
        (index, found)
        for index, text in enumerate(report.sections[FINDINGS])
        if (found := only_side(text, lang))
    ]
    if spots and draw.random() < 0.8:
        index, found = draw.choice(spots)
        text, put = report.sections[FINDINGS][index], draw.choice(words["both_sides"][lang])
        wrong = set_sentence(
            report, FINDINGS, index, text[: found.start()] + put + text[found.end() :]
        )
        where = place(wrong, FINDINGS, index, (found.start(), found.start() + len(put)))
        return Planted(report, wrong, where, variant="side not chosen")
    return inserted(report, section_for(report, draw), draw.choice(words["fillers"][lang]), draw)


def identity(report: Report, words: Words, draw: Random) -> Planted:
    """Write a made-up name, number or date of birth."""
    lang = report.lang
    years = report.study.age + 0.05 + draw.random() * 0.85
    born = date.fromisoformat(report.study.study_date) - timedelta(days=int(years * 365.25))
    slots = {
        "title": {"M": "Mr.", "F": "Mrs."}[report.study.sex],
        "name_en": draw.choice(words["names"]["en"][report.study.sex]),
        "name_zh": draw.choice(words["names"]["zh"][report.study.sex]),
        "phone_en": draw.choice(
            (
                f"(317) 555-01{draw.randrange(100):02}",
                f"020 7946 0{draw.randrange(1000):03}",
                f"+1 555 01{draw.randrange(100):02} 4417",
            )
        ),
        "phone_zh": f"1{draw.choice('3578')}{draw.randrange(10**9):09}",
        "dob_en": draw.choice((born.strftime("%m/%d/%Y"), born.strftime("%d %B %Y"))),
        "dob_zh": draw.choice((f"{born.year}年{born.month}月{born.day}日", born.isoformat())),
        "mrn": str(draw.randrange(10**7, 10**8)),
        "accession": f"A{draw.randrange(10**8, 10**9)}",
        "ssn": f"900-{draw.randrange(10, 99)}-{draw.randrange(1000, 9999)}",
        "nhs": f"999 {draw.randrange(100, 999)} {draw.randrange(1000, 9999)}",
        "id_zh": resident_number(born, draw),
    }
    return inserted(
        report, section_for(report, draw), draw.choice(words["identity"][lang]), draw, **slots
    )


def resident_number(born: date, draw: Random) -> str:
    """Return a made-up resident number of a region that does not exist, its check digit right."""
    body = f"990{draw.randrange(100, 999)}{born:%Y%m%d}{draw.randrange(100, 999)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    return body + "10X98765432"[total % 11]
