"""Character-level measures: chrF, edit distance; and the length ratio."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radraft.eval.text.ngrams import characters, match_counts, order_counts
from radraft.eval.text.parts import Part, divide
from radraft.eval.values import Better, FloatArray, Measure

_ORDERS = 6
_FACTOR = 2.0**2


def chrf(stats: FloatArray) -> Part:
    """chrF2 as sacrebleu computes it. Range 0 to 100."""
    measure = Measure(
        "chrf",
        Better.HIGHER,
        "chrF2 as sacrebleu's CHRF: F with beta 2 of mean character 1- to 6-gram precision and "
        "recall, white space dropped, case kept, counts pooled over the corpus; 0 to 100.",
    )
    return Part((measure,), stats, chrf_values, chrf_values)


def chrf_statistics(refs: Sequence[str], hyps: Sequence[str]) -> FloatArray:
    """Columns for order 1 to 6: matches, counts in the reference, counts in the hypothesis."""
    ref, hyp = characters([squeezed(text) for text in refs], [squeezed(text) for text in hyps])
    stats = np.column_stack(
        [match_counts(ref, hyp, _ORDERS), order_counts(ref, _ORDERS), order_counts(hyp, _ORDERS)]
    )
    # An order that the reference lacks is not held against the hypothesis.
    stats[:, 2 * _ORDERS :] *= stats[:, _ORDERS : 2 * _ORDERS] > 0
    return stats


def squeezed(text: str) -> str:
    """Without white space."""
    return "".join(text.split())


def chrf_values(stats: FloatArray) -> FloatArray:
    """chrF2, shape (n, 1)."""
    match, ref, hyp = (stats[:, k * _ORDERS : (k + 1) * _ORDERS] for k in range(3))
    both = (ref > 0) & (hyp > 0)
    orders = both.sum(axis=1).astype(np.float64)
    precision = divide((divide(match, hyp, 0.0) * both).sum(axis=1), orders, 0.0)
    recall = divide((divide(match, ref, 0.0) * both).sum(axis=1), orders, 0.0)
    top = (1 + _FACTOR) * precision * recall
    return 100 * divide(top, _FACTOR * precision + recall, 0.0)[:, None]


def edit_distance(stats: FloatArray) -> Part:
    """Normalised Levenshtein distance by character. Range 0 to 1."""
    measure = Measure(
        "edit_distance",
        Better.LOWER,
        "Levenshtein distance by Unicode character of the texts as given, over the longer text's "
        "length; corpus: summed distances over summed lengths; 0 (same) to 1.",
    )
    return Part((measure,), stats, _distance_values, _distance_values)


def edit_statistics(refs: Sequence[str], hyps: Sequence[str]) -> FloatArray:
    """Columns: Levenshtein distance, characters of the longer text."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cpdist

    distance = cpdist(list(refs), list(hyps), scorer=Levenshtein.distance, dtype=np.int64)
    longer = [max(len(ref), len(hyp)) for ref, hyp in zip(refs, hyps, strict=True)]
    return np.column_stack([distance, longer]).astype(np.float64)


def length_ratio(stats: FloatArray, unit: str, suffix: str = "") -> Part:
    """Tokens of the hypothesis over tokens of the reference. 0 and up; 1 is the same length."""
    measure = Measure(
        f"length_ratio{suffix}",
        Better.NEITHER,
        f"Hypothesis tokens over reference tokens, summed over the corpus; {unit}; 1 is equal.",
    )
    return Part((measure,), stats, _length_values, _length_values)


def _distance_values(stats: FloatArray) -> FloatArray:
    return divide(stats[:, 0], stats[:, 1], 0.0)[:, None]


def _length_values(stats: FloatArray) -> FloatArray:
    # The columns of lengths among BLEU's statistics.
    return divide(stats[:, 8], stats[:, 9])[:, None]
