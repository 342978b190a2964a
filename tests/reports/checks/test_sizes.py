from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from radraft.reports.checks.measures import measures
from radraft.reports.checks.values import Prior
from radraft.reports.values import Lang
from tests.reports.checks.reports import codes, facts, issues


@pytest.mark.parametrize(
    ("text", "lang", "lengths"),
    [
        ("A nodule of 5 mm.", "en", [(5.0,)]),
        ("Mass of 1.2 x 3.4 cm.", "en", [(12.0, 34.0)]),
        ("Mass, 5.8 cm x 60 mm.", "en", [(58.0, 60.0)]),
        ("A mass of 2 by 3 by 4 cm and a 7mm nodule.", "en", [(20.0, 30.0, 40.0), (7.0,)]),
        ("Fracture of rib 5, effusion at T12.", "en", []),
        ("结节约5mm。", "zh", [(5.0,)]),
        ("肿块约1.2×3.4厘米。", "zh", [(12.0, 34.0)]),
        ("大小约12乘34毫米。", "zh", [(12.0, 34.0)]),
        ("结节约1,5cm。", "zh", [(15.0,)]),
        ("第5肋骨折。", "zh", []),
    ],
)
def test_measures_are_read_in_millimetres(
    text: str, lang: Lang, lengths: list[tuple[float, ...]]
) -> None:
    assert [measure.lengths for measure in measures(text, lang)] == lengths


@pytest.mark.parametrize(
    "text",
    [
        "Nodule of 12 cm in the left base.",
        "Calcified granuloma, 9 cm.",
        "A nodule measuring 0 mm.",
        "Hilar mass of 55 cm.",
        "Pneumothorax, 45 cm from the apex.",
        "Cardiothoracic ratio of 2.1.",
        "Loss of vertebral height of 140%.",
        "Tube tip 40 cm above the carina.",
        "Lymph node of 18 cm.",
        "左肺结节，直径约12cm。",
        "肉芽肿约9厘米。",
        "肿块大小约55×40cm。",
        "心胸比约2.1。",
        "椎体压缩约140%。",
        "插管尖端距隆突40cm。",
        "淋巴结短径约18cm。",
    ],
)
def test_what_nothing_in_a_patient_measures_is_warned_of(text: str) -> None:
    assert "size_impossible" in codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "Nodule of 12 mm in the left base.",
        "Mass of 9 cm in the right upper lobe.",
        "Cardiothoracic ratio of 0.52.",
        "Cardiothoracic ratio of 52%.",
        "Loss of vertebral height of 40%.",
        "Tube tip 4 cm above the carina.",
        "Nodules of 3-5 mm.",
        "Effusion of 12 cm in the erect film.",
        "左肺结节，直径约12mm。",
        "肿块大小约9×8cm。",
        "心胸比约0.52。",
        "气胸，肺压缩约40%。",
        "插管尖端距隆突4cm。",
        "结节3-5mm。",
    ],
)
def test_usual_measures_are_no_issue(text: str) -> None:
    assert "size_impossible" not in codes(text)


def test_centimetres_that_should_be_millimetres_are_offered_as_such() -> None:
    for text, mend in (("A nodule of 12 cm.", "12 mm"), ("结节约12厘米。", "12毫米")):
        (found,) = (one for one in issues([text]) if one.code == "size_impossible")
        assert found.mend == mend


Pair = tuple[Sequence[str], Sequence[str]]


@pytest.mark.parametrize(
    "report",
    [
        (["Nodule of 8 mm in the left base."], ["Left nodule, 14 mm."]),
        (["Effusion of 3 cm."], ["Effusion of 5 cm."]),
        (["Left hilar mass, 4.0 x 3.0 cm."], ["Left hilar mass, 4.0 x 2.0 cm."]),
        (["左下肺结节，约8mm。"], ["左下肺结节，约14mm。"]),
        (["左肺门肿块约4.0×3.0cm。"], ["左肺门肿块（4.0×2.0cm）。"]),
    ],
)
def test_a_size_that_differs_between_sections_is_warned_of(report: Pair) -> None:
    found = [one for one in issues(*report) if one.code == "size_sections"]
    assert [one.sentence_id for one in found] == ["i0"]
    assert {pointer.sentence_id for pointer in found[0].at} == {"f0", "i0"}


@pytest.mark.parametrize(
    "report",
    [
        (["Nodule of 8 mm in the left base."], ["Left nodule, 0.8 cm."]),
        (["Mass of 4.1 x 3.0 cm."], ["4 cm mass."]),
        (["Nodule of 8 mm.", "Nodule of 14 mm."], ["Largest nodule 14 mm."]),
        (["Left nodule of 8 mm."], ["Right nodule of 14 mm."]),
        (["Nodule of 14 mm, previously 8 mm."], ["Nodule of 14 mm."]),
        (["Nodule of 8 mm."], ["Effusion of 20 mm."]),
        (["左下肺结节，约8mm。"], ["左下肺结节，约0.8cm。"]),
        (["左肺结节约8mm，原5mm。"], ["左肺结节，约8mm。"]),
        (["左肺结节8mm。"], ["右肺结节14mm。"]),
    ],
)
def test_one_size_in_other_words_is_no_issue(report: Pair) -> None:
    assert "size_sections" not in {one.code for one in issues(*report)}


def test_lengths_in_another_order_are_a_hint_at_the_unusual_one() -> None:
    for findings, impression in (
        (["Left hilar mass, 4.0 x 3.0 cm."], ["Left hilar mass, 3.0 x 4.0 cm."]),
        (["左肺门肿块约4.0×3.0cm。"], ["左肺门肿块（3.0×4.0cm）。"]),
    ):
        for report, place in (((findings, impression), "i0"), ((impression, findings), "f0")):
            found = [one for one in issues(*report) if one.code == "size_order"]
            assert [one.sentence_id for one in found] == [place]
        assert "size_order" not in {one.code for one in issues(findings, findings)}


def test_an_earlier_size_is_the_one_of_the_prior_report() -> None:
    study = facts(
        priors=(Prior(date(2024, 5, 20), (("en", "Nodule of 8 mm."), ("zh", "结节约8mm。"))),)
    )
    for wrong in ("Nodule of 9 mm, previously 15 mm.", "结节约9mm，原为15mm。"):
        assert "size_prior" in {one.code for one in issues([wrong], (), study)}
    for right in ("Nodule of 9 mm, previously 8 mm.", "结节约9mm，原为8mm。"):
        assert "size_prior" not in {one.code for one in issues([right], (), study)}


def test_what_grew_is_not_smaller_than_before() -> None:
    for wrong in (
        "The nodule has increased to 6 mm, previously 9 mm.",
        "结节增大，约6mm，原为9mm。",
    ):
        assert "size_prior" in codes(wrong)
    for right in (
        "The nodule has increased to 9 mm, previously 6 mm.",
        "结节缩小，约6mm，原为9mm。",
    ):
        assert "size_prior" not in codes(right)
