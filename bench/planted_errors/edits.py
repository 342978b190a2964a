"""Sentences put in, taken out or exchanged, and where they stand then."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from radraft.bench.planted_errors.values import Place, Planted, Report, Words
from radraft.bench.planted_errors.words import (
    BILATERAL,
    FINDINGS,
    IMPRESSION,
    NORMAL,
    OPPOSITE,
    SIDES,
)


def marked(template: str, **slots: object) -> tuple[str, list[tuple[int, int]]]:
    """Fill a template and return it with the spans that ⟦ ⟧ marked."""
    for name, value in slots.items():
        template = template.replace("{" + name + "}", str(value))
    spans, text = [], ""
    for part in re.split(r"(⟦[^⟧]*⟧)", template):
        if part.startswith("⟦"):
            spans.append((len(text), len(text) + len(part) - 2))
            part = part[1:-1]
        text += part
    return text, spans


def sentence_span(text: str) -> tuple[int, int]:
    """Return the span of a sentence without its full stop."""
    return 0, len(text.rstrip("。. "))


def place(report: Report, section: str, index: int, span: tuple[int, int] | None = None) -> Place:
    """Return a place in the report, a whole sentence where no span is given."""
    text = report.sections[section][index]
    start, end = span or sentence_span(text)
    lang = section[-2:] if report.lang == "both" else report.lang
    return Place(section, index, lang, start, end, text[start:end])


def reason_place(report: Report, start: int, end: int) -> Place:
    """Return a place in the order's reason."""
    return Place("order_reason", -1, report.lang, start, end, report.study.order_reason[start:end])


def set_section(report: Report, section: str, texts: Sequence[str]) -> Report:
    """Return the report with one section exchanged."""
    return replace(report, sections={**report.sections, section: tuple(texts)})


def set_sentence(report: Report, section: str, index: int, text: str) -> Report:
    """Return the report with one sentence exchanged."""
    texts = list(report.sections[section])
    texts[index] = text
    return set_section(report, section, texts)


def insert(report: Report, section: str, index: int, text: str) -> Report:
    """Return the report with a sentence put before `index`."""
    texts = list(report.sections[section])
    texts.insert(index, text)
    return set_section(report, section, texts)


def inserted(
    clean: Report,
    section: str,
    template: str,
    draw: Random,
    variant: str = "written",
    **slots: object,
) -> Planted:
    """Plant a sentence at a drawn index; the marks say where."""
    text, spans = marked(template, **slots)
    index = draw.randint(0, len(clean.sections[section]))
    wrong = insert(clean, section, index, text)
    places = [place(wrong, section, index, span) for span in spans]
    return Planted(clean, wrong, places[0], tuple(places[1:]), variant)


def exchanged(report: Report, section: str, right: str, wrong: str, draw: Random) -> Planted:
    """Write a right sentence into the clean report and the wrong one at its place."""
    index = draw.randint(0, len(report.sections[section]))
    clean = insert(report, section, index, marked(right)[0])
    text, spans = marked(wrong)
    changed = insert(report, section, index, text)
    return Planted(clean, changed, place(changed, section, index, spans[0]))


def flip(text: str, found: re.Match[str]) -> str:
    """Return the text with one side word turned round, its capital kept."""
    other = OPPOSITE[found[0].lower()]
    other = other.capitalize() if found[0][0].isupper() else other
    return text[: found.start()] + other + text[found.end() :]


def flipped_span(found: re.Match[str]) -> tuple[int, int]:
    """Return the span of the side word after `flip`."""
    return found.start(), found.start() + len(OPPOSITE[found[0].lower()])


def only_side(text: str, lang: str) -> re.Match[str] | None:
    """Return the one side word of a sentence; None for none, several or both sides."""
    found = list(SIDES[lang].finditer(text))
    return found[0] if len(found) == 1 and not BILATERAL[lang].search(text) else None


def scenarios(words: Words, *flags: str, without: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the scenarios that have every flag and none of `without`."""
    return [
        scenario
        for scenario in words["scenarios"]
        if all(scenario.get(flag) for flag in flags)
        and not any(scenario.get(flag) for flag in without)
    ]


def cleared(
    report: Report, scenario: Mapping[str, Any], words: Words, draw: Random
) -> Report | None:
    """Drop what denies the scenario's finding or calls the study normal; fill up to three.

    None where more than denials would have to go: the rest would no longer fit together.
    """
    lang = report.lang
    topic = re.compile(scenario["topic"][lang], re.I)
    kept: dict[str, list[str]] = {FINDINGS: [], IMPRESSION: []}
    for name, texts in kept.items():
        for text in report.sections[name]:
            if topic.search(text) or NORMAL[lang].search(text):
                if not is_denial(text, lang):
                    return None
            else:
                texts.append(text)
    findings = kept[FINDINGS]
    unconcluded = not kept[IMPRESSION] and any(
        IMPORTANT[lang].search(text) for text in findings if not is_denial(text, lang)
    )
    if not findings or unconcluded:
        return None
    neutral = [text for text in words["neutral"][lang] if not topic.search(text)]
    draw.shuffle(neutral)
    findings += neutral[: max(0, 3 - len(findings))]
    return set_section(set_section(report, FINDINGS, findings), IMPRESSION, kept[IMPRESSION])


DENIES = {
    "en": re.compile(r"\b(no|not|without|clear|normal|unremarkable|negative|intact|free)\b", re.I),
    "zh": re.compile(r"没|无|未|正常|清晰|清楚|阴性|完整|健康|建议|医生|专业|重要的是|这意味"),
}


STATES = {
    "en": re.compile(
        r"\b(mild\w*|moderate|severe|minimal|small|large|but|however|although|except|otherwise|chronic|old|healed|"
        r"degenerative|calcif\w+|granulom\w+|stable|enlarged|tortuous|elevat\w+|may|could|possibl\w+|prior|previous)\b",
        re.I,
    ),
    "zh": re.compile(
        r"但|然而|虽然|除了|可能|轻度|轻微|中度|稳定|慢性|退行|钙化|增大|肿大|陈旧|肉芽|升高|抬高|迂[曲回]|侧弯|术后|手术|气肿|导管|骨折|其他"
    ),
}


IMPORTANT = {
    "en": re.compile(
        r"effusion|infiltrat|pneumonia|mass\b|nodul|fractur|edema|consolidat|opacit|airspace|pneumothora|lesion",
        re.I,
    ),
    "zh": re.compile(r"积液|积水|浸润|肺炎|肿块|结节|骨折|水肿|实变|固结|不透明|气胸|病变|空隙"),
}
"""What an impression has to conclude: a report without one is taken where it has none of these."""


def is_denial(text: str, lang: str) -> bool:
    """Return whether a sentence only denies or calls something normal."""
    return bool(DENIES[lang].search(text)) and not STATES[lang].search(text)


def measure(scenario: Mapping[str, Any], lang: str, draw: Random) -> dict[str, str]:
    """Return `size` and `size2` of a scenario in words, with the number of millimetres."""
    gap = "" if lang == "zh" else " "
    if "size2" in scenario:
        longer = draw.randint(*scenario["size2"])
        shorter = draw.randint(longer // 2, longer - 6)
        cross = draw.choice(("×", "*", "x")) if lang == "zh" else " x "
        return {
            "size": "",
            "size2": f"{longer / 10:.1f}{cross}{shorter / 10:.1f}{gap}cm",
            "swapped": f"{shorter / 10:.1f}{cross}{longer / 10:.1f}{gap}cm",
        }
    length = draw.randint(*scenario.get("size", (10, 20)))
    unit = draw.choice(("mm", "毫米")) if lang == "zh" else "mm"
    return {"size": f"{length}{gap}{unit}", "size2": "", "mm": str(length)}


def slots_of(scenario: Mapping[str, Any], lang: str, side: str, draw: Random) -> dict[str, str]:
    """Return the values for a scenario's templates."""
    return {"side": side, "Side": side.capitalize(), **measure(scenario, lang, draw)}


def draw_side(lang: str, draw: Random) -> str:
    """Return a side word."""
    return draw.choice(("左", "右") if lang == "zh" else ("left", "right"))


def stated(
    report: Report, scenario: Mapping[str, Any], slots: Mapping[str, str], draw: Random
) -> tuple[Report, Place, Place]:
    """Write a scenario's finding into both sections; return the places of its name."""
    lang = report.lang
    text, spans = marked(draw.choice(scenario[lang][FINDINGS]), **slots)
    index = draw.randint(0, len(report.sections[FINDINGS]))
    report = insert(report, FINDINGS, index, text)
    concluded, marks = marked(draw.choice(scenario[lang][IMPRESSION]), **slots)
    report = insert(report, IMPRESSION, 0, concluded)
    return report, place(report, FINDINGS, index, spans[0]), place(report, IMPRESSION, 0, marks[0])
