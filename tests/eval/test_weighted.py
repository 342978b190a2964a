"""Resampled by matrix, the text scores are the same as resampled one by one."""

from __future__ import annotations

import numpy as np
import pytest

from radraft.eval.bootstrap import Weighable, resample
from radraft.eval.text.score import score_texts
from radraft.eval.values import Lang, Pair
from radraft.eval.weighted import WeightedTexts

TEXTS: dict[Lang, tuple[str, ...]] = {
    "en": (
        "The lungs are clear.",
        "Left pleural effusion.",
        "Heart size is normal.",
        "No effusion.",
    ),
    "zh": ("双肺清晰。", "左侧胸腔积液。", "心影大小正常。", "未见胸腔积液。"),
}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_one_product_gives_what_many_sums_give(lang: Lang) -> None:
    texts = TEXTS[lang] * 5
    hyps = texts[3:] + texts[:3]
    pairs = [
        Pair(str(n), ref, hyp if n % 3 else ref)
        for n, (ref, hyp) in enumerate(zip(texts, hyps, strict=True))
    ]
    scores = score_texts(pairs, lang)
    assert not isinstance(scores, Weighable)
    slow = resample(scores, len(pairs), resamples=60)
    fast = resample(WeightedTexts(scores), len(pairs), resamples=60)
    assert slow.keys() == fast.keys()
    for name, values in slow.items():
        assert np.allclose(values, fast[name], rtol=1e-12, atol=1e-12, equal_nan=True), name
