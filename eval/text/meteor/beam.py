"""METEOR's beam search for the alignment of a pair, run for many pairs at a time.

At each reference word a path takes one of the word's candidates whose words are free, or leaves the
word out. After each word the 40 best paths stay: most matched words (of both sides; stem and
synonym matches count 0 and paraphrases half, rounded down, in this search), then fewest chunks,
then smallest summed distance, then the order in which they arose. A match that overlaps no other
candidate is always taken. The distance of a candidate is added to the path that did not take it, as
METEOR 1.5 does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radraft.eval.text.meteor.candidates import Candidates, spread
from radraft.eval.text.meteor.words import EXACT, PARAPHRASE
from radraft.eval.values import IntArray

WIDTH = 40
_AT_ONCE = 1250
_WORTH_A_GROUP = 32
_CHUNK_BITS = 12
# Above every live key, and still an int64 after 17 bits more.
_DEAD = np.int64(2**44)
# Keys of pairs within these stay exact in an int64: summed distance, candidates of a word, words.
_EXACT = (2**22, 400, 2**11)
_COARSE_BITS = 10


@dataclass(frozen=True)
class Chosen:
    """The alignment of each pair."""

    candidate: IntArray
    """Numbers of the candidates taken."""
    chunks: IntArray
    """Runs of matches that are adjacent in both texts, for each pair."""


@dataclass(frozen=True)
class _Search:
    """Candidates with what the search asks of them."""

    first: IntArray
    """Number of the first candidate at a pair's reference word: first[offset[pair] + word]."""
    offset: IntArray
    length: IntArray
    """Words of each reference."""
    fixed: NDArray[np.bool_]
    worth: IntArray
    distance: IntArray
    after: IntArray
    """Hypothesis position behind the match."""
    start: IntArray
    ref_length: IntArray
    mask: NDArray[np.uint64]
    """Bits of the hypothesis words used, shape (candidates, words of 64 bits)."""


def align(found: Candidates, ref_lengths: IntArray, hyp_lengths: IntArray) -> Chosen:
    """Best alignment of each pair. `found` holds candidates of pairs 0 to len(ref_lengths) - 1."""
    search = _prepare(found, ref_lengths, hyp_lengths)
    chunks = np.zeros(len(ref_lengths), dtype=np.int64)
    taken = []
    # Pairs of like length run together, longest first, so that a batch only ever shrinks.
    order = np.argsort(-ref_lengths, kind="stable")
    order = order[ref_lengths[order] > 0]
    huge = _huge(search, found)[order]
    batches = [order[huge][at : at + 1] for at in range(int(huge.sum()))]
    order = order[~huge]
    batches += [order[at : at + _AT_ONCE] for at in range(0, len(order), _AT_ONCE)]
    for pairs in batches:
        chosen, chunks[pairs] = _batch(search, pairs)
        taken.append(chosen)
    return Chosen(np.concatenate(taken) if taken else np.zeros(0, np.int64), chunks)


def _huge(search: _Search, found: Candidates) -> NDArray[np.bool_]:
    """Pairs that repeat words so often that their summed distances need more bits than there are.

    They run alone, and their distances, which only break ties, are rounded.
    """
    pairs = len(search.length)
    reach = np.bincount(found.pair, search.distance, pairs)
    most = np.zeros(pairs, dtype=np.int64)
    np.maximum.at(
        most, found.pair, np.diff(search.first)[search.offset[found.pair] + found.ref_start]
    )
    limits = zip((reach, most, search.length), _EXACT, strict=True)
    over: NDArray[np.bool_] = np.logical_or.reduce([value >= limit for value, limit in limits])
    return over


def _prepare(found: Candidates, ref_lengths: IntArray, hyp_lengths: IntArray) -> _Search:
    offset = np.cumsum(ref_lengths) - ref_lengths
    words = int(ref_lengths.sum())
    counts = np.bincount(offset[found.pair] + found.ref_start, minlength=words)
    first = np.r_[0, np.cumsum(counts)]
    hyp_offset = np.cumsum(hyp_lengths) - hyp_lengths
    ref_row, ref_at = spread(offset[found.pair] + found.ref_start, found.ref_length)
    hyp_row, hyp_at = spread(hyp_offset[found.pair] + found.hyp_start, found.hyp_length)
    crowded = np.zeros(len(found.pair), dtype=bool)
    for row, at, size in ((ref_row, ref_at, words), (hyp_row, hyp_at, int(hyp_lengths.sum()))):
        covered = np.bincount(at, minlength=size)
        crowded[row[covered[at] != 1]] = True
    worth = np.where(found.stage == EXACT, found.ref_length + found.hyp_length, 0)
    half = found.ref_length // 2 + found.hyp_length // 2
    return _Search(
        first=first,
        offset=offset,
        length=ref_lengths,
        fixed=~crowded,
        worth=np.where(found.stage == PARAPHRASE, half, worth),
        distance=np.abs(found.ref_start - found.hyp_start),
        after=found.hyp_start + found.hyp_length,
        start=found.hyp_start,
        ref_length=found.ref_length,
        mask=_masks(found, crowded[hyp_row], hyp_row, hyp_at, hyp_offset),
    )


def _masks(
    found: Candidates, free: NDArray[np.bool_], row: IntArray, at: IntArray, hyp_offset: IntArray
) -> NDArray[np.uint64]:
    """Only words that candidates compete for get a bit, numbered within their pair."""
    row, at = row[free], at[free]
    contested, dense = np.unique(at, return_inverse=True)
    pair = found.pair[row]
    bit = dense - np.searchsorted(contested, hyp_offset[pair])
    out = np.zeros((len(found.pair), int(bit.max(initial=0)) // 64 + 1), dtype=np.uint64)
    np.bitwise_or.at(out, (row, bit // 64), np.uint64(1) << (bit % 64).astype(np.uint64))
    return out


class _Beam:
    """Paths of a batch of pairs, best first: arrays of shape (pairs, 40).

    A path's key packs what paths are compared by: -matched words, chunks, distance.
    """

    def __init__(self, pairs: int, distance_bits: int, words: int) -> None:
        self.chunk = np.int64(1) << distance_bits
        self.match = self.chunk << _CHUNK_BITS
        self.key = np.full((pairs, WIDTH), _DEAD)
        self.key[:, 0] = 0
        self.last = np.full((pairs, WIDTH), -1, dtype=np.int32)
        self.next = np.zeros((pairs, WIDTH), dtype=np.int32)
        self.mask = np.zeros((pairs, WIDTH, words), dtype=np.uint64)

    def close(self, pair: slice) -> tuple[IntArray, IntArray]:
        """Best path of each pair, and its chunks, with the last chunk ended."""
        key = self.key[pair] + self.chunk * (self.last[pair] >= 0)
        best = np.argmin(key, axis=1)
        value = key[np.arange(len(key)), best]
        return best, (value // self.chunk) & ((1 << _CHUNK_BITS) - 1)


def _batch(search: _Search, pairs: IntArray) -> tuple[IntArray, IntArray]:
    """Numbers of the candidates taken, and chunks of each pair. Longest references come first."""
    lengths = search.length[pairs]
    begin, end = search.first[search.offset[pairs]], search.first[search.offset[pairs] + lengths]
    reach = max(int(search.distance[a:b].sum()) for a, b in zip(begin, end, strict=True))
    if reach >= _EXACT[0]:
        coarse = search.distance >> (reach.bit_length() - _COARSE_BITS)
        search, reach = replace(search, distance=coarse), 2**_COARSE_BITS
    used = search.mask[spread(begin, end - begin)[1]].any(axis=0)
    beam = _Beam(len(pairs), reach.bit_length() + 1, max(int(used.sum()), 1))
    best = np.zeros(len(pairs), dtype=np.int64)
    chunks = np.zeros(len(pairs), dtype=np.int64)
    history = []
    running = len(pairs)
    for word in range(int(lengths.max()) + 1):
        still = int(np.searchsorted(-lengths, -word, side="left"))
        ended = slice(still, running)
        best[ended], chunks[ended] = beam.close(ended)
        running = still
        if running:
            history.append(_step(search, beam, pairs[:running], word))
    return _trace(history, best), chunks


def _step(search: _Search, beam: _Beam, pairs: IntArray, word: int) -> tuple[IntArray, IntArray]:
    """Advance all paths over one reference word. Gives each new path's parent and candidate."""
    at = search.offset[pairs] + word
    first, count = search.first[at], search.first[at + 1] - search.first[at]
    parent = np.tile(np.arange(WIDTH), (len(pairs), 1))
    taken = np.full((len(pairs), WIDTH), -1)
    bare = count == 0
    # Nothing to match and no chunk to end: the paths and their order stay.
    idle = bare & ~(beam.last[: len(pairs)] >= 0).any(axis=1)
    beam.next[: len(pairs)][idle] = word + 1
    # Pairs with like numbers of candidates go together: the arrays are as wide as the widest.
    for rows in _groups(np.where(idle, -1, count)):
        most = int(count[rows].max())
        numbers = first[rows, None] + np.arange(most)
        numbers = np.where(np.arange(most) < count[rows, None], numbers, -1)
        came, choice = _branch(search, beam, rows, numbers, word)
        parent[rows, : came.shape[1]], taken[rows, : came.shape[1]] = came, choice
    return parent, taken


def _groups(count: IntArray) -> Iterator[IntArray]:
    """Rows by number of candidates; a group of few rows joins the next. Left out: below 0."""
    low = 0
    for high in (0, 1, 3, 7, int(count.max())):
        rows = np.flatnonzero((count >= low) & (count <= high))
        if len(rows) >= _WORTH_A_GROUP or (len(rows) and high >= count.max()):
            yield rows
            low = high + 1


def _branch(
    search: _Search, beam: _Beam, rows: IntArray, numbers: IntArray, word: int
) -> tuple[IntArray, IntArray]:
    """Advance the paths of some pairs; `numbers` are their candidates, -1 where there is none."""
    width = int((beam.key[rows] < _DEAD).sum(axis=1).max())
    keys = _keys(search, beam, rows, width, numbers, word)
    key, parent, choice = _best(keys)
    numbers = np.column_stack([numbers, np.full(len(numbers), -1)])
    number = np.take_along_axis(numbers, choice, axis=1)
    took = number >= 0
    row = rows[:, None]
    last, ends, mask = beam.last[row, parent], beam.next[row, parent], beam.mask[row, parent]
    waits = ends > word
    kept = slice(0, key.shape[1])
    beam.key[rows, kept] = key
    beam.key[rows, key.shape[1] :] = _DEAD
    beam.last[rows, kept] = np.where(took, search.after[number], np.where(waits, last, -1))
    onward = np.where(waits, ends, word + 1)
    beam.next[rows, kept] = np.where(took, word + search.ref_length[number], onward)
    used = np.where(took[:, :, None], search.mask[number, : mask.shape[2]], np.uint64(0))
    beam.mask[rows, kept] = mask | used
    return parent, number


def _keys(
    search: _Search, beam: _Beam, rows: IntArray, width: int, numbers: IntArray, word: int
) -> IntArray:
    """Key of each path with each candidate and, last, without; shape (pairs, paths, choices)."""
    most = numbers.shape[1]
    keys = np.full((len(rows), width, most + 1), _DEAD)
    key, last = beam.key[rows, :width], beam.last[rows, :width]
    # A path inside a longer match waits for its end.
    free = (beam.next[rows, :width] <= word) & (key < _DEAD)
    open_chunk = last >= 0
    waiting = np.where(free, _DEAD, key)
    alone = search.fixed[numbers[:, 0]] & (numbers[:, 0] >= 0) if most else np.zeros(1, bool)
    for place in range(most):
        there = numbers[:, place] >= 0
        some = np.flatnonzero(there) if not there.all() else slice(None)
        number = numbers[some, place]
        usable = free[some].copy()
        for part in range(beam.mask.shape[2]):
            used = beam.mask[rows[some], :width, part]
            usable &= (used & search.mask[number, part][:, None]) == 0
        broken = open_chunk[some] & (last[some] != search.start[number][:, None])
        away = search.distance[number][:, None]
        value = key[some] - search.worth[number][:, None] * beam.match + broken * beam.chunk
        value += np.where(alone[some, None], away, 0)
        keys[some, :, place] = np.where(usable, value, _DEAD)
        key[some] += np.where(usable, away, 0)
    skipped = np.where(free & ~alone[:, None], key + open_chunk * beam.chunk, _DEAD)
    keys[:, :, most] = np.minimum(waiting, skipped)
    return keys


def _best(keys: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Key, parent and choice of the paths that stay, best first."""
    pairs, paths, choices = keys.shape
    bits = int(paths * choices).bit_length()
    flat = keys.reshape(pairs, paths * choices)
    packed = (flat << bits) | np.arange(paths * choices)
    if packed.shape[1] > 4 * WIDTH:
        packed.partition(WIDTH, axis=1)
        packed = packed[:, :WIDTH]
    packed.sort(axis=1)
    packed = packed[:, :WIDTH]
    key = packed >> bits
    width = int((key < _DEAD).sum(axis=1).max())
    key, place = key[:, :width], packed[:, :width] & ((1 << bits) - 1)
    return key, place // choices, place % choices


def _trace(history: list[tuple[IntArray, IntArray]], path: IntArray) -> IntArray:
    """Candidates on the way to each pair's best path."""
    path = path.copy()
    taken = []
    for parent, candidate in reversed(history):
        rows = np.arange(len(parent))
        taken.append(candidate[rows, path[: len(parent)]])
        path[: len(parent)] = parent[rows, path[: len(parent)]]
    numbers = np.concatenate(taken) if taken else np.zeros(0, dtype=np.int64)
    return numbers[numbers >= 0]
