from __future__ import annotations

import numpy as np
import pytest

from radraft.eval.text.cider import cider, hashes
from radraft.eval.text.ngrams import Docs
from tests.eval.text.samples import as_coco, numbered, token_pairs


def test_is_pycocoevalcaps_however_the_pairs_are_chunked() -> None:
    theirs = pytest.importorskip("pycocoevalcap.cider.cider")
    refs, hyps = token_pairs()
    hyps[3] = ["unheard", "words", "unheard", "words", "only", "here"]
    corpus, sentences = theirs.Cider().compute_score(as_coco(refs), as_coco(hyps))
    ref, hyp, _ = numbered(refs, hyps)
    for size in (len(refs), 50, 1):
        chunks = [(piece(ref, at, size), piece(hyp, at, size)) for at in range(0, len(refs), size)]
        part = cider(chunks, "")
        rows = part.per_report()
        np.testing.assert_allclose(rows[:, 0], sentences, atol=1e-9)
        assert part.corpus(None, rows)[0] == pytest.approx(corpus, abs=1e-9)


def test_one_pair_alone_has_no_weights() -> None:
    ref, hyp, _ = numbered([["a", "b"]], [["a", "b"]])
    assert cider([(ref, hyp)], "").per_report()[0, 0] == 0.0


def test_hashes_tell_ngrams_apart_by_order_of_tokens() -> None:
    docs, _, _ = numbered([["a", "b", "a", "b", "b"]], [[]])
    value, doc = hashes(docs, 2)
    ab, ba, again, bb = value.tolist()
    assert ab == again and len({ab, ba, bb}) == 3
    assert doc.tolist() == [0, 0, 0, 0]


def piece(docs: Docs, at: int, size: int) -> Docs:
    ends = np.r_[0, np.cumsum(docs.lengths)]
    last = min(at + size, len(docs))
    return Docs(docs.ids[ends[at] : ends[last]], docs.lengths[at:last])
