"""Errors of writing in words of their own: `data/written_errors.jsonl` holds typing errors, open
fields, repeats and identity (made up) that were written in batches, each before the mends that
followed it; what the checks still miss of them is told in docs/checks.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radraft.reports.checks._chinese_typos import known_characters, wrong_characters
from radraft.reports.checks._open_fields import open_field
from radraft.reports.checks.identity import identifying
from radraft.reports.checks.spelling import typos
from tests.reports.checks.reports import codes, issues

_ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "written_errors.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def rows(kind: str) -> list[dict[str, str]]:
    return [row for row in _ROWS if row["kind"] == kind]


@pytest.mark.parametrize("row", rows("typo"), ids=lambda row: row["wrong"])
def test_a_typing_error_is_doubted_where_it_stands(row: dict[str, str]) -> None:
    lang = "zh" if row["lang"] == "zh" else "en"
    start = row["text"].index(row["wrong"])
    end = start + len(row["wrong"])
    assert any(typo.start < end and start < typo.end for typo in typos(row["text"], lang))


@pytest.mark.parametrize("row", rows("open_field"), ids=lambda row: row["text"])
def test_an_open_field_of_every_kind_is_found(row: dict[str, str]) -> None:
    assert "sentence_unfilled" in codes(row["text"])


@pytest.mark.parametrize("row", rows("repeat"), ids=lambda row: row["again"])
def test_what_is_said_twice_in_other_words_is_found(row: dict[str, str]) -> None:
    found = [issue for issue in issues([row["text"], row["again"]]) if issue.at]
    assert ("sentence_repeated", "f1") in {(issue.code, issue.sentence_id) for issue in found}


@pytest.mark.parametrize("row", rows("identity"), ids=lambda row: row["text"])
def test_identity_in_other_words_is_found(row: dict[str, str]) -> None:
    assert "identity_in_text" in codes(row["text"])


@pytest.mark.parametrize(
    "text",
    [
        "具体而言，左侧胸腔有少量积液，心脏略微增大。",
        "肺和心脏的大小和轮廓都在正常范围内。",
        "心胸廓形稳定，右胸导管的尖端在腔室交界处。",
        "胸椎后凸，骨性结构完整，可见伪影。",
        "右肋后角见陈旧骨折，双腔中心静脉导管在位。",
        "X光片时间较前片晚两天，T波无关。",
        "左肾小结石，胰周渗出，筋膜增厚，胎盘位于后壁。",
        "喙突下滑囊积液，髁间棘变尖，跟腓韧带完整。",
        "蝶翼状渗出，鼠尾状狭窄，囊袋状扩张。",
        "縱膈腔無擴大，右側肋膜積水。",
        "急性心肺疾病的證據未見。",
    ],
)
def test_right_words_side_by_side_are_no_typing_error(text: str) -> None:
    assert typos(text, "zh") == ()


def test_a_wrong_character_says_what_is_meant_and_how_sure_that_is() -> None:
    (found,) = wrong_characters("有局灶性空障疾病。")
    assert ("有局灶性空障疾病。"[found.start : found.end], found.right) == ("空障", "空隙")
    assert found.at == 5


def test_every_character_that_may_be_meant_has_a_line_of_lookalikes() -> None:
    table = Path(__file__).parents[3] / "reports" / "checks" / "lookalikes_zh.txt"
    lines = table.read_text(encoding="utf-8").splitlines()
    missing = known_characters() - {line[:1] for line in lines if not line.startswith("#")}
    # Characters that GB 2312 lacks cannot be drawn beside its own.
    assert {character for character in missing if _in_gb2312(character)} == set()


def _in_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "Infiltrate/atelectasis in the left base.",
        "Mild/moderate cardiomegaly, stable/unchanged.",
        "PA/lateral views, T7/T8 disc space, 3/4 of the lung.",
        "Opacity (atelectasis/pneumonia) in the right base.",
        "Complete opacification of the left hemithorax.",
        "Findings were described to Dr. Smith by phone.",
        "The left and/or right base is not seen.",
        "Pleural effusion [sic] is larger.",
        "Recommend CT to complete the evaluation.",
        "Scoliosis (left convex).",
        "Correlate clinically.",
        "右肺结节性质待定，建议随访。",
        "【影像所见】双肺清晰。",
        "空洞【无】，肺水肿[有]。",
        "骨折 □有 ☑无。",
        "胸7/8椎间隙变窄，左、右肺门正常（见前片）。",
        "结节（约5mm）较前缩小，2024年5月20日片对比。",
        "请结合临床，建议选择性复查。",
        "大小约12mm×8mm，第5肋骨折。",
    ],
)
def test_finished_sentences_have_no_open_field(text: str) -> None:
    assert open_field(text, "zh" if any("一" <= c <= "鿿" for c in text) else "en") is None


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("The cardiac contours are normal.", "The hilar contours are normal."),
        ("Mild cardiomegaly.", "Severe cardiomegaly."),
        ("Right upper lobe nodule.", "Right lower lobe nodule."),
        ("Calcified granuloma in the left lung.", "Calcified lymph node in the left hilum."),
        ("Possible right effusion.", "Right effusion."),
        ("No focal consolidation.", "No focal consolidation or effusion."),
        ("The effusion is larger.", "The effusion is smaller."),
        (
            "Degenerative changes of the thoracic spine.",
            "Degenerative changes of the lumbar spine.",
        ),
        ("Two right rib fractures.", "The ribs on the left are intact."),
        ("右肺上叶结节。", "右肺下叶结节。"),
        ("心影轻度增大。", "心影重度增大。"),
        ("双侧少量胸腔积液。", "右侧少量胸腔积液。"),
        ("可能有右侧气胸。", "右侧气胸。"),
        ("胸椎退行性变。", "颈椎退行性变。"),
        ("心影增大。", "心影不大。"),
        ("左肺结节5mm。", "左肺结节8mm。"),
        ("未见气胸。", "未见气胸及胸腔积液。"),
    ],
)
def test_what_differs_in_one_thing_is_said_once(first: str, other: str) -> None:
    assert "sentence_repeated" not in {issue.code for issue in issues([first, other])}


@pytest.mark.parametrize(
    "text",
    [
        "Compared with the film 20240520.",
        "Image 12 of 340, series 4.",
        "Findings were discussed with Dr. Alan Pritchard.",
        "The patient, who is supine, is rotated.",
        "Nodule of 1234 mm3.",
        "右胫骨窦道形成，子宫瘢痕处破裂。",
        "与20240520片对比。",
        "管腔被栓子堵塞，高密度影。",
    ],
)
def test_numbers_and_words_of_the_field_are_no_identity(text: str) -> None:
    assert identifying(text) == ()
