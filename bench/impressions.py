"""How much of what findings call abnormal a composed impression carries, and what it adds.

python -m radraft.bench.impressions [--reports N] [--seed S]

For N reports of each set, drawn by the seed, an impression is written from the findings by the
finding vocabulary (`reports.concluding`) and read back by the finding reader. Recall: of the
abnormal findings that the findings state (present or possible, devices aside, each once, what a
more specific one implies aside), those that the impression states at the same certainty. Precision:
of the findings that the impression names, those that the findings state at the same certainty and
on that side. Intervals are Wilson's, 95%, over findings. Reads ../shared/data; sets that are not
there are skipped.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from radraft.eval.looks.calibration import wilson
from radraft.reports.checks.reading import read_report
from radraft.reports.checks.values import ReadReport, StudyFacts
from radraft.reports.concluding import conclude
from radraft.reports.critical import preset
from radraft.reports.findings.extract import extract
from radraft.reports.findings.statements import Side, State, Statement, statements
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary
from radraft.reports.values import Lang, Origin, Report, Sentence, Wording

SHARED = Path(__file__).resolve().parents[1] / "../shared" / "data"
_CHEST = StudyFacts(body_part="CHEST")
_ENDS: dict[Lang, str] = {"en": r"(?<=[.!?])\s+", "zh": "(?<=[。！？])"}


def main() -> None:
    """Print a line for each set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--reports", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20261129)
    given = parser.parse_args()
    for name, (lang, load) in SETS.items():
        texts = load()
        if not texts:
            print(f"{name}: not there, skipped")
            continue
        drawn = random.Random(given.seed).sample(texts, min(given.reports, len(texts)))
        print(measure(name, drawn, lang))


def measure(name: str, texts: Sequence[str], lang: Lang) -> str:
    """Return a line with recall and precision over `texts`, findings in `lang`."""
    carried: list[bool] = []
    borne: list[bool] = []
    missed: Counter[str] = Counter()
    lines = 0
    for text in texts:
        read = as_report(text, lang)
        written = [
            dict(proposal.line.texts)[lang]
            for proposal in conclude(read, preset()).proposals
            if proposal.line is not None
        ]
        lines += len(written)
        stated = statements([mention for s in read.sentences for mention in s.mentions[lang]])
        told = statements([m for line in written for m in extract(line, lang, Region.CHEST)])
        for code, statement in stated.items():
            if abnormal(code, statement) and not statement.implied:
                kept = code in told and told[code].state is statement.state
                carried.append(kept)
                missed.update(() if kept else (code,))
        for code, statement in told.items():
            if statement.implied:
                continue
            known = stated.get(code, Statement(State.UNSTATED))
            same_side = statement.side in (Side.UNKNOWN, known.side)
            borne.append(known.state is statement.state and same_side)
    worst = ", ".join(f"{code} {count}" for code, count in missed.most_common(5))
    return (
        f"{name} ({lang}, {len(texts)} reports, {lines} lines): recall {share(carried)}, "
        f"precision {share(borne)}; missed most: {worst or 'nothing'}"
    )


def as_report(text: str, lang: Lang) -> ReadReport:
    """Return findings in one language as a report of a chest without an impression."""
    pieces = (piece.strip() for piece in re.split(_ENDS[lang], text))
    sentences = tuple(
        Sentence(f"f{number}", (Wording(lang, piece, Origin.PERSON),))
        for number, piece in enumerate(piece for piece in pieces if piece)
    )
    return read_report(Report("bench", sentences, ()), _CHEST)


def abnormal(code: str, statement: Statement) -> bool:
    """Return whether a statement is of something that is wrong."""
    return vocabulary()[code].kind is Kind.FINDING and statement.state > State.ABSENT


def share(right: Sequence[bool]) -> str:
    """Return a share with its count and interval."""
    if not right:
        return "of nothing"
    low, high = wilson(sum(right), len(right))
    return f"{sum(right) / len(right):.3f} [{low:.3f}, {high:.3f}] of {len(right)}"


def openi() -> list[str]:
    """Return the findings sections of the OpenI reports, each once."""
    path = SHARED / "reports_iu_en" / "reports.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        found = (row["findings"].strip() for row in csv.DictReader(file))
        return list(dict.fromkeys(text for text in found if text))


def labelled() -> list[str]:
    """Return the labelled reports' texts."""
    folder = SHARED / "reports_labelled_en" / "samples" / "synthetic_reports"
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))]


def chinese() -> list[str]:
    """Return the Chinese descriptions, each once."""
    path = SHARED / "reports_iu_zh_en" / "pairs.jsonl"
    if not path.exists():
        return []
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return list(dict.fromkeys(row["zh"] for row in rows if row["zh"].strip()))


SETS: dict[str, tuple[Lang, Callable[[], list[str]]]] = {
    "reports_iu_en findings": ("en", openi),
    "reports_labelled_en": ("en", labelled),
    "reports_iu_zh_en": ("zh", chinese),
}


if __name__ == "__main__":
    main()
