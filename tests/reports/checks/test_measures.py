"""The thing that a measure is of, by the structure of its phrase."""

from __future__ import annotations

import pytest

from radraft.reports.checks.measures import measures
from radraft.reports.checks.nouns import share_noun
from radraft.reports.values import Lang


@pytest.mark.parametrize(
    ("text", "lang", "thing"),
    [
        ("A 12 mm lung nodule.", "en", "nodule"),
        ("10 cm eggshell calcification of a hilar lymph node.", "en", "calcification"),
        ("Thick-walled abscess with an air-fluid level in the lobe, 36 mm.", "en", "cavity"),
        ("The left hilum contains a nodal calcification of 14 mm.", "en", "calcification"),
        ("Left nodule of 8 mm, calcification of 2 mm in it.", "en", "nodule"),
        ("Something of 8 mm.", "en", None),
        ("小结节影，径约28mm，密度均匀。", "zh", "nodule"),
        ("厚壁脓肿，内见气液平，大小约36mm。", "zh", "cavity"),
        ("右肺门淋巴结钙化灶，直径8mm。", "zh", "calcified_node"),
        ("见10mm钙化灶。", "zh", "calcification"),
    ],
)
def test_a_measure_is_of_the_head_of_its_phrase(text: str, lang: Lang, thing: str | None) -> None:
    assert measures(text, lang)[0].thing == thing


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Tube tip 4 cm above the carina.", "en"),
        ("A line that was retracted by 6 cm.", "en"),
        ("导管尖端距隆突4cm。", "zh"),
    ],
)
def test_a_distance_is_of_no_thing(text: str, lang: Lang) -> None:
    assert measures(text, lang)[0].distance


def test_nouns_that_no_list_knows_are_shared() -> None:
    assert share_noun("Zorgoma of the right base", "right zorgomas", "en")
    assert not share_noun("Zorgoma of the right base", "fibroid of the right base", "en")
    assert share_noun("右肺下叶珠瘤体，约8mm", "右肺珠瘤体", "zh")
    assert not share_noun("右肺下叶珠瘤体", "右肺下叶结节", "zh")
