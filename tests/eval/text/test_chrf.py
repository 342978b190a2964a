from __future__ import annotations

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from radraft.eval.text import chrf
from tests.eval.text.samples import texts

ZH = (
    ["右肺上叶见磨玻璃影，未见胸腔积液。", "心影不大。", "𠀀影 5 mm", "影"],
    ["右肺上叶 磨玻璃影。", "心影增大", "𠀀 影", "肺"],
)


@pytest.mark.parametrize("sides", [texts(), ZH])
def test_chrf_is_sacrebleus(sides: tuple[list[str], list[str]]) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    refs, hyps = sides
    part = chrf.chrf(chrf.chrf_statistics(refs, hyps))
    rows = part.per_report()
    single = [
        sacrebleu.sentence_chrf(hyp, [ref]).score for ref, hyp in zip(refs, hyps, strict=True)
    ]
    np.testing.assert_allclose(rows[:, 0], single, atol=1e-9)
    whole = sacrebleu.corpus_chrf(hyps, [refs]).score
    assert part.corpus(None, rows)[0] == pytest.approx(whole, abs=1e-9)


def test_edit_distance_is_the_one_that_signatures_record() -> None:
    refs, hyps = texts()
    part = chrf.edit_distance(chrf.edit_statistics(refs, hyps))
    rows = part.per_report()
    single = [Levenshtein.normalized_distance(r, h) for r, h in zip(refs, hyps, strict=True)]
    np.testing.assert_allclose(rows[:, 0], single, atol=1e-12)
    edits = sum(_distance(ref, hyp) for ref, hyp in zip(refs, hyps, strict=True))
    longer = sum(max(len(ref), len(hyp)) for ref, hyp in zip(refs, hyps, strict=True))
    assert part.corpus(None, rows)[0] == pytest.approx(edits / longer)


def _distance(one: str, two: str) -> int:
    """Wagner and Fischer's table, row by row."""
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        before, row = row, [i]
        for j, b in enumerate(two, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]
