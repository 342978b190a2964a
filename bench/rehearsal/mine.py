"""Sentences of real reports that state one thing and nothing more, counted by what they state.

They are read when the rehearsal runs and stay in memory: the reports' licences are non-commercial.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radraft.bench.rehearsal.values import Said
from radraft.core.errors import TrainingError
from radraft.finetune.starter.compose import NO_FINDING, bank
from radraft.llm.profiles import Bounds
from radraft.llm.wire import report_schema
from radraft.reports.checks.sides import named_sides
from radraft.reports.findings.extract import claims_prior, extract
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import Certainty, Lang, Laterality

ORIGINAL = Path("reports_iu_en/reports.csv")
BILINGUAL = Path("reports_iu_zh_en/pairs.jsonl")
SIDED = frozenset(
    {
        "lung_opacity",
        "consolidation",
        "infiltrate",
        "pneumonia",
        "atelectasis",
        "pulmonary_mass",
        "pulmonary_nodule",
        "pneumothorax",
        "pleural_effusion",
        "pleural_thickening",
    }
)
"""Findings of a lung or pleura that lie on a side."""
SIDES: Mapping[Lang, Mapping[Laterality, str]] = {
    "zh": {Laterality.LEFT: "左侧", Laterality.RIGHT: "右侧"},
    "en": {Laterality.LEFT: "left", Laterality.RIGHT: "right"},
}
_SLOT: Mapping[Lang, re.Pattern[str]] = {
    "zh": re.compile("[左右]侧?"),
    "en": re.compile(r"\b(?:left|right)\b", re.IGNORECASE),
}
# What no label knows: how much, where in the lung, how many, how old, how it was looked at.
_BEYOND: Mapping[Lang, re.Pattern[str]] = {
    "zh": re.compile(
        r"轻|重|中度|少量|大量|微|小|大片|巨大|叶|底|尖|肺门|慢性|多|新|旧|也|此外|其他|伴|侧位|钙化"
        r"|进一步|建议|[上中下]肺|[上中下]部|纵隔|气道|轮廓|膨胀|然而|因此|而且|患者|[0-9]"
    ),
    "en": re.compile(
        r"\b(mild(ly)?|moderate(ly)?|marked|severe|small|large|tiny|minimal(ly)?|borderline|slight(ly)?"
        r"|subtle|trace|bi?basilar|basal|lower|upper|middle|mid|midlung|bases?|apical|apex|apices"
        r"|(peri|retro)?(hilar|cardiac)|lob(e|es|ar)|lingula|chronic|multiple|several|also|this|these"
        r"|other|otherwise|overall|however|specifically|underlying|associated|adjacent|superimposed|ct"
        r"|lateral|xxxx|subsegmental|compressive|new|old|scarring|calcified|typical|definite|diffuse"
        r"|soft|may|could|patient|physician|healthy|mediastin\w*|airways?|inflated|expanded)\b|\d",
        re.IGNORECASE,
    ),
}
# An acute finding is a claim; that none is acute is how normal films are reported.
_ACUTE: Mapping[Lang, re.Pattern[str]] = {
    "zh": re.compile("急性"),
    "en": re.compile(r"\bacute\b", re.IGNORECASE),
}
_PATTERNS = report_schema(Bounds(zh_chars=40, en_chars=120))["properties"]["findings"]["items"]
_FITS: Mapping[Lang, re.Pattern[str]] = {
    "zh": re.compile(_PATTERNS["properties"]["zh"]["pattern"]),
    "en": re.compile(_PATTERNS["properties"]["en"]["pattern"]),
}
_CODES = frozenset(bank().findings) | {NO_FINDING}


@dataclass(frozen=True)
class Found:
    """Templates of real sentences and how often each stands in the reports."""

    original_en: Mapping[Said, Counter[str]]
    prose_en: Mapping[Said, Counter[str]]
    """Of machine-made prose."""
    zh: Mapping[Said, Counter[str]]
    """Machine translations, where the aligned English states the same."""


def mine(data: Path) -> Found:
    """Reads both report sets of the data folder; some seconds.

    TrainingError `rehearsal_data_missing`.
    """
    prose: Counter[str] = Counter()
    chinese: Counter[str] = Counter()
    for en, zh in _aligned(_pairs(data / BILINGUAL)):
        prose[en] += 1
        if not _BEYOND["zh"].search(zh) and _said(zh, "zh") == _said(en, "en"):
            chinese[zh] += 1
    return Found(
        original_en=_by_said(Counter(_originals(data / ORIGINAL)), "en"),
        prose_en=_by_said(prose, "en"),
        zh=_by_said(chinese, "zh"),
    )


def filled(template: str, lang: Lang, side: Laterality | None) -> str:
    """The sentence with the side, or without one; `a` or `an` as it then sounds."""
    if side is not None:
        text = template.replace("{side}", SIDES[lang][side])
    else:
        text = re.sub(r"\{side\}(?:[- ]?sided)? ?", "", template)
    if lang == "zh":
        return text
    text = re.sub(r"\b([Aa])n (?=[^aeiou ])", r"\1 ", text)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return text[:1].upper() + text[1:]


def stated(template: str, lang: Lang) -> Said | None:
    """What the template states with and without a side; None unless that is the same, fits a draft
    and says nothing that labels do not know."""
    plain = filled(template, lang, None)
    said = _exactly(plain, lang, None)
    if said is None or not _FITS[lang].fullmatch(plain):
        return None
    if "{side}" not in template:
        return said
    if len(said) != 1 or not all(code in SIDED for code, _ in said):
        return None
    for side in SIDES[lang]:
        text = filled(template, lang, side)
        if not _FITS[lang].fullmatch(text) or _exactly(text, lang, side) != said:
            return None
    return said


def _exactly(text: str, lang: Lang, side: Laterality | None) -> Said | None:
    """What the sentence states, each finding on `side` and nothing of size, place or change."""
    mentions = extract(text, lang)
    named = named_sides(text, lang)
    if not mentions or claims_prior(text, lang) or named != ({side} if side else set()):
        return None
    for read in mentions:
        if read.change or read.size_mm or read.anatomy or read.laterality is not side:
            return None
    said = frozenset((counted_as(mention.code), mention.polarity) for mention in mentions)
    return said if len(said) == len(mentions) else None


def _by_said(templates: Counter[str], lang: Lang) -> dict[Said, Counter[str]]:
    found: dict[Said, Counter[str]] = defaultdict(Counter)
    for template, count in templates.items():
        if _BEYOND[lang].search(template):
            continue
        said = stated(template, lang)
        if said is None or not all(code in _CODES for code, _ in said):
            continue
        normal = all(c is Certainty.ABSENT or code == NO_FINDING for code, c in said)
        if normal or not _ACUTE[lang].search(template):
            found[said][template] += count
    return dict(found)


def _said(template: str, lang: Lang) -> Said:
    mentions = extract(filled(template, lang, None), lang)
    return frozenset((counted_as(mention.code), mention.polarity) for mention in mentions)


def _template(sentence: str, lang: Lang) -> str | None:
    """With its one side as a slot; None where it names more than one."""
    found = _SLOT[lang].findall(sentence)
    if len(found) > 1:
        return None
    return _SLOT[lang].sub("{side}", sentence)


def _originals(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        texts = [row[section] for row in rows for section in ("findings", "impression")]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError):
        raise TrainingError("rehearsal_data_missing", needs=str(ORIGINAL)) from None
    for text in texts:
        for sentence in _english(text):
            template = _template(sentence, "en")
            if template is not None:
                yield template


def _pairs(path: Path) -> list[tuple[str, str]]:
    """(en, zh) of each report once: the set repeats a report for each of its images."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
        return list(dict.fromkeys((row["en"].strip(), row["zh"].strip()) for row in rows))
    except (OSError, UnicodeDecodeError, ValueError, KeyError, AttributeError):
        raise TrainingError("rehearsal_data_missing", needs=str(BILINGUAL)) from None


def _aligned(reports: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Templates of sentence pairs of reports that have as many in one language as in the other."""
    for en, zh in reports:
        english, chinese = _english(en), _chinese(zh)
        if len(english) != len(chinese):
            continue
        for one, other in zip(english, chinese, strict=True):
            first, second = _template(one, "en"), _template(other, "zh")
            if first is not None and second is not None:
                yield first, second


def _english(text: str) -> list[str]:
    parts = re.findall(r"[^.]+\.", text.rstrip(". ") + ".")
    return [" ".join(part.split()) for part in parts if part.strip(" .")]


def _chinese(text: str) -> list[str]:
    parts = [part.strip() for part in text.replace(",", "，").replace(" ", "").split("。")]
    return [f"{part}。" for part in parts if part]
