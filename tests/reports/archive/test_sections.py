"""A report that is one text is divided, and nothing of it is lost."""

from __future__ import annotations

import pytest

from radraft.reports.archive.records import checked
from radraft.reports.archive.values import PastReport


def _checked(text: str, **said: str) -> PastReport:
    report = checked(PastReport("1.txt", accession="1", text=text, **said))
    assert isinstance(report, PastReport)
    return report


@pytest.mark.parametrize(
    ("text", "findings", "impression", "shown"),
    [
        (
            "ADDENDUM 3: pneumothorax left, called.\nFINDINGS: Clear.\nIMPRESSION: Normal.",
            "ADDENDUM 3: pneumothorax left, called.\nClear.",
            "Normal.",
            "ADDENDUM 3: pneumothorax left, called.\nClear.",
        ),
        (
            "COMPARISON: CT 2021, 5 mm.\nTECHNIQUE: contrast, extravasation 20 ml.\n"
            "FINDINGS: Clear.\nIMPRESSION: Normal.",
            "Clear.",
            "Normal.",
            "COMPARISON: CT 2021, 5 mm.\nTECHNIQUE: contrast, extravasation 20 ml.\nClear.",
        ),
        (
            "影像所见：双肺清。\n诊断意见：未见异常。\n检查方法：增强，注药后出现皮疹。建议：3月复查\n",
            "双肺清。",
            "未见异常。",
            "双肺清。\n检查方法：增强，注药后出现皮疹。建议：3月复查",
        ),
        (
            "检查部位：胸部\n双肺清。\n诊断：正常",
            "双肺清。",
            "正常",
            "检查部位：胸部\n双肺清。",
        ),
        ("Clear lungs.", "Clear lungs.", "", "Clear lungs."),
        (
            "Technique: none\nHistory: cough\nImpression: Normal.",
            "",
            "Normal.",
            "Technique: none\nHistory: cough",
        ),
    ],
)
def test_what_stands_beside_the_sections_is_read_and_teaches_nothing(
    text: str, findings: str, impression: str, shown: str
) -> None:
    report = _checked(text)
    assert (report.findings, report.impression, report.shown) == (findings, impression, shown)


@pytest.mark.parametrize("above", ["", "Called at noon.\n", "Technique: oral contrast\n\nand iv\n"])
@pytest.mark.parametrize("between", ["", "\nHistory:\n  cough 3 weeks\n", "\nComparison: none"])
@pytest.mark.parametrize("below", ["", "\nReport date: none\nRecommend CT.", "\n审核医师：柏甲"])
def test_every_word_of_a_text_stands_somewhere(above: str, between: str, below: str) -> None:
    text = f"{above}FINDINGS: Clear.{between}\nIMPRESSION: Normal.{below}"
    words = text.replace("FINDINGS: ", "").replace("IMPRESSION: ", "").split()
    assert sorted(_checked(text).whole.split()) == sorted(words)


def test_a_text_beside_a_column_of_findings_says_what_the_column_does_not() -> None:
    text = "FINDINGS: Clear lungs.\nIMPRESSION: Normal."
    assert _checked(text, findings="Clear lungs").shown == "Clear lungs"
    assert _checked(text, findings="See text").shown == "See text\nClear lungs."


def test_how_a_text_is_divided_makes_it_no_other_record() -> None:
    text = "Technique: CT.\nFINDINGS: Clear."
    assert _checked(text).record_id == PastReport("2.txt", accession="1", text=text).digest
