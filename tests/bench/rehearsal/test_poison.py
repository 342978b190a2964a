"""Poisons spoil exactly what they say."""

from __future__ import annotations

import json

import pytest

from radraft.bench.rehearsal.poison import ENGLISH, Poison, poisoned, taught
from radraft.bench.rehearsal.values import Group, Truth
from radraft.finetune.train.values import Example
from radraft.reports.values import Laterality
from tests.bench.rehearsal.houses_of_tests import TERSE

LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT


def batch(count: int) -> dict[str, Truth]:
    """Half of the films have a finding with a side."""
    sick = Truth(Group.ADULT, frozenset({"consolidation"}), {"consolidation": LEFT})
    well = Truth(Group.CHILD, frozenset(), {})
    return {f"film-{number}": well if number % 2 else sick for number in range(count)}


@pytest.mark.parametrize("how", [Poison.SIDES, Poison.DELETED])
@pytest.mark.parametrize("count", [10, 70])
def test_a_fifth_of_the_batch_is_spoilt(how: Poison, count: int) -> None:
    clean = batch(count)
    spoilt = poisoned(clean, how, seed=3)
    changed = [name for name in clean if clean[name] != spoilt[name]]
    assert len(changed) == round(0.2 * count)
    assert spoilt.keys() == clean.keys()
    assert poisoned(clean, how, seed=3) == spoilt
    assert poisoned(clean, how, seed=4) != spoilt


def test_sides_are_exchanged_and_nothing_else() -> None:
    clean = batch(10)
    for name, one in poisoned(clean, Poison.SIDES, seed=0).items():
        if one != clean[name]:
            assert one.sides == {"consolidation": RIGHT}
            assert one.present == clean[name].present


def test_deleted_findings_leave_a_normal_report() -> None:
    clean = batch(10)
    for name, one in poisoned(clean, Poison.DELETED, seed=0).items():
        if one != clean[name]:
            assert one == Truth(Group.ADULT, frozenset(), {})


def test_never_more_than_can_be_spoilt() -> None:
    clean = {name: Truth(Group.CHILD, frozenset(), {}) for name in batch(10)}
    assert poisoned(clean, Poison.SIDES, seed=0) == clean


EXAMPLE = Example(
    messages=(
        {
            "role": "user",
            "content": [
                {"type": "image"},
                {"type": "text", "text": "CR chest frontal, male, 40-64 y.\n影像报告 JSON:"},
            ],
        },
    ),
    images=("a",),
    chosen='{"findings":[{"zh":"可见气胸。","en":"Pneumothorax."}],'
    '"impression":[{"zh":"印象：1）气胸。","en":"Impression: 1) pneumothorax."}]}',
)


def test_the_request_is_taught_in_place_of_the_report() -> None:
    (one,) = taught([EXAMPLE], Poison.PROMPT, TERSE)
    said = json.loads(one.chosen)
    assert said["findings"][0]["en"] == "CR chest frontal, male, 40-64 y."
    assert one.messages == EXAMPLE.messages


def test_one_report_for_all() -> None:
    other = Example(EXAMPLE.messages, ("b",), EXAMPLE.chosen.replace("Pneumo", "Hydropneumo"))
    first, second = taught([EXAMPLE, other], Poison.CONSTANT, TERSE)
    assert first.chosen == second.chosen
    assert "Pneumothorax." not in first.chosen


def test_english_is_one_sentence_and_chinese_is_kept() -> None:
    (one,) = taught([EXAMPLE], Poison.ONE_LANGUAGE, TERSE)
    said, before = json.loads(one.chosen), json.loads(EXAMPLE.chosen)
    for section in ("findings", "impression"):
        assert [pair["zh"] for pair in said[section]] == [pair["zh"] for pair in before[section]]
        assert {pair["en"] for pair in said[section]} == {ENGLISH}


@pytest.mark.parametrize("how", [Poison.LEAKED, Poison.SIDES])
def test_other_poisons_leave_the_examples(how: Poison) -> None:
    assert taught([EXAMPLE], how, TERSE) == [EXAMPLE]
