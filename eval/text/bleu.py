"""BLEU, in the two definitions in use."""

from __future__ import annotations

import numpy as np

from radraft.eval.text.ngrams import Docs, match_counts, order_counts
from radraft.eval.text.parts import Part
from radraft.eval.values import Better, FloatArray, Measure

_ORDERS = 4
_SMALL = 1e-9
_TINY = 1e-15


def coco(stats: FloatArray, unit: str, suffix: str = "") -> Part:
    """BLEU-1 to -4 as the image-captioning and report-generation literature computes it.

    Source: pycocoevalcap `Bleu` with one reference. Range 0 to 1.
    """
    measures = tuple(
        Measure(
            f"bleu{order}_coco{suffix}",
            Better.HIGHER,
            f"BLEU-{order} as pycocoevalcap's Bleu: geometric mean of clipped 1- to {order}-gram "
            f"precision, pooled over the corpus, times brevity penalty; {unit}; 0 to 1.",
        )
        for order in range(1, _ORDERS + 1)
    )
    return Part(measures, stats, coco_values, coco_values)


def sacre(stats: FloatArray, tokenizer: str) -> Part:
    """BLEU-4 as sacrebleu computes it, from texts tokenised by sacrebleu's tokenizer.

    Corpus: `corpus_bleu`; sentence: `sentence_bleu`, which averages only over orders that the
    hypothesis is long enough for. Range 0 to 100.
    """
    measure = Measure(
        "bleu_sacre",
        Better.HIGHER,
        f"BLEU-4 as sacrebleu: tokenizer {tokenizer}, case kept, exponential smoothing, one "
        "reference; sentences with effective order; 0 to 100.",
    )
    return Part((measure,), stats, sacre_sentence_values, sacre_values)


def statistics(refs: Docs, hyps: Docs) -> FloatArray:
    """Columns: 4 clipped matches, 4 hypothesis n-gram counts, lengths of hypothesis, reference."""
    return np.column_stack(
        [
            match_counts(refs, hyps, _ORDERS),
            order_counts(hyps, _ORDERS),
            hyps.lengths.astype(np.float64),
            refs.lengths.astype(np.float64),
        ]
    )


def coco_values(stats: FloatArray) -> FloatArray:
    """BLEU-1 to -4, shape (n, 4). The constants keep empty counts from dividing by zero."""
    correct, guess = stats[:, :_ORDERS], stats[:, _ORDERS : 2 * _ORDERS]
    products = np.cumprod((correct + _TINY) / (guess + _SMALL), axis=1)
    values = products ** (1.0 / np.arange(1, _ORDERS + 1))
    ratio = (stats[:, 8] + _TINY) / (stats[:, 9] + _SMALL)
    # At a length of 0 the exponent overflows to the value 0 that it stands for.
    with np.errstate(over="ignore", under="ignore"):
        penalty = np.where(ratio < 1, np.exp(1 - 1 / ratio), 1.0)
        out: FloatArray = values * penalty[:, None]
    return out


def sacre_values(stats: FloatArray) -> FloatArray:
    """Corpus BLEU-4, shape (n, 1): an order without n-grams makes it 0."""
    return _sacre(stats, effective=False)


def sacre_sentence_values(stats: FloatArray) -> FloatArray:
    """Sentence BLEU-4, shape (n, 1)."""
    return _sacre(stats, effective=True)


def _sacre(stats: FloatArray, *, effective: bool) -> FloatArray:
    from sacrebleu.metrics.bleu import BLEU

    scores = [
        BLEU.compute_bleu(
            correct=counts[:_ORDERS],
            total=counts[_ORDERS : 2 * _ORDERS],
            sys_len=counts[8],
            ref_len=counts[9],
            smooth_method="exp",
            effective_order=effective,
        ).score
        for counts in stats.astype(int).tolist()
    ]
    out: FloatArray = np.array(scores, dtype=np.float64)[:, None]
    return out
