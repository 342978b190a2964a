"""What de-identification of text finds and what it takes away too much, counted.

Prints recall by kind over planted text (half to tune on, half held out), the share of clinical
words removed from texts without identity, the time per text, and, with `--presidio`, what
Presidio's engine makes of the same. The data folder is optional: without it only the small bundled
set is counted.

    .venv/bin/python bench/deid_text_recall.py [--seed 1] [--count 4000] [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from radraft.studies._scrub import scrub
from radraft.studies.deid.recognisers import IdentitySpan
from radraft.studies.deid.text import joined, take_out
from tests.studies.deid.text_clean import CLEAN
from tests.studies.deid.text_corpus import NOBODY, corpus, units


def main() -> None:
    """Prints the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--count", type=int, default=4000)
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument(
        "--show", type=int, default=0, help="examples of what was missed or removed"
    )
    options.add_argument("--half", choices=("tuned", "held", "both"), default="both")
    options.add_argument("--presidio", action="store_true")
    chosen = options.parse_args()
    for half in ("tuned", "held") if chosen.half == "both" else (chosen.half,):
        _recall(chosen.seed, chosen.count, half == "held", chosen.show)
    _removed(clean_sets(chosen.data), chosen.show)
    if chosen.presidio:
        _presidio(chosen.seed, chosen.count, chosen.data)


def clean_sets(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Texts without identity, by data set."""
    yield "bundled", list(CLEAN)
    english = folder / "reports_iu_en" / "reports.csv"
    if not english.exists():
        return
    with english.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    fields = ("indication", "comparison", "findings", "impression")
    yield "reports_iu_en", [row[field] for row in rows for field in fields if row[field]]
    lines = (folder / "reports_iu_zh_en" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    yield "reports_iu_zh_en, zh", [pair["zh"] for pair in pairs]
    yield "reports_iu_zh_en, en", [pair["en"] for pair in pairs]
    reports = sorted((folder / "reports_labelled_en").rglob("*.txt"))
    yield "reports_labelled_en", [path.read_text(encoding="utf-8") for path in reports]
    words = json.loads(
        (folder / "vocabulary_zh" / "word_frequency.json").read_text(encoding="utf-8")
    )
    counts: dict[str, int] = words["word_freq"]
    yield "vocabulary_zh, word by word", list(counts)
    rng = random.Random(7)
    drawn = rng.choices(list(counts), list(counts.values()), k=20_000)
    yield (
        "vocabulary_zh, drawn and joined by 8",
        ["".join(drawn[start : start + 8]) + "。" for start in range(0, len(drawn), 8)],
    )


def _recall(seed: int, count: int, held: bool, show: int) -> None:
    planted, left, words, kept = Counter[str](), Counter[str](), 0, 0
    missed: dict[str, list[str]] = {}
    for example in corpus(seed, count, held=held):
        scrubbed = scrub(example.text, example.study)
        planted.update(identity.kind for identity in example.identities)
        for identity in example.left(scrubbed):
            left[identity.kind] += 1
            missed.setdefault(identity.kind, []).append(
                f"{identity.value} | {example.text} | {scrubbed}"
            )
        around = example.kept(scrubbed)
        words, kept = words + around[0], kept + around[1]
    print(f"\nplanted text, {'held out' if held else 'tuned on'}, seed {seed}")
    for kind in sorted(planted):
        print(f"  {kind:45}{planted[kind]:6}{100 * (1 - left[kind] / planted[kind]):8.2f} %")
    total = sum(planted.values())
    print(f"  {'overall':45}{total:6}{100 * (1 - sum(left.values()) / total):8.2f} %")
    print(f"  clinical words beside identities lost: {100 * (1 - kept / words):.2f} %")
    for kind, examples in missed.items() if show else ():
        print(
            "  ##",
            kind,
            *random.Random(0).sample(examples, min(show, len(examples))),
            sep="\n     ",
        )


def _removed(sets: Iterator[tuple[str, list[str]]], show: int) -> None:
    print("\nclinical words removed from text without identity")
    for name, texts in sets:
        started = time.process_time()
        scrubbed = [scrub(text, NOBODY) for text in texts]
        spent = time.process_time() - started
        before, after = _words(texts), _words(scrubbed)
        removed, characters = before - after, sum(map(len, texts))
        share = 100 * removed.total() / before.total()
        print(
            f"  {name:40}{before.total():8} words{removed.total():6} removed{share:7.3f} %"
            f"{200_000 * spent / characters:7.3f} ms per 200 characters"
        )
        if show:
            print("    ", removed.most_common(show * 8))
            shown = [pair for pair in zip(texts, scrubbed, strict=True) if "***" in pair[1]]
            for text, result in random.Random(0).sample(shown, min(show, len(shown))):
                print("    ", *_around(text, result), sep=" | ")


def _words(texts: list[str]) -> Counter[str]:
    return Counter(word for text in texts for word in units(re.sub(r"[X_]{2,}", " ", text)))


def _around(text: str, scrubbed: str) -> tuple[str, str]:
    place = scrubbed.index("***")
    line = " ".join(text.split())
    return line[max(0, place - 30) : place + 40], scrubbed[max(0, place - 30) : place + 40]


def _presidio(seed: int, count: int, folder: Path) -> None:
    """Presidio's engine without a language model: with our recognisers, and with its own."""
    started = time.process_time()
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    print(f"\nPresidio: import {time.process_time() - started:.1f} s of processor time")
    from radraft.studies.deid.recognisers_presidio import analyzer

    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    # The first needs a language model; the second asks the internet for the list of domains.
    registry.remove_recognizer("SpacyRecognizer")
    registry.remove_recognizer("EmailRecognizer")
    nothing = NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}])
    own = AnalyzerEngine(registry=registry, nlp_engine=nothing, supported_languages=["en"])
    clean = [text for name, texts in clean_sets(folder) if "reports_iu" in name for text in texts]
    for name, engine in (("our recognisers", analyzer()), ("its own", own)):

        def scrubber(text: str, engine: AnalyzerEngine = engine) -> str:
            line = " ".join(text.split())
            spans = engine.analyze(line, language="en")
            found = [
                IdentitySpan(span.start, span.end, span.entity_type, "", span.score)
                for span in spans
            ]
            return take_out(line, joined(found))

        planted = list(corpus(seed, count, held=True))
        left = sum(len(example.left(scrubber(example.text))) for example in planted)
        total = sum(len(example.identities) for example in planted)
        texts = random.Random(5).sample(clean, min(500, len(clean))) or list(CLEAN)
        started = time.process_time()
        scrubbed = [scrubber(text) for text in texts]
        spent = 200_000 * (time.process_time() - started) / sum(map(len, texts))
        before = _words(texts)
        removed = (before - _words(scrubbed)).total() / before.total()
        print(
            f"  {name:18} recall {100 * (1 - left / total):6.2f} % without the header, "
            f"clinical words removed {100 * removed:.3f} %, {spent:.2f} ms per 200 characters"
        )


if __name__ == "__main__":
    main()
