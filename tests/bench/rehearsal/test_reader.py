"""What the simulated reader signs, and which ids it keeps."""

from __future__ import annotations

import pytest

from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.reader import read
from radraft.bench.rehearsal.values import Group, Truth
from radraft.reports.codec import validated
from radraft.reports.edits import Edit, edit_stats
from radraft.reports.values import Laterality, Origin, Report, Sentence, both
from tests.bench.rehearsal.houses_of_tests import HOUSES, TERSE

SICK = Truth(Group.ADULT, frozenset({"consolidation", "cardiomegaly"}), {})
WELL = Truth(Group.CHILD, frozenset(), {})


def drafted(findings: list[tuple[str, str]], impression: list[tuple[str, str]]) -> Report:
    """A model's draft with the ids that drafting gives."""

    def section(letter: str, pairs: list[tuple[str, str]]) -> tuple[Sentence, ...]:
        return tuple(
            Sentence(f"{letter}{number}", both(zh, en, Origin.MODEL))
            for number, (zh, en) in enumerate(pairs, 1)
        )

    return Report("c-1", section("f", findings), section("i", impression))


DRAFT = drafted(
    [
        ("肺内可见实变影。", "Consolidation is seen in the lung."),
        ("可见气胸。", "Pneumothorax is present."),
        ("未见肺炎征象。", "No sign of pneumonia."),
    ],
    [("胸片示气胸、肺实变。", "Radiograph shows pneumothorax and consolidation.")],
)


@pytest.mark.parametrize("house", HOUSES, ids=lambda house: house.name)
@pytest.mark.parametrize("truth", [SICK, WELL])
def test_the_signed_report_is_the_house_s_whatever_was_drafted(house: House, truth: Truth) -> None:
    signed, text = read(DRAFT, house, truth), house.text(truth)
    assert [s.zh for s in signed.sentences] == text.zh.split("\n")
    assert [s.en for s in signed.sentences] == text.en.split("\n")
    assert validated(signed) == signed
    empty = Report("c-1", (), ())
    assert [s.en for s in read(empty, house, truth).sentences] == [s.en for s in signed.sentences]


@pytest.mark.parametrize("house", HOUSES, ids=lambda house: house.name)
def test_a_sentence_that_says_the_same_keeps_its_id(house: House) -> None:
    signed = read(DRAFT, house, SICK)
    kinds = {edit.sentence_id: edit.edit for edit in edit_stats(DRAFT, signed).sentences}
    # The house may happen to use the draft's own words.
    assert kinds["f1"] in {Edit.REWORDED, Edit.KEPT}
    assert kinds["f2"] is Edit.DELETED
    assert kinds["f3"] is Edit.DELETED
    assert kinds["i1"] is Edit.DELETED
    assert Edit.ADDED in kinds.values()


def test_a_side_put_in_does_not_cost_the_id() -> None:
    truth = Truth(Group.ADULT, frozenset({"consolidation"}), {"consolidation": Laterality.LEFT})
    (sentence,) = read(DRAFT, TERSE, truth).findings
    assert sentence.id == "f1"
    assert "左侧" in sentence.zh
    assert "left" in sentence.en


@pytest.mark.parametrize("house", HOUSES, ids=lambda house: house.name)
@pytest.mark.parametrize("truth", [SICK, WELL])
def test_the_reader_changes_nothing_in_its_own_report(house: House, truth: Truth) -> None:
    signed = read(DRAFT, house, truth)
    assert read(signed, house, truth) == signed


def test_new_ids_are_nobody_s() -> None:
    taken = drafted([("可见气胸。", "Pneumothorax is present.")], [])
    taken = Report(
        "c-1", (Sentence("rf0", both("可见气胸。", "Pneumothorax.", Origin.PERSON)),), ()
    )
    signed = read(taken, TERSE, SICK)
    ids = [sentence.id for sentence in signed.sentences]
    assert len(set(ids)) == len(ids)
    assert "rf0" not in ids
