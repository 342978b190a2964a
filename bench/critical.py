"""Recall and precision of the critical values on labelled sentences.

    python -m radraft.bench.critical FILE [--misses] [--rules RULES.yaml]

FILE is JSON lines of {"id", "lang", "text", "modality", "body_part", "critical", "codes"}: whether
somebody has to be told of it, and of which findings.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from radraft.reports.critical import CriticalRules, critical_mentions, load_rules
from radraft.reports.findings.body_parts import region_of
from radraft.reports.findings.vocabulary import lineage
from radraft.reports.values import Lang

Z = 1.959964
"""Of a 95% interval."""


@dataclass(frozen=True)
class Labelled:
    """A sentence and what people say of it."""

    id: str
    lang: Lang
    text: str
    body_part: str
    critical: bool
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """A share of `n`, with its 95% interval by Wilson's score."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """The share; 0 of none."""
        return self.hits / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end; (0, 1) of none."""
        if not self.n:
            return 0.0, 1.0
        share, n = self.value, self.n
        middle = share + Z * Z / (2 * n)
        half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        whole = 1 + Z * Z / n
        return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}] ({self.hits}/{self.n})"


@dataclass(frozen=True)
class Scored:
    """What the rules say of the sentences."""

    recall: Share
    precision: Share
    code_recall: Share
    """Of the labelled codes of critical sentences, those found, or a more special one of theirs."""
    missed: tuple[Labelled, ...]
    false: tuple[Labelled, ...]


def score(sentences: Iterable[Labelled], rules: CriticalRules) -> Scored:
    """Read each sentence by itself and compare with its label."""
    missed, false = [], []
    hits = wanted = codes = codes_found = 0
    for sentence in sentences:
        critical = critical_mentions(
            sentence.text, sentence.lang, rules, region_of(sentence.body_part)
        )
        wanted += sentence.critical
        hits += sentence.critical and bool(critical)
        if sentence.critical and not critical:
            missed.append(sentence)
        if critical and not sentence.critical:
            false.append(sentence)
        if sentence.critical:
            stated = {link for c in critical for link in (c.mention.code, *lineage(c.mention.code))}
            codes += len(sentence.codes)
            codes_found += len(stated.intersection(sentence.codes))
    return Scored(
        recall=Share(hits, wanted),
        precision=Share(hits, hits + len(false)),
        code_recall=Share(codes_found, codes),
        missed=tuple(missed),
        false=tuple(false),
    )


def read(path: Path) -> tuple[Labelled, ...]:
    """Return the sentences of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_labelled(json.loads(line)) for line in lines if line.strip())


def _labelled(row: dict[str, object]) -> Labelled:
    lang, codes = row["lang"], row["codes"]
    if lang not in ("zh", "en") or not isinstance(codes, list):
        raise ValueError(f"sentence {row['id']}: lang is zh or en, codes a list")
    return Labelled(
        id=str(row["id"]),
        lang=lang,
        text=str(row["text"]),
        body_part=str(row["body_part"]),
        critical=bool(row["critical"]),
        codes=tuple(map(str, codes)),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Print the figures, of each language and together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--misses", action="store_true", help="print each sentence that is wrong")
    parser.add_argument("--rules", type=Path, help="a site's rules in place of the preset")
    arguments = parser.parse_args(argv)
    rules = load_rules(arguments.rules)
    sentences = read(arguments.file)
    for lang in ("en", "zh", None):
        some = [sentence for sentence in sentences if lang in (sentence.lang, None)]
        scored = score(some, rules)
        print(f"{lang or 'all'}: n {len(some)}")
        print(f"  recall     {scored.recall}")
        print(f"  precision  {scored.precision}")
        print(f"  codes      {scored.code_recall}")
        if arguments.misses and lang is not None:
            for sentence in scored.missed:
                print(f"  missed  {sentence.id}  {sentence.text}")
            for sentence in scored.false:
                print(f"  false   {sentence.id}  {sentence.text}")


if __name__ == "__main__":
    main()
