"""CIDEr-D as pycocoevalcap's `Cider` computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from radraft.eval.text.ngrams import Docs, remaining, run_lengths
from radraft.eval.text.parts import Part
from radraft.eval.values import Better, FloatArray, IntArray, Measure

_ORDERS = 4
_SIGMA = 6.0
HashArray: TypeAlias = NDArray[np.uint64]
Frequencies = tuple[HashArray, IntArray]
_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def cider(chunks: Sequence[tuple[Docs, Docs]], unit: str, suffix: str = "") -> Part:
    """CIDEr-D over (references, hypotheses) of one numbering. Range 0 to 10; corpus: the mean.

    Document frequencies come from all references given here, and stay those of the whole set when
    a part of it is resampled, so a report's value does not depend on which others were drawn.
    With one report every weight is log 1 = 0, so its value is 0. N-grams are told apart by 64-bit
    hashes: among ten million of them two coincide with a chance of about 3 in a million.
    """
    measure = Measure(
        f"cider{suffix}",
        Better.HIGHER,
        "CIDEr-D as pycocoevalcap's Cider: tf-idf weighted 1- to 4-gram cosine with clipping and "
        "length penalty (sigma 6), document frequencies from the set's references, mean over "
        f"reports; {unit}; 0 to 10.",
    )
    reports = sum(len(refs) for refs, _ in chunks)
    tables = [_frequencies([refs for refs, _ in chunks], order) for order in range(1, _ORDERS + 1)]
    parts = [_values(refs, hyps, tables, reports) for refs, hyps in chunks]
    stats = np.concatenate(parts)[:, None] if parts else np.zeros((0, 1))
    return Part((measure,), stats, lambda rows: rows, None)


def hashes(docs: Docs, order: int) -> tuple[HashArray, IntArray]:
    """Hash and text of each n-gram of one order. The same n-gram has the same hash everywhere."""
    at = np.flatnonzero(remaining(docs) >= order)
    tokens = docs.ids.astype(np.uint64) + np.uint64(1)
    value = np.zeros(len(at), dtype=np.uint64)
    for step in range(order):
        value = mixed(value, tokens[at + step])
    return value, np.repeat(np.arange(len(docs)), docs.lengths)[at]


def mixed(value: HashArray, token: HashArray) -> HashArray:
    """Hash of a sequence continued by one token (from 1)."""
    value = (value + token) * _MULTIPLY
    return value ^ (value >> _SHIFT)


def _frequencies(references: Sequence[Docs], order: int) -> Frequencies:
    """Sorted hashes of the references' n-grams, and in how many references each occurs."""
    found = [_in_documents(docs, order) for docs in references]
    names = np.concatenate([name for name, _ in found])
    by_name = np.argsort(names, kind="stable")
    names = names[by_name]
    if not len(names):
        return names, np.zeros(0, dtype=np.int64)
    first = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
    counts = np.add.reduceat(np.concatenate([count for _, count in found])[by_name], first)
    return names[first], counts


def _in_documents(docs: Docs, order: int) -> Frequencies:
    value, doc = hashes(docs, order)
    names, dense = np.unique(value, return_inverse=True)
    pairs = doc * max(len(names), 1) + dense
    pairs.sort()
    distinct = pairs[np.r_[True, pairs[1:] != pairs[:-1]]] if len(pairs) else pairs
    return names, np.bincount(distinct % max(len(names), 1), minlength=len(names))


def _values(refs: Docs, hyps: Docs, tables: Sequence[Frequencies], reports: int) -> FloatArray:
    total = np.zeros(len(refs))
    for order in range(1, _ORDERS + 1):
        total += _cosine(refs, hyps, order, tables[order - 1], np.log(float(reports)))
    # Lengths are counted in bigrams, as the original counts them.
    gap = np.maximum(hyps.lengths - 1, 0) - np.maximum(refs.lengths - 1, 0)
    value = 10.0 * total / _ORDERS * np.exp(-(gap.astype(np.float64) ** 2) / (2 * _SIGMA**2))
    return np.where(refs.lengths > 0, value, np.nan)


def _cosine(
    refs: Docs, hyps: Docs, order: int, table: Frequencies, log_reports: float
) -> FloatArray:
    n = len(refs)
    doc, gram, in_ref, in_hyp, names = _counted(refs, hyps, order, table[0])
    # An n-gram that no reference has keeps the full weight.
    weight = np.full(names + 1, log_reports)
    weight[: len(table[0])] -= np.log(table[1])
    ref, hyp = in_ref * weight[gram], in_hyp * weight[gram]
    dot = np.bincount(doc, np.minimum(hyp, ref) * ref, n)
    norm = np.sqrt(np.bincount(doc, ref**2, n)) * np.sqrt(np.bincount(doc, hyp**2, n))
    return dot / np.where(norm > 0, norm, 1.0)


def _counted(
    refs: Docs, hyps: Docs, order: int, names: HashArray
) -> tuple[IntArray, IntArray, IntArray, IntArray, int]:
    """(pair, n-gram, count in reference, count in hypothesis) of each distinct n-gram of a pair.

    The last value bounds the n-grams' numbers; those below `len(names)` are places in `names`.
    """
    ref_value, ref_doc = hashes(refs, order)
    hyp_value, hyp_doc = hashes(hyps, order)
    place = np.searchsorted(names, hyp_value)
    known = place < len(names)
    known[known] = names[place[known]] == hyp_value[known]
    extra, dense = np.unique(hyp_value[~known], return_inverse=True)
    place[~known] = len(names) + dense
    bound = len(names) + len(extra)
    runs = run_lengths(
        np.concatenate([ref_doc, hyp_doc]),
        np.concatenate([np.searchsorted(names, ref_value), place]),
        np.repeat([0, 1], [len(ref_doc), len(hyp_doc)]),
        bound + 1,
    )
    return *runs, bound
