"""Resampled by matrix, the text scores are the same as resampled one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from radraft.eval.bootstrap import Weighable, resample
from radraft.eval.text.score import TextScores, score_texts
from radraft.eval.values import FloatArray, IntArray, Measure, Pair
from radraft.reports.values import Lang

TEXTS: dict[Lang, tuple[str, ...]] = {
    "en": (
        "The lungs are clear.",
        "Left pleural effusion.",
        "Heart size is normal.",
        "No effusion.",
    ),
    "zh": ("双肺清晰。", "左侧胸腔积液。", "心影大小正常。", "未见胸腔积液。"),
}


@dataclass(frozen=True)
class OneByOne:
    """Text scores without their matrix."""

    scores: TextScores

    @property
    def measures(self) -> tuple[Measure, ...]:
        return self.scores.measures

    @property
    def per_report(self) -> Mapping[str, FloatArray]:
        return self.scores.per_report

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        return self.scores.corpus(index)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_one_product_gives_what_many_sums_give(lang: Lang) -> None:
    texts = TEXTS[lang] * 5
    hyps = texts[3:] + texts[:3]
    pairs = [
        Pair(str(n), ref, hyp if n % 3 else ref)
        for n, (ref, hyp) in enumerate(zip(texts, hyps, strict=True))
    ]
    scores = score_texts(pairs, lang)
    assert isinstance(scores, Weighable)
    assert not isinstance(OneByOne(scores), Weighable)
    slow = resample(OneByOne(scores), len(pairs), resamples=60)
    fast = resample(scores, len(pairs), resamples=60)
    assert slow.keys() == fast.keys()
    for name, values in slow.items():
        assert np.allclose(values, fast[name], rtol=1e-12, atol=1e-12, equal_nan=True), name
