"""Scores of the English finding extractor on the labelled reports of ../shared/data, in tables.

python bench/eval_findings_en.py [--split dev|heldout] [--speed]

Reports are split by the parity of sha256 of their id; the rules were tuned on dev alone and no
held-out text was read. A true positive is, for the OpenI reports, a column of the gold that is 1
and that the scheme `negbio14` gives as present; for reports_labelled_en a (label, value) pair that
both have, with the values present, absent and uncertain.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from radraft.bench import chexpert_rules
from radraft.reports.findings.english import read
from radraft.reports.findings.extract import labelled
from radraft.reports.findings.schemes import scheme
from radraft.reports.values import Certainty

SHARED = Path(__file__).resolve().parents[1] / "../shared/data"
_VALUES = {
    "definitely present": Certainty.PRESENT,
    "definitely absent": Certainty.ABSENT,
    "uncertain": Certainty.UNCERTAIN,
}
Counts = Counter[str]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", choices=("dev", "heldout"), default="dev")
    parser.add_argument("--speed", action="store_true", help="reports per second instead")
    given = parser.parse_args()
    if given.speed:
        speed()
        return
    openi(given.split)
    print_labelled(given.split)


def in_split(identifier: str, split: str) -> bool:
    """Whether a report belongs to the half: an even hash is dev."""
    even = int(hashlib.sha256(identifier.encode()).hexdigest(), 16) % 2 == 0
    return even == (split == "dev")


def labels(text: str, name: str) -> dict[str, Certainty]:
    """The labels of a scheme for an English report."""
    return labelled(text, "en", scheme(name))


def openi_reports(split: str) -> list[tuple[str, set[str]]]:
    """(findings and impression, gold labels) of the OpenI reports of a half."""
    folder = SHARED / "reports_iu_en"
    with (folder / "findings_gold_negbio.csv").open(encoding="utf-8") as file:
        gold = {row.pop("filename"): row for row in csv.DictReader(file)}
    found = []
    with (folder / "reports.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            answers = gold.get("CXR" + row["uid"])
            if answers is None or not in_split(row["uid"], split):
                continue
            text = row["findings"] + "\n\n" + row["impression"]
            found.append((text, {label for label, value in answers.items() if value == "1"}))
    return found


def openi_counts(
    split: str, labeler: Callable[[str], Iterable[str]], names: Iterable[str]
) -> dict[str, Counts]:
    """tp, fp and fn per label."""
    counts = {name: Counter[str]() for name in names}
    for text, gold in openi_reports(split):
        given = set(labeler(text))
        for name, count in counts.items():
            count["tp"] += name in gold and name in given
            count["fp"] += name in given and name not in gold
            count["fn"] += name in gold and name not in given
    return counts


def ours(text: str) -> set[str]:
    """Labels of `negbio14` that are present."""
    return {name for name, value in labels(text, "negbio14").items() if value is Certainty.PRESENT}


def f1(count: Counts) -> float:
    """Harmonic mean of precision and recall; 0 where there is nothing."""
    total = 2 * count["tp"] + count["fp"] + count["fn"]
    return 2 * count["tp"] / total if total else 0.0


def micro(counts: Iterable[Counts]) -> float:
    """F1 of the summed counts."""
    return f1(sum(counts, Counter()))


def macro(counts: dict[str, Counts], least: int = 20) -> float:
    """Mean F1 over the labels with at least `least` positives."""
    scores = [f1(count) for count in counts.values() if count["tp"] + count["fn"] >= least]
    return sum(scores) / len(scores)


def openi(split: str) -> None:
    """Table of the OpenI reports, ours beside the rules of before."""
    names = [label.name for label in scheme("negbio14").labels]
    findings = [name for name in names if name != "normal"]
    counts = openi_counts(split, ours, names)
    print(f"OpenI {split}: {len(openi_reports(split))} reports")
    print(f"{'label':20} {'n':>5} {'tp':>5} {'fp':>4} {'fn':>4} {'F1':>6}")
    for name, count in counts.items():
        n = count["tp"] + count["fn"]
        print(f"{name:20} {n:5} {count['tp']:5} {count['fp']:4} {count['fn']:4} {f1(count):6.3f}")
    found = {name: counts[name] for name in findings}
    print(f"micro F1, 14 findings            {micro(found.values()):.3f}")
    print(f"micro F1, with the normal column {micro(counts.values()):.3f}")
    print(f"macro F1, findings with n >= 20  {macro(found):.3f}\n")
    _side_by_side(split, found)


def _side_by_side(split: str, found: dict[str, Counts]) -> None:
    shared = list(chexpert_rules.SHARED_LABELS.values())
    print(f"The same {split} reports by the rules of before (doubtful: + counted, - not)")
    part = {name: found[name] for name in shared}
    print(f"{'ours, 7 labels of CheXpert':42} micro {micro(part.values()):.3f}")
    for doubt, sign in ((True, "+"), (False, "-")):
        theirs = openi_counts(split, partial(chexpert_rules.chexpert, doubt_counts=doubt), shared)
        title = f"CheXpert phrases + NegEx ({sign}), 7 labels"
        print(f"{title:42} micro {micro(theirs.values()):.3f}")
    print(f"{'ours, 14 findings':42} micro {micro(found.values()):.3f} macro {macro(found):.3f}")
    # The gold has no Hernia: counting that name would only cost them.
    real = [name for name in found if name != "Hernia"]
    for doubt, sign in ((True, "+"), (False, "-")):
        named = openi_counts(split, partial(chexpert_rules.names, doubt_counts=doubt), real)
        title = f"names + NegEx ({sign}), 13 findings"
        print(f"{title:42} micro {micro(named.values()):.3f} macro {macro(named):.3f}")
    print()


def labelled_reports(split: str) -> list[tuple[str, dict[str, Certainty]]]:
    """(report, gold labels) of reports_labelled_en of a half."""
    folder = SHARED / "reports_labelled_en" / "samples"
    gold = json.loads((folder / "synthetic_labels.json").read_text(encoding="utf-8"))
    return [
        (
            (folder / "synthetic_reports" / f"{name}.txt").read_text(encoding="utf-8"),
            {label: _VALUES[value] for label, value in answers.items()},
        )
        for name, answers in gold.items()
        if in_split(name, split)
    ]


def labelled_counts(split: str) -> tuple[dict[str, Counts], Counts]:
    """tp, fp, fn of (label, value) pairs per label; and of the labels that are present."""
    per_label: dict[str, Counts] = {label.name: Counter() for label in scheme("labels49").labels}
    present: Counts = Counter()
    for text, gold in labelled_reports(split):
        given = labels(text, "labels49")
        for name in gold.keys() | given.keys():
            same = gold.get(name) is given.get(name)
            per_label[name]["tp"] += same
            per_label[name]["fp"] += not same and name in given
            per_label[name]["fn"] += not same and name in gold
            here = gold.get(name) is Certainty.PRESENT
            ours_too = given.get(name) is Certainty.PRESENT
            present["tp"] += here and ours_too
            present["fp"] += ours_too and not here
            present["fn"] += here and not ours_too
    return per_label, present


def print_labelled(split: str) -> None:
    """Table of reports_labelled_en."""
    per_label, present = labelled_counts(split)
    print(f"reports_labelled_en {split}: {len(labelled_reports(split))} reports")
    for name, count in per_label.items():
        n = count["tp"] + count["fn"]
        print(f"{name:50} {n:5} {count['tp']:5} {count['fp']:4} {count['fn']:4} {f1(count):6.3f}")
    print(f"micro F1, (label, value) pairs {micro(per_label.values()):.3f}")
    print(f"micro F1, present only         {f1(present):.3f}")


def speed() -> None:
    """Reports per second of processor time, one core, nothing cached between reports."""
    texts = [text for split in ("dev", "heldout") for text, _ in openi_reports(split)]
    read(texts[0])
    for name, given in (("OpenI reports", texts), ("distinct", sorted(set(texts)))):
        start = time.process_time()
        for text in given:
            read(text)
        took = time.process_time() - start
        words = sum(len(text.split()) for text in given) / len(given)
        print(f"{name}: {len(given) / took:.0f} reports/s, {words:.0f} words each on average")


if __name__ == "__main__":
    main()
