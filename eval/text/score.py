"""All text metrics of a set of report pairs in one language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radraft.core.errors import EvalError
from radraft.eval.text import bleu, chrf, cider, rouge, tokens
from radraft.eval.text.counts import Counted, Job, count_all
from radraft.eval.text.meteor import score, tables
from radraft.eval.text.ngrams import Docs
from radraft.eval.text.parts import Part
from radraft.eval.values import FloatArray, IntArray, Measure, Pair
from radraft.reports.values import Lang

Progress = Callable[[int], None]
CHUNK = 2500
"""Pairs counted at a time; a run's texts are in memory for a few chunks only."""


@dataclass(frozen=True)
class TextScores:
    """Text metrics of a set of pairs (`radraft.eval.values.Scores`)."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    """Codes of messages (`radraft.core.errors.message`) that say what is not given, and why."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What `corpus` gives, in display order."""
        return tuple(measure for part in self.parts for measure in part.measures)

    @cached_property
    def per_report(self) -> Mapping[str, FloatArray]:
        """Sentence-level values by measure name, shape (n,)."""
        return {
            measure.name: values[:, column]
            for part, values in zip(self.parts, self._rows, strict=True)
            for column, measure in enumerate(part.measures)
        }

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """Corpus values over the reports at `index` (with repeats), or over all."""
        return {
            measure.name: float(value)
            for part, rows in zip(self.parts, self._rows, strict=True)
            for measure, value in zip(part.measures, part.corpus(index, rows), strict=True)
        }

    def corpus_weighted(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Corpus values for each row of `weights`, shape (resamples, n); NaN where undefined.

        The sums of all resamples at once are the draws' counts times the statistics.
        """
        return {
            measure.name: values[:, column]
            for part, rows in zip(self.parts, self._rows, strict=True)
            for values in [part.corpus_weighted(weights, rows)]
            for column, measure in enumerate(part.measures)
        }

    @cached_property
    def _rows(self) -> tuple[FloatArray, ...]:
        return tuple(part.per_report() for part in self.parts)


def score_texts(
    pairs: Iterable[Pair],
    lang: Lang,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    cache: Path = tables.CACHE,
) -> TextScores:
    """Score hypotheses against references.

    `pairs` may be a generator: texts are read once, `CHUNK` at a time, and only counts are kept
    (about 1 KB a pair, and four bytes a token for CIDEr, whose document frequencies are known only
    at the end). With `workers` above 1 chunks are counted in that many fresh processes; the caller
    must then be importable (`if __name__ == "__main__"`). `progress` is told how many pairs are
    done. English METEOR needs an installed pycocoevalcap, whose tables it reads; the first use on a
    machine builds an index of them in `cache`.

    Raises EvalError `text_no_pairs` where there is nothing to score.
    """
    folder = tables.find() if lang == "en" else None
    if folder:
        tables.paraphrases(folder, cache)
    jobs = (
        Job(lang, tuple(p.ref for p in chunk), tuple(p.hyp for p in chunk), folder, cache)
        for chunk in _chunks(pairs)
    )
    counted = _Counts()
    for part in count_all(jobs, workers):
        counted.add(part)
        if progress:
            progress(counted.pairs)
    if not counted.pairs:
        raise EvalError("text_no_pairs")
    notes = {"zh": ("text_meteor_english_only",), "en": () if folder else ("text_meteor_tables",)}
    return TextScores(tuple(counted.finish(lang)), notes[lang])


def _chunks(pairs: Iterable[Pair]) -> Iterator[tuple[Pair, ...]]:
    source = iter(pairs)
    while chunk := tuple(islice(source, CHUNK)):
        yield chunk


class _Counts:
    """Counts of chunks, in order, with one numbering of tokens for all."""

    def __init__(self) -> None:
        self.pairs = 0
        self._stats: dict[str, list[FloatArray]] = {}
        self._vocabulary: dict[str, dict[str, int]] = {}
        self._docs: dict[str, list[tuple[Docs, Docs]]] = {}

    def add(self, counted: Counted) -> None:
        """Take over one chunk's counts."""
        for name, stats in counted.stats.items():
            self._stats.setdefault(name, []).append(stats)
        for unit, (words, refs, hyps) in counted.docs.items():
            known = self._vocabulary.setdefault(unit, {})
            number = np.array([known.setdefault(w, len(known)) for w in words], dtype=np.int32)
            both = (_renumbered(refs, number), _renumbered(hyps, number))
            self._docs.setdefault(unit, []).append(both)
        self.pairs += counted.pairs

    def finish(self, lang: Lang) -> Iterator[Part]:
        """The families of measures, in display order."""
        stats = {name: np.concatenate(chunks) for name, chunks in self._stats.items()}
        units = [("", tokens.ENGLISH)]
        if lang == "zh":
            units = [("_char", tokens.CHARACTERS), ("_word", tokens.WORDS)]
        for suffix, unit in units:
            counts = stats[f"tokens{suffix}"]
            yield bleu.coco(counts, unit, suffix)
            yield rouge.rouge(counts, unit, suffix)
            if "meteor" in stats:
                yield score.part(stats["meteor"])
            yield cider.cider(self._docs[suffix], unit, suffix)
        yield bleu.sacre(stats["sacre"], "13a" if lang == "en" else "zh")
        if "r2gen" in stats:
            yield bleu.coco(stats["r2gen"], tokens.R2GEN, "_r2gen")
        yield bleu.coco(stats["raw"], tokens.RAW[lang], "_raw")
        yield chrf.chrf(stats["chrf"])
        yield chrf.edit_distance(stats["edit"])
        for suffix, unit in units:
            yield chrf.length_ratio(stats[f"tokens{suffix}"], unit, suffix)


def _renumbered(docs: Docs, number: NDArray[Any]) -> Docs:
    return Docs(number[docs.ids] if len(docs.ids) else docs.ids, docs.lengths)
