"""Errors of sex and age."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from radraft.bench.planted_errors.edits import exchanged
from radraft.bench.planted_errors.values import Planted, Report, Words
from radraft.bench.planted_errors.words import FEMALE, FINDINGS, IMPRESSION, MALE, OLDER


def sex(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant an organ or a word of the other sex."""
    lang, own = report.lang, report.study.sex
    if FEMALE.search(report.text()) or MALE.search(report.text()):
        return None
    other = "F" if own == "M" else "M"
    right, wrong = draw.choice(
        list(zip(words["sex"][lang][own], words["sex"][lang][other], strict=True))
    )
    if report.study.age > 45 and re.search("pregnant|antenatal|产科", right):
        return None
    report = replace(report, study=replace(report.study, order_reason=words["reasons"][lang][0]))
    return exchanged(report, section_for(report, draw), right, wrong, draw)


def section_for(report: Report, draw: Random) -> str:
    """Return the findings, or in one of four the impression where there is one."""
    return IMPRESSION if report.sections[IMPRESSION] and draw.random() < 0.25 else FINDINGS


def age(report: Report, words: Words, draw: Random) -> Planted | None:
    """Plant wording of another age, or another number of years."""
    lang = report.lang
    if OLDER.search(report.text() + report.study.order_reason) or re.search(
        r"\d+[- ]year|\d岁", report.text()
    ):
        return None
    wrong = draw.choice(words["age"][lang])
    if wrong.get("number"):
        return wrong_years(report, wrong["text"], draw)
    low, high = wrong["ages"]
    fits = [
        phrase
        for phrase in words["age"][lang]
        if not phrase.get("number")
        and (phrase["ages"][0] > high + 15 or phrase["ages"][1] + 12 < low)
    ]
    right = draw.choice(fits)
    years = draw.randint(*right["ages"])
    if report.study.prior and years < 4:
        return None  # The prior may be from before the birth.
    study = replace(report.study, age=years, order_reason=draw.choice(words["reasons"][lang][:4]))
    return exchanged(replace(report, study=study), FINDINGS, right["text"], wrong["text"], draw)


def wrong_years(report: Report, template: str, draw: Random) -> Planted:
    """Plant an age that is at least eight years off, often by exchanged digits."""
    years = report.study.age
    turned = int(str(years)[::-1])
    choices = [turned] * 3 + [years + 10, years - 10, years + 20]
    off = draw.choice([other for other in choices if abs(other - years) >= 8 and 18 <= other <= 96])
    reason = draw.choice(("Cough.", "Chest pain.")) if report.lang == "en" else "胸痛待查"
    report = replace(report, study=replace(report.study, order_reason=reason))
    return exchanged(
        report,
        FINDINGS,
        template.replace("{age}", str(years)),
        template.replace("{age}", str(off)),
        draw,
    )


CHEST = {
    "en": re.compile(
        r"\bchest(?=[ ,]*(x-?ray|radiograph|film|exam|study|was obtained|were obtained|\.$))|"
        r"(?<=views of the )chest|(?<=Normal )chest|(?<=Negative )chest|(?<=Stable )chest",
        re.I,
    ),
    "zh": re.compile(r"胸部(?=X|射线|放射|影像|平片|检查|片)"),
}
