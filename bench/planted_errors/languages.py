"""Errors in one language of two."""

from __future__ import annotations

import re
from random import Random

from radraft.bench.planted_errors.edits import insert, marked, only_side, place, set_sentence
from radraft.bench.planted_errors.sides import flip_at
from radraft.bench.planted_errors.values import Planted, Report, Words


def side_languages(report: Report, words: Words, draw: Random) -> Planted | None:
    """Turn a side round in one language."""
    spots = [
        index
        for index, (zh, en) in enumerate(
            zip(report.sections["findings_zh"], report.sections["findings_en"], strict=True)
        )
        if only_side(zh, "zh") and only_side(en, "en")
    ]
    if not spots:
        return None
    index = draw.choice(spots)
    names = draw.sample(("findings_zh", "findings_en"), 2)
    return flip_at(report, names[0], index, (names[1], index), "own")


def written_number(report: Report, words: Words, draw: Random) -> Planted | None:
    """Write a parallel sentence with a number into both languages and change it in one."""
    index = draw.randint(1, len(report.sections["findings_zh"]))
    number = draw.randint(3, 9)
    for name, template in zip(
        ("findings_en", "findings_zh"), draw.choice(words["bilingual"]["numbers"]), strict=True
    ):
        report = insert(report, name, index, marked(template, n=number)[0])
    name, other = draw.sample(("findings_zh", "findings_en"), 2)
    text, start = report.sections[name][index], report.sections[name][index].index(str(number))
    bad = changed_number(str(number), draw)
    wrong = set_sentence(report, name, index, text[:start] + bad + text[start + 1 :])
    twin = report.sections[other][index].index(str(number))
    where = place(wrong, name, index, (start, start + len(bad)))
    return Planted(report, wrong, where, (place(wrong, other, index, (twin, twin + 1)),))


def number_languages(report: Report, words: Words, draw: Random) -> Planted | None:
    """Change a number in one language."""
    zh = report.sections["findings_zh"]
    spots = [i for i in range(len(zh)) if re.search(r"\d", zh[i])]
    if not spots:
        return None
    index = draw.choice(spots)
    name, other = draw.sample(("findings_zh", "findings_en"), 2)
    text = report.sections[name][index]
    found = draw.choice(list(re.finditer(r"\d+(?:\.\d+)?", text)))
    twin = re.search(rf"(?<![\d.]){re.escape(found[0])}(?![\d.])", report.sections[other][index])
    if not twin:
        return None
    bad = changed_number(found[0], draw)
    wrong = set_sentence(report, name, index, text[: found.start()] + bad + text[found.end() :])
    where = place(wrong, name, index, (found.start(), found.start() + len(bad)))
    return Planted(report, wrong, where, (place(wrong, other, index, twin.span()),), "own")


def changed_number(number: str, draw: Random) -> str:
    """Return another number of the same form."""
    whole = number.split(".")[0]
    other = str(int(whole) + draw.choice((1, 2, 3))) if len(whole) < 2 else whole[::-1]
    if int(other) == int(whole):
        other = str(int(whole) + 2)
    return other.lstrip("0") + number[len(whole) :]


NEGATIONS = {
    "en": re.compile(
        r"\b(no|not|without|negative|free of|absence|absent|nor|neither|none|un\w+|rather than|"
        r"rule[sd]? out)\b",
        re.I,
    ),
    "zh": re.compile(r"没有|没|未|无|不|非|阴性|除外|排除"),
}


def negation_languages(report: Report, words: Words, draw: Random) -> Planted | None:
    """Drop a negation in one language, or put one in."""
    pairs = list(zip(report.sections["findings_zh"], report.sections["findings_en"], strict=True))
    spots = []
    for index, (zh, en) in enumerate(pairs):
        counts = len(NEGATIONS["zh"].findall(zh)), len(NEGATIONS["en"].findall(en))
        if counts == (1, 1):
            spots += [
                (index, "findings_zh", dropped_zh(zh)),
                (index, "findings_en", dropped_en(en)),
            ]
        if counts == (0, 0):
            spots += [
                (index, "findings_zh", negated_zh(zh)),
                (index, "findings_en", negated_en(en)),
            ]
    spots = [(index, name, text) for index, name, text in spots if text]
    if not spots:
        return None
    index, name, text = draw.choice(spots)
    wrong = set_sentence(report, name, index, text)
    other = "findings_en" if name == "findings_zh" else "findings_zh"
    return Planted(report, wrong, place(wrong, name, index), (place(wrong, other, index),), "own")


def dropped_zh(text: str) -> str:
    """Return the sentence without its negation; empty where its form is another."""
    for old, new in (
        ("没有看到", "可以看到"),
        ("没有发现", "发现"),
        ("没有", "有"),
        ("未见", "可见"),
        ("未发现", "发现"),
    ):
        if old in text and not re.search("没有(明显|任何|其他)", text):
            return text.replace(old, new, 1)
    return ""


def dropped_en(text: str) -> str:
    """Return the sentence without its negation; empty where its form is another."""
    if re.search(
        r"\bno (other|significant|obvious|evidence|visible|longer|definite)|\bany\b", text, re.I
    ):
        return (
            re.sub(r"\bno evidence of\b", "evidence of", text)
            if re.search(r"is no evidence of(?! any)", text)
            else ""
        )
    changed = re.sub(r"\bno ", "", text, count=1)
    changed = re.sub(r"^No (.)", lambda found: found[1].upper(), changed, count=1)
    return "" if changed == text else changed


def negated_zh(text: str) -> str:
    """Return a statement denied; empty where its form is another."""
    changed = re.sub(
        r"(?<!没)有(?=一个|轻度|轻微|中度|少量|左|右|双侧|钙化)", "没有", text, count=1
    )
    return "" if changed == text else changed


def negated_en(text: str) -> str:
    """Return a statement denied; empty where its form is another."""
    changed = re.sub(r"\bThere is (a |an )?(?!also|evidence)", "There is no ", text, count=1)
    changed = re.sub(r"\bthere is (a |an )(?=\w)", "there is no ", changed, count=1)
    return "" if changed == text else changed
