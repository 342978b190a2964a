"""All matches between a hypothesis and its reference, before one alignment is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radraft.eval.text.cider import HashArray, hashes
from radraft.eval.text.meteor.tables import LONGEST, Paraphrases
from radraft.eval.text.meteor.words import EXACT, PARAPHRASE, Lexicon
from radraft.eval.text.ngrams import Docs, remaining
from radraft.eval.values import IntArray


@dataclass(frozen=True)
class Candidates:
    """Matches of many pairs, sorted by pair, reference position, and the order they are tried in.

    A match covers `ref_length` words from `ref_start` on in the reference and `hyp_length` from
    `hyp_start` on in the hypothesis.
    """

    pair: IntArray
    stage: IntArray
    ref_start: IntArray
    ref_length: IntArray
    hyp_start: IntArray
    hyp_length: IntArray


@dataclass(frozen=True)
class _Grams:
    """Occurrences of table phrases in texts, by text, start and length."""

    doc: IntArray
    start: IntArray
    length: IntArray
    phrase: IntArray

    def among(self, phrases: IntArray, left_out: NDArray[np.bool_]) -> _Grams:
        """Those of `phrases` (sorted) in texts that are not left out."""
        at = np.flatnonzero(np.isin(self.phrase, phrases) & ~left_out[self.doc])
        return _Grams(self.doc[at], self.start[at], self.length[at], self.phrase[at])


def candidates(
    refs: Docs, hyps: Docs, vocabulary: list[str], lexicon: Lexicon, paraphrases: Paraphrases
) -> Candidates:
    """Matches of each pair. Tokens are places in `vocabulary`.

    Order at one reference position: exact, stem, synonym (each by hypothesis position), then
    paraphrases of the reference's phrases, then of the hypothesis's.
    """
    keys = np.array([lexicon.entry(word).key for word in vocabulary], dtype=np.int64)
    same = _identical(refs, hyps, keys)
    one = _word_matches(refs, hyps, lexicon, vocabulary, same)
    two = _phrase_matches(refs, hyps, vocabulary, paraphrases, same)
    table = np.concatenate([one, two])
    # Columns: pair, ref start, class, order within the class, stage, and the three extents.
    table = table[np.lexsort((table[:, 3], table[:, 2], table[:, 1], table[:, 0]))]
    return Candidates(table[:, 0], table[:, 4], table[:, 1], *table[:, 5:8].T)


def spread(first: IntArray, count: IntArray) -> tuple[IntArray, IntArray]:
    """Row number and index for each of `count` indices from `first` on, row by row."""
    row = np.repeat(np.arange(len(count)), count)
    skipped = np.cumsum(count) - count
    return row, np.arange(len(row)) - skipped[row] + first[row]


def places(docs: Docs) -> tuple[IntArray, IntArray]:
    """Text and position within it of each token."""
    doc = np.repeat(np.arange(len(docs)), docs.lengths)
    return doc, np.arange(len(docs.ids)) - docs.starts[doc]


def _identical(refs: Docs, hyps: Docs, keys: IntArray) -> NDArray[np.bool_]:
    """Pairs of equal texts, which METEOR matches by exact words only."""
    same: NDArray[np.bool_] = refs.lengths == hyps.lengths
    ref_starts, hyp_starts = refs.starts, hyps.starts
    for pair in np.flatnonzero(same):
        length, a, b = refs.lengths[pair], ref_starts[pair], hyp_starts[pair]
        same[pair] = np.array_equal(keys[refs.ids[a : a + length]], keys[hyps.ids[b : b + length]])
    return same


def _word_matches(
    refs: Docs, hyps: Docs, lexicon: Lexicon, vocabulary: list[str], same: NDArray[np.bool_]
) -> IntArray:
    related = lexicon.relations(vocabulary)
    ref_doc, ref_place = places(refs)
    hyp_doc, hyp_place = places(hyps)
    count = related.first[refs.ids + 1] - related.first[refs.ids]
    token, at = spread(related.first[refs.ids], count)
    asked = ~same[ref_doc[token]] | (related.stage[at] == EXACT)
    token, at = token[asked], at[asked]
    size = len(vocabulary)
    have = hyp_doc * size + hyps.ids
    order = np.argsort(have, kind="stable")
    have = have[order]
    want = ref_doc[token] * size + related.other[at]
    low = np.searchsorted(have, want)
    row, found = spread(low, np.searchsorted(have, want, side="right") - low)
    place = hyp_place[order[found]]
    ones = np.ones_like(place)
    stage = related.stage[at[row]]
    token = token[row]
    columns = [ref_doc[token], ref_place[token], stage, place, stage, ones, place, ones]
    return np.column_stack(columns)


def _phrase_matches(
    refs: Docs, hyps: Docs, vocabulary: list[str], table: Paraphrases, same: NDArray[np.bool_]
) -> IntArray:
    beyond = len(table.words)
    known = np.array(
        [table.words.get(word, beyond + place) for place, word in enumerate(vocabulary)]
    )
    sides = [_phrases(Docs(known[docs.ids], docs.lengths), table) for docs in (refs, hyps)]
    names, phrase = np.unique(np.concatenate([side[3] for side in sides]), return_inverse=True)
    cut = len(sides[0][0])
    ref = _Grams(*sides[0][:3], phrase[:cut])
    hyp = _Grams(*sides[1][:3], phrase[cut:])
    source, target = _pairs(names, table)
    pair, start, length, other, other_length = _found(ref, hyp, source, target, len(names), same)
    stage, order = np.full(len(pair), PARAPHRASE), np.arange(len(pair))
    ours = [pair, start, stage, order, stage, length, other, other_length]
    pair, start, length, other, other_length = _found(hyp, ref, source, target, len(names), same)
    stage, order = np.full(len(pair), PARAPHRASE), np.arange(len(pair))
    theirs = [pair, other, stage + 1, order, stage, other_length, start, length]
    return np.concatenate([np.column_stack(ours), np.column_stack(theirs)])


def _phrases(docs: Docs, table: Paraphrases) -> tuple[IntArray, IntArray, IntArray, HashArray]:
    """Text, start, length and hash of runs of 1 to 7 words, by text, start and length.

    All that are in the table, and a few that are not.
    """
    left = remaining(docs)
    _, place = places(docs)
    parts = []
    for words in range(1, LONGEST + 1):
        value, doc = hashes(docs, words)
        listed = table.listed(value)
        doc, start, value = doc[listed], place[left >= words][listed], value[listed]
        parts.append((doc, start, np.full(len(doc), words), value))
    doc, start, length, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((length, start, doc))
    return doc[order], start[order], length[order], value[order]


def _pairs(names: HashArray, table: Paraphrases) -> tuple[IntArray, IntArray]:
    """Places in `names` of the table's pairs with both sides there, in the table's order."""
    place = np.searchsorted(table.source, names).clip(max=len(table.source) - 1)
    listed = np.flatnonzero(table.source[place] == names)
    first, last = table.first[place[listed]], table.first[place[listed] + 1]
    row, at = spread(first, last - first)
    values = table.target[at]
    target = np.searchsorted(names, values).clip(max=max(len(names) - 1, 0))
    both = names[target] == values
    return listed[row[both]], target[both]


def _found(
    here: _Grams,
    there: _Grams,
    source: IntArray,
    target: IntArray,
    size: int,
    same: NDArray[np.bool_],
) -> tuple[IntArray, ...]:
    """(pair, start, length here, start, length there) of each source here with a target there.

    Sorted by pair, start and length here, the table's order, and start there. `size`
    is above every phrase's number; `source` and `target` are in the table's order.
    """
    sources, heads = np.unique(source, return_inverse=True)
    targets, tails = np.unique(target, return_inverse=True)
    linked = np.zeros((len(sources), len(targets)), dtype=bool)
    linked[heads, tails] = True
    here, there = here.among(sources, same), there.among(targets, same)
    first = np.searchsorted(there.doc, here.doc)
    row, at = spread(first, np.searchsorted(there.doc, here.doc, side="right") - first)
    head = np.searchsorted(sources, here.phrase)[row]
    both = linked[head, np.searchsorted(targets, there.phrase)[at]]
    row, at = row[both], at[both]
    keys = source * size + target
    by_key = np.argsort(keys)
    rank = by_key[np.searchsorted(keys[by_key], here.phrase[row] * size + there.phrase[at])]
    order = np.lexsort((there.start[at], rank, row))
    row, at = row[order], at[order]
    return here.doc[row], here.start[row], here.length[row], there.start[at], there.length[at]
