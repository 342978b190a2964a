"""ROUGE over one reference."""

from __future__ import annotations

import numpy as np

from radraft.eval.text.bleu import statistics as bleu_statistics
from radraft.eval.text.ngrams import Docs
from radraft.eval.text.parts import Part, divide
from radraft.eval.values import Better, FloatArray, IntArray, Measure

_BETA = 1.2
# Token numbers become code points above the surrogates, which leaves room for a million words.
_FIRST_CODE = 0xE000


def rouge(stats: FloatArray, unit: str, suffix: str = "") -> Part:
    """ROUGE-L in both forms, ROUGE-1 and ROUGE-2 F1. Corpus values are means over pairs.

    Sources: pycocoevalcap `Rouge` (F with beta 1.2); Google's rouge_score without stemming (F1),
    whose `rougeL` takes the whole report as one sequence. Range 0 to 1. Undefined (NaN) where the
    reference has no token.
    """
    measures = (
        Measure(
            f"rouge_l_coco{suffix}",
            Better.HIGHER,
            "ROUGE-L as pycocoevalcap's Rouge: F of the longest common subsequence with beta 1.2 "
            f"(recall weighs more), mean over reports; {unit}; 0 to 1.",
        ),
        Measure(
            f"rouge_l_f1{suffix}",
            Better.HIGHER,
            "ROUGE-L as rouge_score's rougeL: F1 of the longest common subsequence, mean over "
            f"reports; {unit}; 0 to 1.",
        ),
        *(
            Measure(
                f"rouge{order}_f1{suffix}",
                Better.HIGHER,
                f"ROUGE-{order} as rouge_score: F1 of clipped {order}-gram overlap, mean over "
                f"reports; {unit}; 0 to 1.",
            )
            for order in (1, 2)
        ),
    )
    return Part(measures, stats, rouge_values, None)


def statistics(refs: Docs, hyps: Docs) -> FloatArray:
    """Columns: those of BLEU, then the length of the longest common subsequence."""
    return np.column_stack([bleu_statistics(refs, hyps), common_subsequence(refs, hyps)])


def rouge_values(stats: FloatArray) -> FloatArray:
    """The four measures, shape (n, 4)."""
    one, two, hyp, ref, lcs = stats[:, (0, 1, 8, 9, 10)].T
    columns = [
        _f(lcs, ref, hyp, _BETA),
        _f(lcs, ref, hyp, 1.0),
        _f(one, ref, hyp, 1.0),
        _f(two, np.maximum(ref - 1, 0), np.maximum(hyp - 1, 0), 1.0),
    ]
    return np.where(ref[:, None] > 0, np.column_stack(columns), np.nan)


def common_subsequence(refs: Docs, hyps: Docs) -> IntArray:
    """Length of the longest common subsequence of tokens of each pair."""
    from rapidfuzz.distance import LCSseq
    from rapidfuzz.process import cpdist

    lengths = cpdist(as_strings(refs), as_strings(hyps), scorer=LCSseq.similarity, dtype=np.int64)
    return np.asarray(lengths, dtype=np.int64)


def as_strings(docs: Docs) -> list[str]:
    """Each text as a string with one character a token."""
    flat = (docs.ids + _FIRST_CODE).astype("<u4").tobytes().decode("utf-32-le")
    ends = np.cumsum(docs.lengths).tolist()
    return [flat[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def _f(matched: FloatArray, ref: FloatArray, hyp: FloatArray, beta: float) -> FloatArray:
    recall, precision = divide(matched, ref, 0.0), divide(matched, hyp, 0.0)
    square = beta**2
    return divide((1 + square) * precision * recall, recall + square * precision, 0.0)
