"""`make bench-eval`: what scoring reports costs, beside pycocoevalcap on the same pairs.

    python bench/metrics.py [--pairs 10000] [--workers 2] [--write]

Prints Markdown tables; `--write` puts them into docs/performance.md. Pairs come from
../shared/data where it is there (each report with a similar other one, seeded), and else from
sentences put together at random. pycocoevalcap gets the very strings that radraft tokenised; its
METEOR needs Java.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import random
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from radraft.bench.report_pairs import SEED, reports, similar_pairs
from radraft.eval.clinical.score import score_clinical
from radraft.eval.text import bleu, cider, rouge, tokens
from radraft.eval.text.meteor import score as meteor, tables
from radraft.eval.text.ngrams import Docs, number
from radraft.eval.text.parts import Part
from radraft.eval.text.score import score_texts
from radraft.eval.values import FloatArray, Pair
from radraft.reports.findings import chinese
from radraft.reports.findings.extract import extract
from radraft.reports.values import Lang

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
HEADING = "## Evaluation"
LANGS: tuple[Lang, ...] = ("en", "zh")
CHUNK = 2500
NAMES = ("BLEU-1 to -4", "ROUGE-L", "METEOR", "CIDEr")
Strings = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Timed:
    """Values and seconds of one scorer."""

    corpus: FloatArray
    sentence: FloatArray
    seconds: float


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="update docs/performance.md")
    arguments = parser.parse_args()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        measure(arguments.pairs, arguments.workers)
    print(said.getvalue())
    if arguments.write:
        known = PAGE.read_text(encoding="utf-8").partition(HEADING)[0].rstrip()
        PAGE.write_text(f"{known}\n\n{HEADING}\n\n{said.getvalue().rstrip()}\n", encoding="utf-8")


def measure(count: int, workers: int) -> None:
    """Everything, `count` pairs a language."""
    sets = {lang: list(similar_pairs(reports(lang), count, lang)) for lang in LANGS}
    load = f"{os.cpu_count()} CPUs {platform.machine()}, load before {os.getloadavg()[0]:.1f}"
    print("Printed by `make bench-eval`; `bench/metrics.py --write` writes this section.")
    print(f"{count} distinct pairs a language, {workers} processes, {load}; ", end="")
    print(f"{datetime.now(UTC):%Y-%m-%d}.\n")
    prepare()
    compare(sets["en"], workers)
    whole(sets, workers)
    extractor()


def compare(pairs: Sequence[Pair], workers: int) -> None:
    """The four metrics of the report-generation literature, on the same token strings."""
    cut = [(tokens.english(pair.ref), tokens.english(pair.hyp)) for pair in pairs]
    strings = [(" ".join(ref), " ".join(hyp)) for ref, hyp in cut]
    # Once before and once after theirs: other work on the machine then weighs on both alike.
    _, before = radraft_four(strings, workers)
    theirs = pycocoevalcap_four(strings)
    ours, after = radraft_four(strings, workers)
    counting = (before + after) / 2
    print("| metric | radraft | pycocoevalcap | largest difference | radraft, s | theirs, s |")
    print("|---|---|---|---|---|---|")
    for name in NAMES:
        if name not in theirs or name not in ours:
            print(f"| {name} | not measured: METEOR's tables or Java are missing | | | | |")
            continue
        one, two = ours[name], theirs[name]
        gap = max(np.abs(one.corpus - two.corpus).max(), np.abs(one.sentence - two.sentence).max())
        values = [" ".join(f"{v:.6f}" for v in side.corpus) for side in (one, two)]
        cells = [name, *values, f"{gap:.1e}", f"{one.seconds:.2f}", f"{two.seconds:.2f}"]
        print("| " + " | ".join(cells) + " |")
    total = sum(side.seconds for side in theirs.values())
    print(f"| all four | | | | {counting:.2f} | {total:.2f} |\n")
    print(f"pycocoevalcap takes {total / counting:.1f} times as long.")
    print("Lines add up radraft's processes; `all four` is wall time in all of them, from strings")
    print("to values, with their start-up and METEOR's tables, the mean of two runs.\n")


def radraft_four(strings: Strings, workers: int) -> tuple[dict[str, Timed], float]:
    """Values with single-process times, and the time of all four in `workers` processes."""
    start = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        chunks = [strings[at : at + CHUNK] for at in range(0, len(strings), CHUNK)]
        waiting = pool.map(count_four, chunks)
        begin = time.perf_counter()
        weighed = timed(cider.cider(renumbered(strings), ""), 0.0)
        spent = time.perf_counter() - begin
        counted = list(waiting)
    out = {}
    stats = np.concatenate([chunk[0] for chunk in counted])
    for name, part in (("BLEU-1 to -4", bleu.coco(stats, "")), ("ROUGE-L", rouge.rouge(stats, ""))):
        out[name] = timed(part, sum(chunk[3][name] for chunk in counted))
    if counted[0][1] is not None:
        taken = sum(chunk[3]["METEOR"] for chunk in counted)
        out["METEOR"] = timed(meteor.part(np.concatenate([c[1] for c in counted])), taken)
    out["CIDEr"] = Timed(weighed.corpus, weighed.sentence, spent)
    return out, time.perf_counter() - start


def count_four(strings: Strings) -> tuple[FloatArray, FloatArray | None, int, dict[str, float]]:
    """Statistics of BLEU and ROUGE, of METEOR, and seconds of each."""
    begin = time.perf_counter()
    vocabulary: dict[str, int] = {}
    refs = number([ref.split() for ref, _ in strings], vocabulary)
    hyps = number([hyp.split() for _, hyp in strings], vocabulary)
    counts = bleu.statistics(refs, hyps)
    middle = time.perf_counter()
    stats = np.column_stack([counts, rouge.common_subsequence(refs, hyps)])
    later = time.perf_counter()
    scorer = meteor_scorer()
    found = scorer.statistics(refs, hyps, list(vocabulary)) if scorer else None
    spent = (middle - begin, later - middle, time.perf_counter() - later)
    return stats, found, len(strings), dict(zip(NAMES, spent, strict=False))


_SCORERS: list[meteor.Meteor | None] = []


def meteor_scorer() -> meteor.Meteor | None:
    """One scorer a process."""
    if not _SCORERS:
        folder = tables.find()
        _SCORERS.append(meteor.Meteor(tables.load(folder)) if folder else None)
    return _SCORERS[0]


def renumbered(strings: Strings) -> list[tuple[Docs, Docs]]:
    """Chunks of both sides by one numbering."""
    vocabulary: dict[str, int] = {}
    chunks = [strings[at : at + CHUNK] for at in range(0, len(strings), CHUNK)]
    return [
        (
            number([ref.split() for ref, _ in chunk], vocabulary),
            number([hyp.split() for _, hyp in chunk], vocabulary),
        )
        for chunk in chunks
    ]


def timed(part: Part, seconds: float) -> Timed:
    """The literature's measures of a part: all four BLEU, the first ROUGE, METEOR, CIDEr."""
    rows = part.per_report()
    keep = 4 if part.measures[0].name.startswith("bleu1") else 1
    return Timed(part.corpus(None, rows)[:keep], rows[:, :keep], seconds)


def pycocoevalcap_four(strings: Strings) -> dict[str, Timed]:
    """The same four by pycocoevalcap, METEOR only where Java is there."""
    from pycocoevalcap.bleu.bleu import Bleu  # type: ignore[import-untyped]
    from pycocoevalcap.cider.cider import Cider  # type: ignore[import-untyped]
    from pycocoevalcap.meteor.meteor import Meteor  # type: ignore[import-untyped]
    from pycocoevalcap.rouge.rouge import Rouge  # type: ignore[import-untyped]

    refs = {place: [ref] for place, (ref, _) in enumerate(strings)}
    hyps = {place: [hyp] for place, (_, hyp) in enumerate(strings)}
    makers: dict[str, Callable[[], Any]] = dict(
        zip(NAMES, (Bleu, Rouge, Meteor, Cider), strict=True)
    )
    if not shutil.which("java"):
        del makers["METEOR"]
    out = {}
    for name, make in makers.items():
        begin = time.perf_counter()
        scorer = make()
        options = {"verbose": 0} if make is Bleu else {}
        corpus, sentence = scorer.compute_score(refs, hyps, **options)
        spent = time.perf_counter() - begin
        rows = np.array(sentence, dtype=np.float64)
        rows = rows.T if rows.ndim == 2 else rows[:, None]
        out[name] = Timed(np.atleast_1d(np.array(corpus, dtype=np.float64)), rows, spent)
    return out


def whole(sets: dict[Lang, list[Pair]], workers: int) -> None:
    """All text metrics and all finding metrics of both languages."""
    print("| step | seconds |")
    print("|---|---|")
    total = 0.0
    for lang, pairs in sets.items():
        for name, score in (("text", score_texts), ("finding", score_clinical)):
            begin = time.perf_counter()
            score(pairs, lang, workers=workers).corpus()
            spent = time.perf_counter() - begin
            total += spent
            print(f"| all {name} metrics, {lang}, {len(pairs)} pairs | {spent:.1f} |")
    print(f"| text and finding metrics, both languages (goal 60) | {total:.1f} |\n")


def extractor() -> None:
    """Reports a second of the finding extractor, one process, distinct reports."""
    print("| finding extractor, one core | reports | mean length | reports/s |")
    print("|---|---|---|---|")
    for lang in LANGS:
        texts = reports(lang)
        draw = random.Random(SEED)
        texts = draw.sample(texts, min(3000, len(texts)))
        length = sum(map(len, texts)) / len(texts)
        # The rules are built while the first texts are read; they are in no figure.
        read_all(texts[:200], lang, forget=True)
        for forget, how in ((True, "every sentence anew"), (False, "repeated sentences kept")):
            begin = time.perf_counter()
            read_all(texts, lang, forget=forget)
            speed = len(texts) / (time.perf_counter() - begin)
            print(f"| {lang}, {how} | {len(texts)} | {length:.0f} characters | {speed:.0f} |")


def read_all(texts: Sequence[str], lang: Lang, *, forget: bool) -> None:
    """Read every text; with `forget`, nothing of one helps the next. English keeps nothing."""
    for text in texts:
        extract(text, lang)
        if forget:
            chinese.read_sentence.cache_clear()


def prepare() -> None:
    """Build METEOR's index where this machine has none, and say what that took."""
    folder = tables.find()
    if folder:
        begin = time.perf_counter()
        tables.paraphrases(folder)
        print(
            f"METEOR's paraphrase index was there or built in {time.perf_counter() - begin:.1f} s"
        )
        print("(it is built once on a machine).\n")


if __name__ == "__main__":
    main()
