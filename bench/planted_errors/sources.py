"""The reports that errors are planted into, each half by a hash of its id."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import yaml

from radraft.bench.planted_errors.study import agree, with_study
from radraft.bench.planted_errors.values import Report, Words
from radraft.bench.planted_errors.words import FINDINGS, IMPRESSION

HERE = Path(__file__).resolve().parent


SOURCES = ("scenarios.yaml", "words.yaml")
SPLIT = (
    "sex",
    "age",
    "regions",
    "region_frames",
    "foreign",
    "modality",
    "contrast",
    "views",
    "impossible_size",
    "comparison",
    "comparison_dates",
    "fillers",
    "both_sides",
    "homophones",
    "lookalike_words",
    "identity",
    "names",
)
"""Lists of which the halves have different items, so that nobody tunes on what is measured."""


def load_words(data: Path, half: str) -> dict[str, Any]:
    """Return a half's sentences to plant, and the words that English reports use twice or more."""
    scenario_list, loaded = (
        yaml.safe_load((HERE / name).read_text(encoding="utf-8")) for name in SOURCES
    )
    words: dict[str, Any] = dict(loaded)
    for name in SPLIT:
        words[name] = half_of(words[name], half)
    words["scenarios"] = [
        item for item in scenario_list if item.get("dev", False) == (half == "dev")
    ]
    counts: Counter[str] = Counter()
    for row in english_rows(data):
        counts.update(re.findall(r"[a-z]+", (row["findings"] + " " + row["impression"]).lower()))
    words["vocabulary"] = {word for word, count in counts.items() if count > 1}
    return words


def half_of(value: Any, half: str) -> Any:
    """Return the items of every list in the value for one half: each third is dev's."""
    if isinstance(value, list):
        return [item for index, item in enumerate(value) if (index % 3 == 0) == (half == "dev")]
    if (
        all(isinstance(item, list) for item in value.values())
        and "en" not in value
        and "M" not in value
        and "AP" not in value
    ):
        return {
            key: value[key]
            for index, key in enumerate(value)
            if (index % 3 == 0) == (half == "dev")
        }
    return {key: half_of(item, half) for key, item in value.items()}


def english_rows(data: Path) -> list[dict[str, str]]:
    """Return the rows of reports_iu_en."""
    with (data / "reports_iu_en" / "reports.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def in_half(uid: str, half: str) -> bool:
    """Return whether a study belongs to the half: an even hash is dev."""
    even = int(hashlib.sha256(uid.encode()).hexdigest(), 16) % 2 == 0
    return even == (half == "dev")


def load_pools(data: Path, half: str, seed: int, words: Words) -> dict[str, list[Report]]:
    """Return the usable reports of a half by language, each list shuffled by the seed."""
    rows = {row["uid"]: row for row in english_rows(data)}
    pairs: dict[str, list[dict[str, str]]] = defaultdict(list)
    path = data / "reports_iu_zh_en" / "pairs.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if in_half(pair["uid"], half):
            pairs[pair["uid"]].append(pair)
    pools: dict[str, list[Report]] = {"en": [], "zh": [], "both": []}
    for uid, row in rows.items():
        if in_half(uid, half):
            pools["en"] += keep(english_report(row, words, seeded(seed, "en", uid)))
    for uid, texts in pairs.items():
        draw = seeded(seed, "zh", uid)
        row = rows.get(uid, {})
        pair = draw.choice([text for text in texts if "印象" in text["zh"]] or texts)
        pools["zh"] += keep(chinese_report(pair, row, words, draw))
        pools["both"] += keep(bilingual_report(pair, row, words, draw))
    for lang, pool in pools.items():
        seeded(seed, lang, "pool").shuffle(pool)
    return pools


def keep(report: Report | None) -> list[Report]:
    """Return the report in a list, or none of it."""
    return [report] if report else []


def seeded(*parts: object) -> Random:
    """Return a generator that depends on the parts alone."""
    return random.Random("|".join(map(str, parts)))


def english_report(row: Mapping[str, str], words: Words, draw: Random) -> Report | None:
    """Return an OpenI report with both sections, without its placeholders' sentences."""
    sections = {name: english_sentences(row[name]) for name in (FINDINGS, IMPRESSION)}
    if len(sections[FINDINGS]) < 2 or not sections[IMPRESSION]:
        return None
    told = any(word in row["comparison"].lower() for word in ("none", "no compar", "not avail"))
    compared = bool(row["comparison"].strip()) and not told
    report = with_study("en", row["uid"], sections, row, compared, words, draw)
    return report and replace(report, whole=not had_placeholder(row))


def english_sentences(text: str) -> tuple[str, ...]:
    """Split, drop list numbers, and drop a sentence that holds a de-identification placeholder."""
    text = re.sub(r"\b[xX]-XXXX\b", "x-ray", text.replace("\xa0", " "))
    text = re.sub(r"(^|\s)\d{1,2}[.)]\s+(?=[A-Z\d])", r"\1", text)
    text = re.sub(r"(?<=[a-z]{2}\.)(?=[A-Z])", " ", text)
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Za-z\d])", text)
    cleaned = [re.sub(r"[\s.]*\.\s*\.*$", ".", re.sub(r"\s+", " ", part).strip()) for part in parts]
    return tuple(
        part if part[-1] in ".!?" else part + "."
        for part in cleaned
        if "XX" not in part
        and "END OF REPORT" not in part.upper()
        and len(re.findall(r"[A-Za-z]", part)) > 3
    )


def had_placeholder(row: Mapping[str, str]) -> bool:
    """Return whether a sentence of the report went with a placeholder."""
    return "XX" in re.sub(r"\b[xX]-XXXX\b", "", row[FINDINGS] + row[IMPRESSION])


def chinese_report(
    pair: Mapping[str, str], row: Mapping[str, str], words: Words, draw: Random
) -> Report | None:
    """Return a Chinese paragraph, split where it says 印象."""
    sentences = chinese_sentences(pair["zh"])
    if len(sentences) < 2 or "XX" in pair["zh"]:
        return None
    at = next((i for i, text in enumerate(sentences) if "印象" in text and i), len(sentences))
    sections = {FINDINGS: sentences[:at], IMPRESSION: without_lead(sentences[at:])}
    return with_study("zh", pair["uid"], sections, row, False, words, draw)


def chinese_sentences(text: str) -> tuple[str, ...]:
    """Split at full stops, which stay."""
    return tuple(part.strip() for part in re.split(r"(?<=[。！？])", text) if part.strip())


def without_lead(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """Drop the words up to 印象 and its verb from the first sentence of an impression."""
    if not sentences:
        return sentences
    first = re.sub(
        r"^[^。]{0,14}?印象(中|是|表明|显示|提示|认为|为|指出|则)?[，,：:]?(表明|显示|是|提示)?[，,]?",
        "",
        sentences[0],
    )
    return ((first,) if len(first) > 4 else (sentences[0],)) + sentences[1:]


def bilingual_report(
    pair: Mapping[str, str], row: Mapping[str, str], words: Words, draw: Random
) -> Report | None:
    """Return a pair whose sentences match in number, sides and digits."""
    zh = chinese_sentences(pair["zh"])
    en = tuple(part for part in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", pair["en"].strip()) if part)
    if len(zh) != len(en) or len(zh) < 2 or not all(map(agree, zh, en)):
        return None
    sections = {"findings_zh": zh, "findings_en": en}
    return with_study("both", pair["uid"], sections, row, False, words, draw)


def take_untouched(pool: list[Report], count: int) -> list[Report]:
    """Remove and return the first reports of the pool that are as they were written."""
    taken = [report for report in pool if report.whole][:count]
    pool[:] = [report for report in pool if report not in taken]
    return taken
