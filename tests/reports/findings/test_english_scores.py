"""Scores on the labelled English reports, where they are: floors a bit under what was reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.bench import eval_findings_en as scores

_ROOT = Path(__file__).resolve().parents[3]
_SHARED = _ROOT / "../shared/data"

pytestmark = pytest.mark.skipif(
    not (_SHARED / "reports_iu_en").is_dir(), reason="the labelled reports are not here"
)


@pytest.mark.slow
@pytest.mark.parametrize(("split", "least"), [("dev", 0.96), ("heldout", 0.945)])
def test_openi_micro_and_macro(split: str, least: float) -> None:
    names = [label for label in scores.scheme("negbio14").labels if label.name != "normal"]
    counts = scores.openi_counts(split, scores.ours, [label.name for label in names])
    assert scores.micro(counts.values()) >= least
    assert scores.macro(counts) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize(("split", "least"), [("dev", 0.935), ("heldout", 0.93)])
def test_labelled_reports(split: str, least: float) -> None:
    per_label, present = scores.labelled_counts(split)
    assert scores.micro(per_label.values()) >= least
    assert scores.f1(present) >= 0.94


@pytest.mark.slow
def test_ahead_of_the_rules_of_before() -> None:
    rules = scores.chexpert_rules
    names = list(rules.SHARED_LABELS.values())
    ours = scores.micro(scores.openi_counts("dev", scores.ours, names).values())
    for doubt in (True, False):
        theirs = scores.openi_counts(
            "dev", lambda text, doubt=doubt: rules.chexpert(text, doubt_counts=doubt), names
        )
        assert ours > scores.micro(theirs.values()) + 0.1


def test_the_rules_of_before_read_their_own_examples() -> None:
    rules = scores.chexpert_rules
    text = "Heart size normal and lungs are clear. No edema or pneumonia. No effusion"
    assert rules.chexpert(text, doubt_counts=True) == set()
    text = "1. Left pleural effusion with adjacent atelectasis.\n\n2. Cardiomegaly without edema."
    assert rules.chexpert(text, doubt_counts=False) == {"Effusion", "Atelectasis", "Cardiomegaly"}
