"""What few reports state is learned from more often."""

from __future__ import annotations

from collections import Counter

from radraft.finetune.adapt.rare import present, repeated
from radraft.finetune.adapt.recipe import Rare
from radraft.reports.training_pair import TrainingPair
from tests.finetune.gate.samples import pair, report

RARE = Rare(share=0.1, most=3)


def signed(number: int, *codes: str) -> TrainingPair:
    case_id = f"c-{number:016x}"
    own = report(case_id, dict.fromkeys(codes), absent=() if codes else ("pneumothorax",))
    return pair(case_id, own, own, number=number)


def batch() -> list[TrainingPair]:
    """Of 40 reports 20 state an effusion, one a fibrosis, two an edema, one both of the first."""
    stated = [("pleural_effusion",)] * 19 + [("pulmonary_fibrosis", "pleural_effusion")]
    stated += [("pulmonary_edema",)] * 2 + [()] * 18
    return [signed(number, *codes) for number, codes in enumerate(stated)]


def test_a_report_is_repeated_for_the_rarest_finding_it_states() -> None:
    often = Counter(one.pair_id for one in repeated(batch(), RARE))
    found = [often[one.pair_id] for one in batch()]
    # sqrt(0.1 / (1 / 40)) = 2 for the fibrosis; twice sqrt(0.1 / (2 / 40)) = 2.8 for the edema.
    assert found == [1] * 19 + [2] + [3] * 2 + [1] * 18


def test_repetitions_follow_after_all_others() -> None:
    given = batch()
    assert list(repeated(given, RARE)[: len(given)]) == given


def test_nothing_is_repeated_where_the_recipe_says_so() -> None:
    given = batch()
    assert list(repeated(given, Rare(share=0.1, most=1))) == given
    assert list(repeated(given, Rare(share=0.0, most=4))) == given
    assert repeated([], RARE) == ()


def test_what_is_denied_is_not_stated() -> None:
    assert present(signed(1).signed.report) == frozenset()
    assert present(signed(2, "pulmonary_fibrosis").signed.report) == {"pulmonary_fibrosis"}
