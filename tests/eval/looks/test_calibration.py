"""Support against correctness, on values small enough to work out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.eval.looks.calibration import calibrate, wilson
from radraft.eval.looks.correct import agrees, judged
from radraft.eval.looks.values import Judged
from radraft.eval.values import Drafted, SetItem
from radraft.reports.values import Certainty
from tests.eval.looks.fake_reading import read

ABSENT, PRESENT = Certainty.ABSENT, Certainty.PRESENT


def made(*rows: tuple[float, bool]) -> list[Judged]:
    return [Judged(f"r{number}", *row) for number, row in enumerate(rows)]


def test_bins_hold_equal_numbers_and_their_shares() -> None:
    rows = made(
        (-2, False), (-1, False), (0, False), (1, True),
        (2, False), (3, True), (4, True), (5, True),
    )  # fmt: skip
    found = calibrate(rows, bins=2, resamples=50)
    low, high = found.bins
    assert (low.sentences, low.correct, low.low, low.high, low.mean) == (4, 1, -2, 1, -0.5)
    assert (high.sentences, high.correct, high.low, high.high, high.mean) == (4, 3, 2, 5, 3.5)
    assert (low.share, high.share) == (0.25, 0.75)
    assert (found.sentences, found.correct) == (8, 4)
    # Of the 16 pairs of a right and a wrong sentence, one is the wrong way round: 1 below 2.
    assert found.auroc == 15 / 16
    assert found.auroc_low is not None
    assert found.auroc_high is not None
    assert found.auroc_low <= 15 / 16 <= found.auroc_high


def test_equal_support_is_never_split() -> None:
    found = calibrate(made((1, True), (1, False), (1, True), (2, False)), bins=4, resamples=10)
    assert [one.sentences for one in found.bins] == [3, 1]
    same = calibrate(made((1, True), (1, False)), bins=4, resamples=10)
    assert [(one.sentences, one.share) for one in same.bins] == [(2, 0.5)]
    assert same.auroc == 0.5


def test_wilson_against_published_values() -> None:
    # Newcombe, Stat Med 1998, table I, method 3: 81/263 and 15/148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_without_wrong_sentences_there_is_no_auroc() -> None:
    found = calibrate(made((1, True), (2, True)), bins=2, resamples=10)
    assert (found.auroc, found.auroc_low, found.auroc_high) == (None, None, None)
    assert calibrate([], resamples=10).bins == ()


def test_the_same_seed_gives_the_same_interval() -> None:
    rows = made(*((n * 7 % 5, n % 3 == 0) for n in range(30)))
    assert calibrate(rows, resamples=100) == calibrate(rows, resamples=100)
    assert calibrate(rows, resamples=100, seed=1) != calibrate(rows, resamples=100, seed=2)


def test_a_sentence_is_right_when_all_it_says_agrees() -> None:
    truth = {"pleural_effusion": PRESENT, "pneumothorax": ABSENT}

    def say(text: str) -> bool | None:
        return agrees(read(text, "en"), truth, closed=False)

    assert say("left effusion. no pneumothorax") is True
    assert say("effusion. pneumothorax") is False
    assert say("no effusion") is False
    assert say("heart") is None
    assert agrees(read("effusion", "en"), {}, closed=False) is None
    assert agrees(read("effusion", "en"), {}, closed=True) is False
    assert agrees(read("no effusion", "en"), {}, closed=True) is True
    unsure = {"pleural_effusion": Certainty.UNCERTAIN}
    assert agrees(read("effusion", "en"), unsure, closed=True) is None


def test_only_measured_and_checkable_sentences_are_judged(tmp_path: Path) -> None:
    item = SetItem("a", tmp_path, {"pleural_effusion": PRESENT}, report_en="No pneumothorax.")
    draft = Drafted(
        "a",
        zh=("左侧胸腔积液。", "无气胸。", "心影不大。", "左侧气胸。"),
        en=("Left effusion.", "No effusion.", "Heart normal.", "Left pneumothorax."),
        support=(1.5, -0.5, 3.0, None),
    )
    assert judged([item], [draft], read) == (Judged("a", 1.5, True), Judged("a", -0.5, False))
    failed = Drafted("a", (), (), failed="llm_timeout")
    assert judged([item], [failed], read) == ()
