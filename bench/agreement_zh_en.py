"""Agreement of the Chinese and the English finding extractor on one report in two languages.

python bench/agreement_zh_en.py [--split dev|heldout] [--sample FILE]

Reads ../shared/data/reports_iu_zh_en (Chinese made from the English by machine, with errors). One
report is counted once per pair of texts. A finding is compared by its status in the report. With
--sample, 200 seeded disagreements of the split are written to FILE for reading; it holds report
text under CC BY-NC-SA and stays outside the repository.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections import Counter, defaultdict
from pathlib import Path

from radraft.reports.findings.extract import extract, status

_PAIRS = (
    Path(__file__).resolve().parents[1] / "../shared" / "data" / "reports_iu_zh_en" / "pairs.jsonl"
)
_STATES = ("present", "uncertain", "absent", "none")
_SEED = 20261122


def main() -> None:
    """Prints a line for each finding, and totals."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", choices=("dev", "heldout"), default="dev")
    parser.add_argument("--sample", type=Path)
    given = parser.parse_args()
    tables: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    apart = []
    rows = load(given.split)
    for row in rows:
        zh, en = (status(extract(row[lang], lang)) for lang in ("zh", "en"))
        for code in {*zh, *en}:
            pair = str(zh.get(code, "none")), str(en.get(code, "none"))
            tables[code][pair] += 1
            if pair[0] != pair[1]:
                apart.append((row, code, pair))
    report(tables, len(rows))
    if given.sample:
        write_sample(apart, given.sample)


def load(split: str) -> list[dict[str, str]]:
    """Pairs of one half by a hash of the study, each pair of texts once."""
    seen: set[tuple[str, str]] = set()
    rows = []
    for text in _PAIRS.read_text(encoding="utf-8").splitlines():
        row = json.loads(text)
        odd = int(hashlib.sha256(row["uid"].encode()).hexdigest(), 16) % 2
        key = row["zh"], row["en"]
        if key not in seen and odd == (split == "heldout"):
            seen.add(key)
            rows.append(row)
    return rows


def kappa(table: Counter[tuple[str, str]], total: int) -> float:
    """Cohen's kappa over the four states; reports that neither names count as agreement."""
    table = table + Counter({("none", "none"): total - table.total()})
    agreed = sum(table[s, s] for s in _STATES) / total
    by_chance = sum(
        sum(table[s, t] for t in _STATES) * sum(table[t, s] for t in _STATES) for s in _STATES
    ) / (total * total)
    return 1.0 if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def f1(table: Counter[tuple[str, str]], states: tuple[str, ...]) -> float:
    """F1 of one side against the other, where both must give the same of `states`."""
    both = sum(table[s, s] for s in states)
    either = sum(n * ((a in states) + (b in states)) for (a, b), n in table.items())
    return 2 * both / either if either else float("nan")


def report(tables: dict[str, Counter[tuple[str, str]]], total: int) -> None:
    """The table, commonest findings first."""
    print(f"{total} pairs\n{'finding':30} named  zh+  en+  kappa  F1 present  F1 all")
    for code, table in sorted(tables.items(), key=lambda item: -item[1].total()):
        zh = sum(n for (a, _), n in table.items() if a == "present")
        en = sum(n for (_, b), n in table.items() if b == "present")
        print(
            f"{code:30} {table.total():5} {zh:4} {en:4}  {kappa(table, total):.3f}"
            f"  {f1(table, ('present',)):10.3f}  {f1(table, _STATES[:3]):.3f}"
        )
    every = sum(tables.values(), Counter())
    print(f"all: F1 present {f1(every, ('present',)):.4f}, F1 all {f1(every, _STATES[:3]):.4f}")
    mean = sum(kappa(t, total) * t.total() for t in tables.values()) / every.total()
    print(f"mean kappa, weighted by how often a finding is named: {mean:.4f}")


def write_sample(
    apart: list[tuple[dict[str, str], str, tuple[str, str]]], path: Path, size: int = 200
) -> None:
    """A seeded sample, with both texts, one JSON object a line."""
    chosen = random.Random(_SEED).sample(apart, min(size, len(apart)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row, code, (zh, en) in chosen:
            line = {"id": row["id"], "code": code, "zh_status": zh, "en_status": en}
            file.write(json.dumps({**line, "zh": row["zh"], "en": row["en"]}, ensure_ascii=False))
            file.write("\n")


if __name__ == "__main__":
    main()
