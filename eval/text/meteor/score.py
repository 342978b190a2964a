"""METEOR scores of pairs of English texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radraft.eval.text.meteor.beam import align
from radraft.eval.text.meteor.candidates import candidates
from radraft.eval.text.meteor.tables import Tables
from radraft.eval.text.meteor.words import Lexicon
from radraft.eval.text.ngrams import Docs
from radraft.eval.text.parts import Part, divide
from radraft.eval.values import Better, FloatArray, IntArray, Measure

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.20, 0.60, 0.75
WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])
_STAGES = len(WEIGHTS)
LONGEST_TEXT = 3000
MEASURE = Measure(
    "meteor",
    Better.HIGHER,
    "METEOR 1.5, English, ranking parameters (0.85 0.20 0.60 0.75; weights 1 0.6 0.8 0.6; exact, "
    "stem, synonym, paraphrase), statistics pooled over the corpus, as pycocoevalcap's Meteor; "
    "lower-cased runs of a-z and 0-9; 0 to 1.",
)


class Meteor:
    """Scores pairs with tables that are read once."""

    def __init__(self, tables: Tables) -> None:
        self._lexicon = Lexicon(tables.words)
        self._paraphrases = tables.paraphrases

    def statistics(self, refs: Docs, hyps: Docs, vocabulary: list[str]) -> FloatArray:
        """Sufficient statistics of each pair; tokens are places in `vocabulary`.

        Columns: words of the hypothesis and of the reference; function words of each; chunks; then
        for each stage matched content words of hypothesis and reference, and function words of
        each. A pair with more than 3,000 words on a side counts as empty, which makes it undefined.
        """
        short = (refs.lengths <= LONGEST_TEXT) & (hyps.lengths <= LONGEST_TEXT)
        refs, hyps = _kept(refs, short), _kept(hyps, short)
        found = candidates(refs, hyps, vocabulary, self._lexicon, self._paraphrases)
        chosen = align(found, refs.lengths, hyps.lengths)
        function = np.array([self._lexicon.entry(word).function for word in vocabulary], dtype=bool)
        taken = chosen.candidate
        pair, stage = found.pair[taken], found.stage[taken]
        sides = (
            (hyps, found.hyp_start[taken], found.hyp_length[taken]),
            (refs, found.ref_start[taken], found.ref_length[taken]),
        )
        out = np.zeros((len(refs), 5 + 4 * _STAGES))
        for column, (docs, start, length) in enumerate(sides):
            before = np.r_[0, np.cumsum(function[docs.ids])]
            first = docs.starts[pair] + start
            matched = before[first + length] - before[first]
            out[:, column] = docs.lengths
            out[:, 2 + column] = before[docs.starts + docs.lengths] - before[docs.starts]
            out[:, 5 + column :: 4] = _by_stage(pair, stage, length - matched, len(refs))
            out[:, 7 + column :: 4] = _by_stage(pair, stage, matched, len(refs))
        # A pair matched whole and in order is not broken at all, in a corpus's sum too.
        whole = (_matched(out) == out[:, :2]).all(axis=1) & (chosen.chunks == 1)
        out[:, 4] = np.where(whole, 0, chosen.chunks)
        return out


def _kept(docs: Docs, keep: NDArray[np.bool_]) -> Docs:
    """Texts that are not kept become empty."""
    return Docs(docs.ids[np.repeat(keep, docs.lengths)], np.where(keep, docs.lengths, 0))


def part(stats: FloatArray) -> Part:
    """METEOR of each pair and of all."""
    return Part((MEASURE,), stats, meteor_values, meteor_values)


def _by_stage(pair: IntArray, stage: IntArray, count: IntArray, pairs: int) -> FloatArray:
    sums = np.bincount(pair * _STAGES + stage, count, pairs * _STAGES)
    return np.asarray(sums, dtype=np.float64).reshape(pairs, _STAGES)


def _matched(stats: FloatArray) -> FloatArray:
    """Matched words of hypothesis and reference, shape (n, 2)."""
    return np.column_stack(
        [(stats[:, 5 + s :: 4] + stats[:, 7 + s :: 4]).sum(axis=1) for s in (0, 1)]
    )


def meteor_values(stats: FloatArray) -> FloatArray:
    """METEOR, shape (n, 1); 0 where nothing matches, NaN where there is no reference."""
    hyp, ref = stats[:, 0], stats[:, 1]
    weighted = [
        (DELTA * stats[:, 5 + side :: 4] + (1 - DELTA) * stats[:, 7 + side :: 4]) @ WEIGHTS
        for side in (0, 1)
    ]
    lengths = [
        DELTA * (words - function) + (1 - DELTA) * function
        for words, function in ((hyp, stats[:, 2]), (ref, stats[:, 3]))
    ]
    precision, recall = (divide(w, n, 0.0) for w, n in zip(weighted, lengths, strict=True))
    mean = divide(precision * recall, (1 - ALPHA) * recall + ALPHA * precision, 0.0)
    broken = divide(stats[:, 4], _matched(stats).mean(axis=1), 0.0)
    value = np.maximum(mean * (1 - GAMMA * broken**BETA), 0.0)
    return np.where(ref > 0, value, np.nan)[:, None]
