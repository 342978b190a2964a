from __future__ import annotations

import numpy as np
import pytest

from radraft.eval.text import bleu, tokens
from tests.eval.text.samples import as_coco, numbered, texts, token_pairs


def stats(refs: list[list[str]], hyps: list[list[str]]) -> np.ndarray:
    ref, hyp, _ = numbered(refs, hyps)
    return bleu.statistics(ref, hyp)


def test_coco_is_pycocoevalcaps() -> None:
    theirs = pytest.importorskip("pycocoevalcap.bleu.bleu")
    refs, hyps = token_pairs()
    part = bleu.coco(stats(refs, hyps), "words")
    corpus, sentences = theirs.Bleu().compute_score(as_coco(refs), as_coco(hyps), verbose=0)
    rows = part.per_report()
    np.testing.assert_allclose(rows, np.array(sentences).T, rtol=0, atol=1e-9)
    np.testing.assert_allclose(part.corpus(None, rows), corpus, rtol=0, atol=1e-9)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_sacre_is_sacrebleus(lang: str) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    refs, hyps = texts()
    if lang == "zh":
        refs = ["右肺上叶见 5mm 磨玻璃影，未见胸腔积液。", "心影不大。", "双肺 CT(平扫)清晰"] * 3
        hyps = ["右肺上叶磨玻璃影 5mm。", "心影增大", "双肺清晰。CT 平扫 2.5"] * 3
    cut = tokens.sacre(refs, lang), tokens.sacre(hyps, lang)  # type: ignore[arg-type]
    part = bleu.sacre(stats(*cut), lang)
    rows = part.per_report()
    options = {"tokenize": "13a" if lang == "en" else "zh"}
    whole = sacrebleu.corpus_bleu(hyps, [refs], **options).score
    single = [
        sacrebleu.sentence_bleu(hyp, [ref], **options).score
        for ref, hyp in zip(refs, hyps, strict=True)
    ]
    np.testing.assert_allclose(part.corpus(None, rows), [whole], atol=1e-9)
    np.testing.assert_allclose(rows[:, 0], single, atol=1e-9)


@pytest.mark.parametrize(
    ("ref", "hyp"),
    [("a b c d e", "a"), ("a", "a b c d e"), ("a b", "c d"), ("a b c", "a b c"), ("a b", "b a")],
)
def test_sacre_of_one_short_pair(ref: str, hyp: str) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    part = bleu.sacre(stats([ref.split()], [hyp.split()]), "13a")
    rows = part.per_report()
    assert rows[0, 0] == pytest.approx(sacrebleu.sentence_bleu(hyp, [ref]).score)
    assert part.corpus(None, rows)[0] == pytest.approx(sacrebleu.corpus_bleu([hyp], [[ref]]).score)


def test_a_hypothesis_without_tokens_scores_nothing() -> None:
    counts = stats([["a", "b"]], [[]])
    assert bleu.coco_values(counts).max() < 1e-6
    assert bleu.sacre_values(counts)[0, 0] == 0.0
    assert bleu.sacre_sentence_values(counts)[0, 0] == 0.0
