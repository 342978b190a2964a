"""Agreement of the Chinese finding extractor with the hand-checked sentences, in tables.

python bench/eval_findings_zh.py [--split dev|heldout] [--errors]

The held-out half is for the figure that is reported: with it only totals are printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import counted_as, vocabulary

_DATA = Path(__file__).resolve().parents[1] / "tests" / "reports" / "findings" / "data"
_FIELDS = ("laterality", "anatomy", "change", "size_mm")
Gold = dict[str, Any]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", choices=("dev", "heldout"), default="dev")
    parser.add_argument("--errors", action="store_true", help="dev only: print what differs")
    given = parser.parse_args()
    if given.errors and given.split == "heldout":
        sys.exit("the held-out half is not looked at")
    rows = load(given.split)
    counts, fields = compare(rows, show=given.errors)
    print(f"zh_{given.split}: {len(rows)} texts")
    for key in sorted(counts, key=lambda key: (key.split(":")[0] != "all", key)):
        print(f"{key:28} {line(counts[key])}")
    for name in _FIELDS:
        right, of = fields[name]
        print(f"{name + ' of matched':28} {right}/{of} = {right / max(of, 1):.4f}")


def load(split: str) -> list[dict[str, Any]]:
    """The sentences of one half."""
    lines = (_DATA / f"zh_{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(text) for text in lines if text.strip()]


def codes_since() -> frozenset[str]:
    """Return the codes that are younger than the annotation: its rows name them only in part."""
    return frozenset((_DATA / "codes_since.txt").read_text(encoding="utf-8").split())


def compare(
    rows: Iterable[dict[str, Any]], show: bool = False
) -> tuple[dict[str, Counter[str]], dict[str, tuple[int, int]]]:
    """True and false positives and misses by group; and right fields over matched mentions.

    A mention of a code younger than the annotation counts only where the row names that code.
    A mention matches one of the same counted-as code and polarity, each once, those alike in most
    fields first.
    """
    since = codes_since()
    counts: dict[str, Counter[str]] = {}
    fields = dict.fromkeys(_FIELDS, (0, 0))
    for row in rows:
        gold: list[Gold] = list(row["mentions"])
        annotated = {mention["code"] for mention in gold}
        found = [
            mention
            for mention in extract(row["text"], "zh")
            if mention.code in annotated or mention.code not in since
        ]
        pairs, missed, extra = match(gold, found)
        for mention, given in pairs:
            _count(counts, "tp", _groups(given["code"], given["polarity"]))
            for name in _FIELDS:
                right, of = fields[name]
                fields[name] = (right + same(mention, given, name), of + 1)
            _count(counts, "tp" if _whole(mention, given) else "both", ["all, every field"])
        for given in missed:
            _count(counts, "fn", [*_groups(given["code"], given["polarity"]), "all, every field"])
        for mention in extra:
            _count(counts, "fp", [*_groups(mention.code, mention.polarity), "all, every field"])
        if show:
            _show(row, pairs, missed, extra)
    return counts, fields


def match(
    gold: list[Gold], found: list[Mention]
) -> tuple[list[tuple[Mention, Gold]], list[Gold], list[Mention]]:
    """Pairs of the same code and polarity, then what was missed and what was added."""
    left, pairs = list(found), []
    missed = []
    for given in gold:
        key = (counted_as(given["code"]), given["polarity"])
        alike = [m for m in left if (counted_as(m.code), m.polarity) == key]
        if not alike:
            missed.append(given)
            continue
        best = max(alike, key=lambda m: sum(same(m, given, name) for name in _FIELDS))
        left.remove(best)
        pairs.append((best, given))
    return pairs, missed, left


def same(mention: Mention, given: Gold, name: str) -> bool:
    """Whether a field is as annotated."""
    value = getattr(mention, name)
    if name == "size_mm":
        return tuple(value) == tuple(given[name])
    return bool(value == given[name])


def line(count: Counter[str]) -> str:
    """Precision, recall and F1. `both` counts as one added and one missed."""
    tp, fp, fn = count["tp"], count["fp"] + count["both"], count["fn"] + count["both"]
    precision, recall = tp / max(tp + fp, 1), tp / max(tp + fn, 1)
    f1 = 2 * tp / max(2 * tp + fp + fn, 1)
    return f"n {tp + fn:4}  precision {precision:.4f}  recall {recall:.4f}  F1 {f1:.4f}"


def _whole(mention: Mention, given: Gold) -> bool:
    return all(same(mention, given, name) for name in _FIELDS)


def _groups(code: str, polarity: str) -> list[str]:
    region = vocabulary()[code].region
    return ["all: code and polarity", f"region: {region}", f"polarity: {polarity}"]


def _count(counts: dict[str, Counter[str]], what: str, keys: Iterable[str]) -> None:
    for key in keys:
        counts.setdefault(key, Counter())[what] += 1


def _show(
    row: dict[str, Any],
    pairs: list[tuple[Mention, Gold]],
    missed: list[Gold],
    extra: list[Mention],
) -> None:
    wrong = [
        f"  {name}: {getattr(m, name)} for {g[name]} ({g['code']})"
        for m, g in pairs
        for name in _FIELDS
        if not same(m, g, name)
    ]
    if wrong or missed or extra:
        print(row["id"], row["text"])
        for given in missed:
            print(f"  missed {given['code']} {given['polarity']}")
        for mention in extra:
            print(f"  added {mention.code} {mention.polarity.value}")
        print("\n".join(wrong) if wrong else "", end="\n" if wrong else "")


if __name__ == "__main__":
    main()
