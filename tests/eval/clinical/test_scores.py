"""The arithmetic of the clinical scores, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radraft.eval.clinical.columns import Priors
from radraft.eval.clinical.measures import ALL, WITH_LABELS
from radraft.eval.values import Scores
from radraft.reports.findings.statements import Side, State, Statement, counted, index, statements
from tests.eval.clinical.builders import one, said, scored


def test_statements_imply_parents_and_gather_sides() -> None:
    found = statements(said("+rib_fracture/L +fracture/R -pleural_effusion ?pneumonia +no_finding"))
    assert found["rib_fracture"] == Statement(State.PRESENT, Side.LEFT)
    assert found["fracture"] == Statement(State.PRESENT, Side.BOTH)
    assert found["bone_abnormality"] == Statement(State.PRESENT, Side.BOTH, implied=True)
    assert found["pleural_effusion"] == Statement(State.ABSENT)
    assert found["lung_opacity"] == Statement(State.UNCERTAIN, implied=True)
    assert "no_finding" not in found


def test_a_side_belongs_to_the_state_that_counts() -> None:
    found = statements(said("+pneumothorax/L -pneumothorax/R"))
    assert found["pneumothorax"] == Statement(State.PRESENT, Side.LEFT)


def test_a_variant_counts_as_its_finding() -> None:
    assert statements(said("+nodular_opacity/L")) == statements(said("+pulmonary_nodule/L"))
    assert "nodular_opacity" not in counted()
    assert index()[counted()[7]] == 7


def test_precision_recall_f1_by_hand() -> None:
    # Present: reference 3, hypothesis 2, shared 1.
    values = one(
        "+cardiomegaly +pleural_effusion +scoliosis -pneumothorax", "+cardiomegaly +hiatal_hernia"
    )
    # Scoliosis implies bone_abnormality: reference 4 in all.
    assert values["finding_precision_micro"] == 1 / 2
    assert values["finding_recall_micro"] == 1 / 4
    assert values["finding_f1_micro"] == pytest.approx(2 * 1 / (2 * 1 + 1 + 3))
    # Of the 4 codes of the reference one is right; with the invented one there are 5.
    assert values["finding_recall_macro"] == 1 / 4
    assert values["finding_precision_macro"] == values["finding_f1_macro"] == 1 / 5
    assert values["finding_recall_micro_absent"] == 0
    assert math.isnan(values["finding_precision_micro_absent"])
    assert values["finding_f1_micro_absent"] == 0
    assert math.isnan(values["finding_f1_micro_uncertain"])


def test_an_invented_finding_in_every_report_lowers_the_macro_scores() -> None:
    truth, invented = said("+cardiomegaly"), said("+cardiomegaly +tension_pneumothorax")
    values = scored([(truth, invented)] * 3).corpus()
    # Cardiomegaly is always right; tension pneumothorax and the pneumothorax it implies never.
    assert values["finding_f1_macro"] == pytest.approx(1 / 3)
    assert values["finding_precision_macro"] == pytest.approx(1 / 3)
    # Recall asks what of the references was found.
    assert values["finding_recall_macro"] == 1


def test_uncertain_counts_as_each_family_says() -> None:
    values = one("+cardiomegaly ?pleural_effusion", "?cardiomegaly ?pleural_effusion")
    assert values["finding_recall_micro"] == 0
    assert math.isnan(values["finding_precision_micro"])
    assert values["finding_f1_micro_uncertain_as_present"] == 1
    assert values["finding_f1_macro_uncertain_as_present"] == 1
    assert values["finding_precision_micro_uncertain"] == 1 / 2
    assert values["finding_recall_micro_uncertain"] == 1
    # A hedge is neither a hallucination nor a miss.
    assert values["hallucinated_per_report"] == values["missed_per_report"] == 0


def test_a_chain_is_one_error() -> None:
    values = one("+pleural_effusion/L", "+rib_fracture/L")
    assert values["hallucinated_per_report"] == 1
    assert values["missed_per_report"] == 1
    # Three codes invented, one missed.
    assert values["finding_precision_micro"] == 0
    scores = scored([(said("+fracture"), said("+rib_fracture"))])
    assert scores.breakdown(0).hallucinated == ("rib_fracture",)
    assert scores.breakdown(0).missed == ()


def test_what_the_reference_rules_out_is_hallucinated_too() -> None:
    assert one("-pneumothorax", "+pneumothorax")["hallucinated_per_report"] == 1
    assert one("?pneumothorax", "+pneumothorax")["hallucinated_per_report"] == 0


@pytest.mark.parametrize(
    ("ref", "hyp", "errors", "rate", "sided_f1"),
    [
        ("+pneumothorax/L", "+pneumothorax/L", 0, 0.0, 1.0),
        ("+pneumothorax/L", "+pneumothorax/R", 1, 1.0, 0.0),
        ("+pneumothorax/L", "+pneumothorax/B", 1, 1.0, 0.0),
        ("+pneumothorax/L +pneumothorax/R", "+pneumothorax/B", 0, 0.0, 1.0),
        ("+pneumothorax/L", "+pneumothorax", 0, math.nan, 0.0),
        ("+pneumothorax", "+pneumothorax", 0, math.nan, 1.0),
        # The parent's side follows from the child's and is no error of its own.
        ("+pneumonia/L", "+pneumonia/R", 1, 1.0, 0.0),
    ],
)
def test_sides(ref: str, hyp: str, errors: int, rate: float, sided_f1: float) -> None:
    values = one(ref, hyp)
    assert values["laterality_errors_per_report"] == errors
    assert values["laterality_error_rate"] == pytest.approx(rate, nan_ok=True)
    assert values["finding_f1_micro_sided"] == sided_f1
    assert values["finding_f1_micro"] == 1


def test_critical_findings_count_once_a_problem() -> None:
    # tension_pneumothorax implies pneumothorax, which is critical too: one problem.
    values = one("+tension_pneumothorax +midline_shift +cardiomegaly", "+tension_pneumothorax")
    assert values["critical_recall"] == 1 / 2
    hedged = one("+pneumothorax", "?pneumothorax")
    assert hedged["critical_recall"] == 0
    assert hedged["critical_recall_uncertain_as_present"] == 1
    name = "critical_false_alarms_per_report"
    assert one("+cardiomegaly", "+tension_pneumothorax")[name] == 1
    assert one("?pneumothorax", "+pneumothorax +cardiomegaly")[name] == 0
    assert math.isnan(one("+cardiomegaly", "+cardiomegaly")["critical_recall"])


@pytest.mark.parametrize(
    ("ref", "hyp", "score"),
    [
        ("+pneumothorax +cardiomegaly", "+cardiomegaly", 2 / 7),
        ("+pneumothorax +cardiomegaly", "+pneumothorax", 5 / 7),
        ("+pneumothorax", "?pneumothorax", 1 / 2),
        ("+cardiomegaly +surgical_clips", "+cardiomegaly", 2 / 3),
        # Both imply support_device (0.5) and differ in the device (1 each).
        ("+chest_tube", "+enteric_tube", 0.5 / 2.5),
        # Agreeing on what is not there weighs little.
        ("+pneumothorax -cardiomegaly", "-cardiomegaly", 0.2 / 5.2),
        ("-cardiomegaly", "-cardiomegaly -pneumothorax", 0.5),
        # The opposite costs what is there and what is not.
        ("-pneumothorax -cardiomegaly", "+pneumothorax -cardiomegaly", 0.2 / 5.4),
        ("", "", math.nan),
    ],
)
def test_severity_by_hand(ref: str, hyp: str, score: float) -> None:
    assert one(ref, hyp)["severity_score"] == pytest.approx(score, nan_ok=True)


def test_the_wrong_side_halves_a_match() -> None:
    values = one("+pneumothorax/L +cardiomegaly", "+pneumothorax/R +cardiomegaly")
    assert values["severity_score"] == 1
    assert values["severity_score_sided"] == pytest.approx((2.5 + 2) / 7)


@pytest.mark.parametrize(
    ("ref", "hyp", "score"),
    [
        ("+pleural_effusion/L -cardiomegaly", "+pleural_effusion/L -cardiomegaly", 1),
        # An exchanged side halves the finding.
        ("+pleural_effusion/L -cardiomegaly", "+pleural_effusion/R -cardiomegaly", 1.2 / 2.2),
        # Denied: its 2 are missed, and a wrong absence is stated.
        ("+pleural_effusion/L -cardiomegaly", "-pleural_effusion -cardiomegaly", 0.2 / 2.4),
        # An invented critical finding (12) brings the finding that it implies (0.5).
        ("+cardiomegaly", "+cardiomegaly +tension_pneumothorax", 2 / 14.5),
        ("+cardiomegaly +pneumothorax", "+cardiomegaly", 2 / 14),
        ("+cardiomegaly +pneumothorax", "+pneumothorax", 12 / 14),
        ("", "", math.nan),
    ],
)
def test_the_report_score_by_hand(ref: str, hyp: str, score: float) -> None:
    assert one(ref, hyp)["report_score"] == pytest.approx(score, nan_ok=True)


def test_an_invented_prior_lowers_the_report_score_and_an_unmentioned_one_does_not() -> None:
    mentions = said("+pleural_effusion")
    claims = np.array([False, False, True, True])
    hyp_claims = np.array([False, True, True, False])
    priors = Priors(claims, hyp_claims, np.zeros(4, dtype=bool))
    found = scored([(mentions, mentions)] * 4, priors).per_report
    np.testing.assert_allclose(found["report_score"], [1, 2 / 2.8, 1, 1])
    np.testing.assert_array_equal(found["severity_score"], [1, 1, 1, 1])
    # A report that says nothing but that nothing changed has said something wrong.
    alone = Priors(claims[:1], hyp_claims[1:2], np.zeros(1, dtype=bool))
    assert scored([([], [])], alone).corpus()["report_score"] == 0


def test_pooled_and_per_report() -> None:
    scores = scored(
        [
            (said("+cardiomegaly +pneumothorax/L"), said("+cardiomegaly +pneumothorax/R")),
            (said("+cardiomegaly"), said("+hiatal_hernia")),
            (said("-cardiomegaly"), said("-cardiomegaly")),
        ]
    )
    values = scores.corpus()
    assert values["finding_f1_micro"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    # Cardiomegaly 1 of 2 found without a false one (f1 2/3), pneumothorax 1, the hernia invented.
    assert values["finding_f1_macro"] == pytest.approx((2 / 3 + 1) / 3)
    np.testing.assert_array_equal(scores.per_report["finding_f1_micro"], [1, 0, np.nan])
    np.testing.assert_array_equal(scores.per_report["hallucinated_per_report"], [0, 1, 0])
    np.testing.assert_array_equal(scores.per_report["laterality_error_rate"], [1, np.nan, np.nan])
    per_code = scores.per_code()
    assert list(per_code) == ["pneumothorax", "cardiomegaly", "hiatal_hernia"]
    assert per_code["cardiomegaly"].recall == 1 / 2
    assert per_code["cardiomegaly"].precision == 1
    assert per_code["cardiomegaly"].f1 == pytest.approx(2 / 3)
    assert math.isnan(per_code["hiatal_hernia"].recall)
    assert scores.breakdown(0).wrong_side == ("pneumothorax",)
    assert scores.breakdown(1).hallucinated == ("hiatal_hernia",)
    assert scores.breakdown(1).missed == ("cardiomegaly",)
    assert scores.breakdown(2) == scores.breakdown(2).__class__((), (), (), None)
    with pytest.raises(IndexError):
        scores.breakdown(3)


def test_priors() -> None:
    priors = Priors(
        ref_claims=np.array([False, True, False, False]),
        hyp_claims=np.array([True, True, False, True]),
        known_absent=np.array([True, True, True, False]),
    )
    scores = scored([([], [])] * 4, priors)
    values = scores.corpus()
    assert values["hallucinated_prior_rate"] == 2 / 3
    assert values["unmatched_prior_rate"] == 2 / 3
    assert [scores.breakdown(at).claims_absent_prior for at in range(4)] == [
        True, True, False, None,
    ]  # fmt: skip


def test_nothing_to_score_is_undefined_not_zero() -> None:
    scores: Scores = scored([])
    values = scores.corpus()
    assert list(values) == [measure.name for measure in ALL]
    assert all(math.isnan(value) for value in values.values())


def test_every_measure_says_what_it_is() -> None:
    assert len({measure.name for measure in ALL}) == len(ALL)
    assert {measure.name for measure in WITH_LABELS} < {measure.name for measure in ALL}
    for measure in ALL:
        assert measure.definition.endswith(".")
        unit = "per report" if measure.name.endswith("_per_report") else "range 0 to 1"
        assert unit in measure.definition
