"""Checks that compare findings between sentences, sections and the request."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from radraft.reports.checks.values import Severity
from radraft.reports.values import Laterality
from tests.reports.checks.reports import FILM, facts, issues

Report = tuple[Sequence[str], Sequence[str]]


def told(code: str, report: Report) -> list[str | None]:
    """The sentences of which a code is told."""
    return [one.sentence_id for one in issues(*report) if one.code == code]


OTHER_SIDE: list[Report] = [
    (["Large right pleural effusion."], ["Large left pleural effusion."]),
    (["There is a left apical pneumothorax."], ["Right pneumothorax."]),
    (["A 9 mm nodule in the right upper lobe."], ["Left upper lobe nodule, follow-up advised."]),
    (["Fracture of the left sixth rib."], ["Right rib fracture."]),
    (["Pacemaker on the left, leads in place."], ["Right-sided pacemaker."]),
    (["右侧胸腔中等量积液。"], ["左侧胸腔积液。"]),
    (["左侧气胸，肺压缩约30%。"], ["右侧气胸。"]),
    (["左肺上叶见结节影。"], ["右肺上叶结节。"]),
    (["右侧第5肋骨折。"], ["左侧肋骨骨折。"]),
]


@pytest.mark.parametrize("report", OTHER_SIDE)
def test_a_finding_on_opposite_sides_of_the_sections_blocks(report: Report) -> None:
    found = [one for one in issues(*report) if one.code == "side_sections"]
    assert [(one.sentence_id, one.severity) for one in found] == [("i0", Severity.BLOCK)]
    assert {pointer.sentence_id for pointer in found[0].at} == {"i0", "f0"}


def test_names_that_differ_for_one_finding_only_warn() -> None:
    for report in (
        (["Consolidation of the left lower lobe."], ["Right lower lobe pneumonia."]),
        (["左肺下叶实变。"], ["右肺下叶肺炎。"]),
    ):
        found = [one for one in issues(*report) if one.code == "side_sections"]
        assert [one.severity for one in found] == [Severity.WARN]


@pytest.mark.parametrize(
    "report",
    [
        (["Bilateral pleural effusions."], ["Left pleural effusion, larger than before."]),
        (["Right pleural effusion.", "Left pleural effusion."], ["Left pleural effusion."]),
        (["Right pleural effusion."], ["Pleural effusion."]),
        (["Right pleural effusion. No left effusion."], ["Right pleural effusion."]),
        (["No right pneumothorax."], ["Left pneumothorax."]),
        (["Infiltrate in the left lower lobe."], ["Large right pleural effusion."]),
        (["Consolidation of the left base."], ["Right basilar atelectasis."]),
        (["Left rib fracture.", "Right pleural effusion."], ["Right pleural effusion."]),
        (["双侧胸腔积液。"], ["左侧胸腔积液。"]),
        (["右侧胸腔积液，左侧未见积液。"], ["右侧胸腔积液。"]),
        (["右侧胸腔积液。"], ["胸腔积液。"]),
        (["左侧肋骨骨折，右侧胸腔积液。"], ["右侧胸腔积液。"]),
    ],
)
def test_sides_that_agree_or_are_not_told_are_no_issue(report: Report) -> None:
    assert told("side_sections", report) == []


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("Known left pleural effusion", "Right pleural effusion."),
        ("Follow-up pneumothorax on the right", "Small left apical pneumothorax."),
        ("Nodule of the left lung", "Nodule in the right upper lobe."),
        ("左侧胸腔积液复查", "右侧胸腔积液。"),
        ("右侧气胸复查", "左侧气胸。"),
        ("Known left pleural effusion", "右侧胸腔积液。"),
    ],
)
def test_a_side_that_is_not_the_requests_is_warned_of(reason: str, text: str) -> None:
    found = [one.code for one in issues([text], (), facts(reason=reason))]
    assert "side_reason" in found


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("Known left pleural effusion", "Left pleural effusion."),
        ("Known left pleural effusion", "Bilateral pleural effusions."),
        ("Left chest pain", "Right pleural effusion."),
        ("Left knee pain", "Right rib fracture."),
        ("Left pleural effusion, known", "Right rib fracture."),
        ("左侧胸腔积液复查", "双侧胸腔积液。"),
        ("左胸痛", "右侧胸腔积液。"),
        ("", "右侧胸腔积液。"),
    ],
)
def test_a_side_that_the_request_leaves_open_is_no_issue(reason: str, text: str) -> None:
    found = [one.code for one in issues([text], (), facts(reason=reason))]
    assert "side_reason" not in found


def test_the_side_of_the_images_own_tag_must_be_named() -> None:
    knee = facts(body_part="KNEE", laterality=Laterality.LEFT)
    for other in ("Effusion of the right knee.", "右膝关节积液。"):
        found = [one for one in issues([other], (), knee) if one.code == "side_images"]
        assert [one.severity for one in found] == [Severity.BLOCK]
    for fine in ("Effusion of the left knee.", "Knee effusion.", "左膝关节积液，右膝未摄。"):
        assert "side_images" not in {one.code for one in issues([fine], (), knee)}
    chest = facts(laterality=Laterality.LEFT)
    assert "side_images" not in {one.code for one in issues(["Right effusion."], (), chest)}


DENIED: list[Sequence[str]] = [
    ["Small right pneumothorax.", "No pneumothorax."],
    ["No pleural effusion.", "Left pleural effusion."],
    ["No cardiomegaly.", "Cardiomegaly."],
    ["Right rib fracture.", "The heart is normal.", "No rib fractures."],
    ["右侧少量气胸。", "未见气胸。"],
    ["双侧胸腔未见积液。", "左侧胸腔积液。"],
    ["心影增大。", "心影不大。"],
    ["右侧肋骨骨折。", "肋骨未见骨折。"],
]


@pytest.mark.parametrize("findings", DENIED)
def test_stated_and_denied_in_one_section_is_warned_of_at_the_later(
    findings: Sequence[str],
) -> None:
    assert told("negation_within", (findings, ())) == [f"f{len(findings) - 1}"]


@pytest.mark.parametrize("findings", DENIED)
def test_stated_in_one_section_and_denied_in_the_other_is_warned_of(
    findings: Sequence[str],
) -> None:
    for report in ((findings[:1], findings[-1:]), (findings[-1:], findings[:1])):
        assert told("negation_impression", report) == ["i0"]


@pytest.mark.parametrize(
    "findings",
    [
        ["Small left pleural effusion.", "No right pleural effusion."],
        ["Small left pleural effusion.", "No large pleural effusion."],
        ["Healed rib fracture on the left.", "No acute rib fracture."],
        ["The pneumothorax has resolved.", "No pneumothorax."],
        ["Nodule in the right upper lobe.", "No other nodules."],
        ["Patchy consolidation in the left base.", "No lobar consolidation."],
        ["Possible pneumothorax cannot be excluded.", "No large pneumothorax."],
        ["左侧胸腔积液。", "右侧胸腔未见积液。"],
        ["左侧胸腔少量积液。", "未见大量胸腔积液。"],
        ["左侧陈旧性肋骨骨折。", "未见新鲜骨折。"],
        ["右肺上叶结节。", "余肺未见结节。"],
        ["气胸已吸收。", "未见气胸。"],
    ],
)
def test_denials_of_something_else_are_no_issue(findings: Sequence[str]) -> None:
    assert told("negation_within", (findings, ())) == []
    assert told("negation_impression", (findings[:1], findings[1:])) == []


@pytest.mark.parametrize(
    "text",
    [
        "Acute cardiopulmonary process.",
        "Acute intrathoracic abnormality.",
        "Acute osseous findings.",
        "Active pulmonary disease.",
        "急性心肺病变。",
        "可见急性心肺异常。",
        "有活动性肺部病变。",
    ],
)
def test_an_acute_abnormality_without_a_name_has_lost_its_no(text: str) -> None:
    assert told("impression_abnormal", (["The lungs are clear."], [text])) == ["i0"]


@pytest.mark.parametrize(
    "text",
    [
        "No acute cardiopulmonary process.",
        "Acute pulmonary oedema.",
        "Acute rib fracture.",
        "Negative for acute cardiopulmonary disease.",
        "未见急性心肺病变。",
        "无急性心肺异常。",
        "急性肺水肿。",
    ],
)
def test_a_denied_or_named_abnormality_is_no_issue(text: str) -> None:
    assert told("impression_abnormal", (["The lungs are clear."], [text])) == []


@pytest.mark.parametrize(
    "report",
    [
        (["Right pneumothorax."], ["Heart of normal size."]),
        (["Spiculated 3 cm mass in the left upper lobe."], ["Aortic calcification."]),
        (["Fracture of the right clavicle."], ["No acute cardiopulmonary disease."]),
        (["Cavity in the right upper lobe."], ["Normal chest."]),
        (["右侧气胸。"], ["心影不大。"]),
        (["左肺上叶见分叶状肿块。"], ["主动脉硬化。"]),
        (["右侧锁骨骨折。"], ["心肺未见异常。"]),
    ],
)
def test_an_important_finding_that_the_impression_leaves_out_is_warned_of(
    report: Report,
) -> None:
    assert told("impression_omits", report) == ["f0"]


@pytest.mark.parametrize(
    "report",
    [
        (["Right pneumothorax."], []),
        (["Right pneumothorax."], ["As above."]),
        (["Right pneumothorax."], ["Pneumothorax, unchanged."]),
        (["Old healed rib fractures."], ["No acute disease."]),
        (["Trace pleural effusion."], ["No pneumonia."]),
        (["Calcified granuloma in the left base."], ["No acute disease."]),
        (["Consolidation in the left base."], ["Left basal pneumonia."]),
        (["Degenerative change of the spine."], ["Normal chest."]),
        (["右侧气胸。"], []),
        (["陈旧性肋骨骨折。"], ["心肺未见异常。"]),
        (["左下肺实变。"], ["左下肺炎。"]),
        (["主动脉硬化。"], ["心肺未见异常。"]),
    ],
)
def test_what_an_impression_may_leave_out_is_no_issue(report: Report) -> None:
    assert told("impression_omits", report) == []


@pytest.mark.parametrize(
    "report",
    [
        (["The heart is normal."], ["Right pneumothorax."]),
        (["The lungs are clear."], ["Fracture of the left clavicle."]),
        (["The lungs are clear."], ["Cavity in the right upper lobe."]),
        (["心影不大。"], ["右侧气胸。"]),
        (["两肺清晰。"], ["左侧锁骨骨折。"]),
        (["两肺清晰。"], ["右上肺空洞。"]),
    ],
)
def test_an_impression_without_a_finding_is_warned_of(report: Report) -> None:
    assert told("impression_extra", report) == ["i0"]


@pytest.mark.parametrize(
    "report",
    [
        ([], ["Right pneumothorax."]),
        (["Consolidation in the left base."], ["Pneumonia."]),
        (["Hyperinflated lungs."], ["COPD."]),
        (["The lungs are clear."], ["Known lung cancer, no progression."]),
        (["The lungs are clear."], ["No pneumothorax."]),
        (["Blunted left costophrenic angle."], ["Small left pleural effusion."]),
        ([], ["右侧气胸。"]),
        (["左下肺实变。"], ["左下肺炎。"]),
        (["左侧肋膈角变钝。"], ["左侧少量胸腔积液。"]),
        (["两肺清晰。"], ["未见气胸。"]),
    ],
)
def test_what_an_impression_concludes_is_no_issue(report: Report) -> None:
    assert told("impression_extra", report) == []


@pytest.mark.parametrize(
    "report",
    [
        (["Left pacemaker with two leads."], ["No pacemaker."]),
        (["No endotracheal tube."], ["Endotracheal tube in good position."]),
        (["Sternotomy wires are intact."], ["No metallic densities."]),
        (["左侧胸壁起搏器。"], ["未见起搏器。"]),
        (["气管插管位置正常。"], ["未见气管插管。"]),
        (["胸骨钢丝固定影。"], ["未见金属影。"]),
    ],
)
def test_a_device_that_is_named_and_denied_is_warned_of(report: Report) -> None:
    assert len(told("device_denied", report)) == 1


@pytest.mark.parametrize(
    "report",
    [
        (["Left pacemaker."], ["Left pacemaker, no pneumothorax."]),
        (["The endotracheal tube has been removed."], ["No endotracheal tube."]),
        (["Right chest tube."], ["No left chest tube."]),
        (["左侧起搏器，未见气胸。"], ["起搏器术后。"]),
        (["气管插管已拔除。"], ["未见气管插管。"]),
    ],
)
def test_a_device_of_another_place_or_time_is_no_issue(report: Report) -> None:
    assert told("device_denied", report) == []


def test_a_sound_film_has_no_issues() -> None:
    english = [
        "PA and lateral views of the chest.",
        "Small left pleural effusion, smaller than on the prior film of 20 May 2024.",
        "No right pleural effusion.",
        "No pneumothorax.",
        "Heart size is normal.",
    ]
    chinese = [
        "胸部正侧位片。",
        "左侧胸腔少量积液，较2024年5月20日旧片减少。",
        "右侧胸腔未见积液。",
        "未见气胸。",
        "心影大小正常。",
    ]
    assert issues(english, ["Small left pleural effusion."], FILM) == ()
    assert issues(chinese, ["左侧胸腔少量积液。"], FILM) == ()
