"""Pairs of similar reports to measure with, from ../shared/data or put together at random."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from rapidfuzz import fuzz

from radraft.eval.values import Pair
from radraft.reports.values import Lang

DATA = Path(__file__).resolve().parents[1] / "../shared" / "data"
SEED = 20261122

SENTENCES: dict[Lang, tuple[str, ...]] = {
    "en": (
        "The heart is normal in size.",
        "The cardiac silhouette is mildly enlarged.",
        "No focal consolidation is seen.",
        "There is a small left pleural effusion.",
        "No pneumothorax.",
        "Patchy opacity in the right lower lobe may be atelectasis or pneumonia.",
        "The lungs are clear bilaterally.",
        "The mediastinal contours are within normal limits.",
        "Interstitial markings are increased at both bases.",
    ),
    "zh": (
        "心影大小形态正常。",
        "心影轻度增大。",
        "两肺未见明显实变影。",
        "左侧胸腔少量积液。",
        "未见气胸。",
        "右肺下叶斑片影，考虑肺不张或肺炎。",
        "双肺野清晰。",
        "纵隔居中，未见增宽。",
        "双肺下叶间质纹理增多。",
        "右肺上叶磨玻璃影，建议复查。",
    ),
}


def reports(lang: Lang) -> list[str]:
    """Distinct texts to pair."""
    english, chinese = DATA / "reports_iu_en/reports.csv", DATA / "reports_iu_zh_en/pairs.jsonl"
    if lang == "en" and english.is_file():
        with english.open(encoding="utf-8", newline="") as file:
            texts = [
                f"{row['findings']} {row['impression']}".strip() for row in csv.DictReader(file)
            ]
    elif lang == "zh" and chinese.is_file():
        with chinese.open(encoding="utf-8") as file:
            texts = [json.loads(line)["zh"].strip() for line in file]
    else:
        draw = random.Random(SEED)
        texts = ["".join(draw.sample(SENTENCES[lang], draw.randint(4, 9))) for _ in range(4000)]
    return sorted({text for text in texts if text})


def similar_pairs(texts: Sequence[str], count: int, lang: Lang) -> Iterable[Pair]:
    """`count` distinct pairs: a report and one of the three most like it among twenty drawn."""
    draw = random.Random(SEED)
    seen: set[tuple[str, str]] = set()
    while len(seen) < count:
        ref = draw.choice(texts)
        others = sorted(draw.sample(texts, 20), key=lambda text: -fuzz.ratio(ref, text))
        pair = (ref, draw.choice([text for text in others if text != ref][:3]))
        if pair not in seen:
            seen.add(pair)
            yield Pair(f"{lang}{len(seen)}", *pair)
