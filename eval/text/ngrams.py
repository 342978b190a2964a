"""Texts as token numbers, and counts of their n-grams, many texts at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from radraft.eval.values import FloatArray, IntArray

_KEY_BITS = 62


@dataclass(frozen=True)
class Docs:
    """Texts as runs of token numbers (0 and up) in one flat array."""

    ids: IntArray
    lengths: IntArray

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def starts(self) -> IntArray:
        """Index in `ids` of each text's first token."""
        return np.cumsum(self.lengths) - self.lengths


def number(texts: Sequence[Sequence[str]], vocabulary: dict[str, int]) -> Docs:
    """Number the tokens of `texts`; unseen tokens are added to `vocabulary`."""
    flat = list(chain.from_iterable(texts))
    for token in dict.fromkeys(flat):
        vocabulary.setdefault(token, len(vocabulary))
    ids = np.fromiter(map(vocabulary.__getitem__, flat), np.int64, len(flat))
    return Docs(ids, np.fromiter(map(len, texts), np.int64, len(texts)))


def characters(refs: Sequence[str], hyps: Sequence[str]) -> tuple[Docs, Docs]:
    """Both sides by Unicode character, numbered densely over what occurs."""
    codes = np.frombuffer("".join([*refs, *hyps]).encode("utf-32-le"), dtype=np.uint32)
    rank = np.cumsum(np.bincount(codes) > 0) - 1 if codes.size else np.zeros(1, np.int64)
    ids = rank[codes].astype(np.int64)
    lengths = np.fromiter(map(len, [*refs, *hyps]), np.int64, len(refs) + len(hyps))
    cut = int(lengths[: len(refs)].sum())
    return Docs(ids[:cut], lengths[: len(refs)]), Docs(ids[cut:], lengths[len(refs) :])


def order_counts(docs: Docs, orders: int) -> FloatArray:
    """How many n-grams of order 1 to `orders` each text has, shape (n, orders)."""
    gone = np.arange(orders)[None, :]
    counts: IntArray = np.maximum(docs.lengths[:, None] - gone, 0)
    return counts.astype(np.float64)


def match_counts(refs: Docs, hyps: Docs, orders: int) -> FloatArray:
    """Clipped n-gram matches of each pair for order 1 to `orders`, shape (n, orders).

    A match counts an n-gram as often as the text in which it is rarer has it.
    """
    out = np.zeros((len(refs), orders))
    ids = np.concatenate([refs.ids, hyps.ids])
    left = np.concatenate([remaining(refs), remaining(hyps)])
    pair = np.concatenate([np.repeat(np.arange(len(docs)), docs.lengths) for docs in (refs, hyps)])
    side = np.repeat([0, 1], [len(refs.ids), len(hyps.ids)])
    width = int(ids.max(initial=0)) + 1
    room = _KEY_BITS - 1 - len(refs).bit_length()
    key, bound = ids, width
    for order in range(1, orders + 1):
        at = np.flatnonzero(left >= order)
        if order > 1:
            if (bound * width).bit_length() > room:
                key, bound = _compact(key)
            key = _extended(key, at, ids[at + order - 1], width, len(ids))
            bound *= width
        doc, _, in_ref, in_hyp = run_lengths(pair[at], key[at], side[at], bound)
        out[:, order - 1] = np.bincount(doc, np.minimum(in_ref, in_hyp), len(refs))
    return out


def run_lengths(
    pair: IntArray, key: IntArray, side: IntArray, bound: int
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """(pair, key, count where side is 0, count where side is 1) of each distinct (pair, key).

    `key` is below `bound`. Rows come in the order of (pair, key).
    """
    bits = max(bound - 1, 1).bit_length()
    packed = (((pair << bits) | key) << 1) | side
    packed.sort()
    if not len(packed):
        return packed, packed, packed, packed
    whole = packed >> 1
    first = np.flatnonzero(np.r_[True, whole[1:] != whole[:-1]])
    ends = np.r_[first[1:], len(packed)]
    ones = np.r_[0, np.cumsum(packed & 1)]
    in_hyp = ones[ends] - ones[first]
    name = whole[first]
    return name >> bits, name & ((1 << bits) - 1), ends - first - in_hyp, in_hyp


def remaining(docs: Docs) -> IntArray:
    """For each token, how many tokens its text has from it on (1 for the last)."""
    ends = np.cumsum(docs.lengths)
    return np.repeat(ends, docs.lengths) - np.arange(len(docs.ids))


def _extended(key: IntArray, at: IntArray, following: IntArray, width: int, size: int) -> IntArray:
    longer = np.zeros(size, dtype=np.int64)
    longer[at] = key[at] * width + following
    return longer


def _compact(key: IntArray) -> tuple[IntArray, int]:
    distinct, dense = np.unique(key, return_inverse=True)
    return dense.astype(np.int64), len(distinct)
