"""Left and right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from radraft.eval.looks.sides import flips, mirrored_item, sided, swapped
from radraft.eval.looks.values import Flips
from radraft.eval.values import SetItem
from radraft.reports.findings.values import Mention
from radraft.reports.values import Certainty, Lang, Laterality
from tests.eval.looks.fake_reading import read


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("zh", "左下肺实变，右侧胸腔积液。", "右下肺实变，左侧胸腔积液。"),
        ("zh", "结节直径约5 mm左右，左肺。", "结节直径约5 mm左右，右肺。"),
        ("en", "Left-sided effusion; RIGHT base clear.", "Right-sided effusion; LEFT base clear."),
        ("en", "LUL nodule, leftward shift.", "RUL nodule, rightward shift."),
        ("en", "Cleft and bright lines stay.", "Cleft and bright lines stay."),
        ("en", "Bilateral opacities.", "Bilateral opacities."),
    ],
)
def test_sides_are_exchanged(lang: Lang, text: str, expected: str) -> None:
    assert swapped(text, lang) == expected
    assert swapped(expected, lang) == text


@given(st.text(alphabet="左右侧肺 上下", max_size=30))
def test_exchanging_twice_changes_nothing_in_chinese(text: str) -> None:
    assert swapped(swapped(text, "zh"), "zh") == text or "左右" in text or "右左" in text


@given(st.lists(st.sampled_from(["left", "Right", "LLL", "RUL", "lung", "rightward"]), max_size=8))
def test_exchanging_twice_changes_nothing_in_english(words: list[str]) -> None:
    text = " ".join(words)
    assert swapped(swapped(text, "en"), "en") == text


def test_a_mirrored_item_has_its_reports_sides_exchanged_and_its_labels_kept(
    tmp_path: Path,
) -> None:
    item = SetItem(
        "a", tmp_path, {"pneumothorax": Certainty.PRESENT}, "左侧气胸。", "Left pneumothorax."
    )
    mirrored = mirrored_item(item)
    assert (mirrored.report_zh, mirrored.report_en) == ("右侧气胸。", "Right pneumothorax.")
    assert mirrored.labels == item.labels
    assert mirrored_item(SetItem("b", tmp_path)).report_zh is None


def test_only_findings_with_one_side_are_sided() -> None:
    assert sided("left effusion", "en", read) == {"pleural_effusion": Laterality.LEFT}
    assert sided("left effusion. right effusion", "en", read) == {}
    assert sided("bilateral effusion", "en", read) == {}
    assert sided("no left effusion", "en", read) == {}


def test_flips_are_counted_by_finding() -> None:
    true = ["left effusion. right pneumothorax", "left effusion", "left effusion", "effusion"]
    mirrored = [
        "right effusion. right pneumothorax",
        "clear",
        "bilateral effusion",
        "left effusion",
    ]
    found = flips(true, mirrored, "en", read)
    assert found == Flips(flipped=1, kept=1, lost=2)
    assert found.rate == 0.5
    assert Flips(0, 0, 3).rate != Flips(0, 0, 3).rate


def test_the_reading_used_here_reads() -> None:
    assert read("left effusion", "en") == (
        Mention("pleural_effusion", Certainty.PRESENT, Laterality.LEFT, start=5, end=13),
    )
