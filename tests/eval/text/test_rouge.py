from __future__ import annotations

import numpy as np
import pytest

from radraft.eval.text import rouge, tokens
from tests.eval.text.samples import as_coco, numbered, texts, token_pairs


def scored(refs: list[list[str]], hyps: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    ref, hyp, _ = numbered(refs, hyps)
    part = rouge.rouge(rouge.statistics(ref, hyp), "")
    rows = part.per_report()
    return rows, part.corpus(None, rows)


def test_rouge_l_coco_is_pycocoevalcaps() -> None:
    theirs = pytest.importorskip("pycocoevalcap.rouge.rouge")
    refs, hyps = token_pairs()
    rows, whole = scored(refs, hyps)
    corpus, sentences = theirs.Rouge().compute_score(as_coco(refs), as_coco(hyps))
    np.testing.assert_allclose(rows[:, 0], sentences, atol=1e-12)
    assert whole[0] == pytest.approx(corpus, abs=1e-12)


def test_f1_forms_are_rouge_scores() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer")
    refs, hyps = texts()
    rows, _ = scored([tokens.english(ref) for ref in refs], [tokens.english(hyp) for hyp in hyps])
    theirs = scorer.RougeScorer(["rougeL", "rouge1", "rouge2"])
    for ref, hyp, row in zip(refs, hyps, rows, strict=True):
        values = theirs.score(ref, hyp)
        assert [values[name].fmeasure for name in values] == pytest.approx(row[1:].tolist())


def test_undefined_without_a_reference_token_and_left_out_of_the_mean() -> None:
    rows, whole = scored([[], ["a", "b"]], [["a"], ["a", "b"]])
    assert np.isnan(rows[0]).all()
    assert whole == pytest.approx([1.0, 1.0, 1.0, 1.0])
