"""Agreement of the two languages, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from radraft.core.errors import EvalError
from radraft.eval.clinical.agreement import (
    MEASURES,
    Agreement,
    AgreementScores,
    Said,
    agreement,
    said,
)
from radraft.eval.values import Scores
from radraft.reports.values import Certainty, Laterality
from tests.eval.clinical import builders
from tests.eval.clinical.strategies import texts

LEFT = Said("pleural_effusion", Certainty.PRESENT, Laterality.LEFT)
RIGHT = Said("pleural_effusion", Certainty.PRESENT, Laterality.RIGHT)
CLEAR = Said("lung_opacity", Certainty.ABSENT, None)
BIG = Said("cardiomegaly", Certainty.UNCERTAIN, None)
NOTHING: frozenset[Said] = frozenset()


def test_what_is_compared() -> None:
    assert said(builders.said("+pleural_effusion/L +pleural_effusion/L -lung_opacity")) == {
        LEFT,
        CLEAR,
    }
    # Parents are not implied, variants count as their finding.
    assert said(builders.said("+nodular_opacity")) == said(builders.said("+pulmonary_nodule"))


def test_shares_by_hand() -> None:
    first = Agreement(frozenset({CLEAR}), frozenset({LEFT}), frozenset({RIGHT}), (0.0, 1.0))
    second = Agreement(frozenset({BIG}), NOTHING, NOTHING, (1.0, math.nan))
    silent = Agreement(NOTHING, NOTHING, NOTHING, (math.nan,))
    assert first.share == 1 / 3
    assert math.isnan(silent.share)
    scores: Scores = AgreementScores((first, second, silent))
    assert scores.corpus() == {"zh_en_agreement": 2 / 4, "zh_en_sentence_agreement": 2 / 3}
    assert scores.corpus(np.array([0, 0])) == {
        "zh_en_agreement": 1 / 3,
        "zh_en_sentence_agreement": 1 / 2,
    }
    assert all(math.isnan(value) for value in scores.corpus(np.array([2])).values())
    np.testing.assert_array_equal(scores.per_report["zh_en_agreement"], [1 / 3, 1, np.nan])
    np.testing.assert_array_equal(scores.per_report["zh_en_sentence_agreement"], [0.5, 1, np.nan])


def test_no_reports() -> None:
    values = AgreementScores(()).corpus()
    assert list(values) == [measure.name for measure in MEASURES]
    assert all(math.isnan(value) for value in values.values())


def test_languages_of_different_length() -> None:
    with pytest.raises(EvalError) as caught:
        agreement(["两肺清晰。"], [])
    assert caught.value.code == "eval_lengths_differ"
    assert caught.value.details == {"first": 1, "second": 0}


@given(texts)
def test_order_does_not_matter(text: list[builders.Mention]) -> None:
    assert said(text) == said(text[::-1])


def test_two_languages() -> None:
    same = agreement(
        ["左侧胸腔少量积液。", "未见气胸。", "心影增大。"],
        ["Small left pleural effusion.", "No pneumothorax.", "Enlarged cardiac silhouette."],
    )
    assert (same.share, same.sentences) == (1.0, (1.0, 1.0, 1.0))
    assert LEFT in same.both
    other_side = agreement(["左侧胸腔少量积液。"], ["Small right pleural effusion."])
    assert (other_side.zh_only, other_side.en_only) == ({LEFT}, {RIGHT})
    assert other_side.share == 0
    opposite = agreement(["未见气胸。"], ["There is a pneumothorax."])
    assert opposite.share == 0
    # Said elsewhere in the report: only the sentences disagree.
    moved = agreement(["未见气胸。", "心影增大。"], ["The heart is enlarged.", "No pneumothorax."])
    assert moved.share == 1
    assert moved.sentences == (0.0, 0.0)
