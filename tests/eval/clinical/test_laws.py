"""What holds for the clinical scores of any texts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.eval.clinical.measures import ALL
from radraft.eval.values import Better
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Certainty
from tests.eval.clinical.builders import same, scored
from tests.eval.clinical.strategies import CODES, SWAP, pairs, sets, texts

pytestmark = pytest.mark.slow

SIDED = {
    "finding_precision_micro_sided",
    "finding_recall_micro_sided",
    "finding_f1_micro_sided",
    "laterality_error_rate",
    "laterality_errors_per_report",
    "report_score",
    "severity_score_sided",
}
Texts = list[Mention]


@given(texts)
def test_a_perfect_hypothesis(text: Texts) -> None:
    values = scored([(text, text)]).corpus()
    best = {Better.HIGHER: 1.0, Better.LOWER: 0.0}
    for measure in ALL:
        value = values[measure.name]
        assert np.isnan(value) or value == best[measure.better], measure.name
    if any(one.polarity is Certainty.PRESENT and one.code != "no_finding" for one in text):
        assert values["finding_f1_micro"] == values["finding_f1_macro"] == 1


@given(sets)
def test_swapping_sides_changes_only_what_is_about_sides(
    several: list[tuple[Texts, Texts]],
) -> None:
    swapped = [
        (ref, [replace(one, laterality=SWAP[one.laterality]) for one in hyp])
        for ref, hyp in several
    ]
    same(scored(several).corpus(), scored(swapped).corpus(), but=tuple(SIDED))


@given(sets)
def test_swapping_sides_in_both_changes_nothing(several: list[tuple[Texts, Texts]]) -> None:
    def swap(text: Texts) -> Texts:
        return [replace(one, laterality=SWAP[one.laterality]) for one in text]

    swapped = [(swap(ref), swap(hyp)) for ref, hyp in several]
    same(scored(several).corpus(), scored(swapped).corpus())


@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_sentences_changes_nothing(pair: tuple[Texts, Texts], random: object) -> None:
    ref, hyp = (random.sample(text, len(text)) for text in pair)  # type: ignore[attr-defined]
    same(scored([pair]).corpus(), scored([(ref, hyp)]).corpus())


@given(sets, st.randoms(use_true_random=False))
def test_the_order_of_reports_changes_nothing(
    several: list[tuple[Texts, Texts]], random: object
) -> None:
    shuffled = random.sample(several, len(several))  # type: ignore[attr-defined]
    same(scored(several).corpus(), scored(shuffled).corpus())


@given(sets, st.data())
def test_resampling_is_scoring_the_resampled_set(
    several: list[tuple[Texts, Texts]], data: st.DataObject
) -> None:
    scores = scored(several)
    assert_equal(scores.corpus(np.arange(len(several))), scores.corpus())
    places = st.lists(st.integers(0, len(several) - 1), min_size=1, max_size=6)
    index = data.draw(places)
    same(scores.corpus(np.array(index)), scored([several[at] for at in index]).corpus())


@given(sets)
def test_a_report_alone_has_its_own_value(several: list[tuple[Texts, Texts]]) -> None:
    scores = scored(several)
    for at, pair in enumerate(several):
        alone = scored([pair]).corpus()
        for name, values in scores.per_report.items():
            np.testing.assert_allclose(values[at], alone[name], rtol=0, atol=1e-12)


@given(pairs, st.sampled_from(CODES))
def test_a_negated_sentence_adds_no_finding(pair: tuple[Texts, Texts], code: str) -> None:
    ref, hyp = pair
    before = scored([(ref, hyp)])
    after = scored([(ref, [*hyp, Mention(code, Certainty.ABSENT)])])
    name = "hallucinated_per_report"
    assert after.corpus()[name] == before.corpus()[name]
    assert after.breakdown(0).missed == before.breakdown(0).missed


@given(pairs)
def test_more_invented_findings_never_score_better(pair: tuple[Texts, Texts]) -> None:
    ref, hyp = pair
    invented = Mention("gallstone", Certainty.PRESENT)
    before, after = scored([(ref, hyp)]).corpus(), scored([(ref, [*hyp, invented])]).corpus()
    assert after["hallucinated_per_report"] == before["hallucinated_per_report"] + 1
    assert not after["severity_score"] > before["severity_score"]
    assert not after["finding_f1_micro"] > before["finding_f1_micro"]


@given(pairs)
def test_precision_of_one_way_is_recall_of_the_other(pair: tuple[Texts, Texts]) -> None:
    forward, back = scored([pair]).corpus(), scored([pair[::-1]]).corpus()
    for family in ("micro", "micro_absent", "micro_uncertain", "micro_sided"):
        np.testing.assert_equal(
            forward[f"finding_precision_{family}"], back[f"finding_recall_{family}"]
        )
    np.testing.assert_equal(forward["hallucinated_per_report"], back["missed_per_report"])
    np.testing.assert_allclose(forward["severity_score"], back["severity_score"])


@given(sets)
def test_ranges(several: list[tuple[Texts, Texts]]) -> None:
    for name, value in scored(several).corpus().items():
        if not np.isnan(value):
            assert 0 <= value <= (1 if "per_report" not in name else len(vocabulary()))


def assert_equal(first: dict[str, float], second: dict[str, float]) -> None:
    """To the last bit."""
    np.testing.assert_equal(first, second)
