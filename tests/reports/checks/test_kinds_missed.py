"""Kinds of errors that the first measured half showed unseen; sentences of the same kinds."""

from __future__ import annotations

import pytest

from radraft.reports.checks.spelling import typos
from tests.reports.checks.reports import codes, facts, issues


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("左侧胸腟积液。", "胸腔"),
        ("两侧肋隅角锐利。", "肋膈角"),
        ("两肺野清浙。", "清晰"),
        ("心影轮廊光整。", "轮廓"),
        ("右侧胁骨骨折。", "肋骨"),
        ("肺绞理增多。", "纹理"),
        ("右肺上叶实奕。", "实变"),
        ("纵隔居中，脊拄侧弯。", "脊柱"),
    ],
)
def test_a_character_that_looks_alike_is_doubted(text: str, right: str) -> None:
    assert [right in typo.right for typo in typos(text, "zh")] == [True]


@pytest.mark.parametrize(
    "text",
    ["建议请临床结合。", "肿块部分位于肺内。", "骨结构完整。", "肾脏形态正常。", "左、右肺清晰。"],
)
def test_right_characters_beside_words_of_the_field_are_not_doubted(text: str) -> None:
    assert typos(text, "zh") == ()


@pytest.mark.parametrize("text", ["Scattered foci.", "Well inflated lungs.", "CT is required."])
def test_participles_of_everyday_english_are_not_doubted(text: str) -> None:
    assert typos(text, "en") == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Frontal radiography of the right ankle was done.", "body_part_differs"),
        ("膝关节数字化摄影。", "body_part_differs"),
        ("On bone window settings no lesion is seen.", "modality_words"),
        ("Scanogram of the chest.", "modality_words"),
        ("Flow voids are preserved.", "modality_words"),
        ("No filling defects in the pulmonary veins.", "contrast_words"),
        ("肺静脉内见充盈缺损。", "contrast_words"),
        ("The knee shows no effusion.", "foreign_region"),
        ("颈椎曲度变直，腕关节对称。", "foreign_region"),
        ("Prenatal clinic patient.", "sex_differs"),
        ("妇科门诊转来。", "sex_differs"),
        ("肺野｛清晰｜模糊｝。", "sentence_unfilled"),
        ("##FINDINGS##", "sentence_unfilled"),
        ("The L/R hilum is normal.", "sentence_unfilled"),
        ("Nodule of 12 m in the left lung.", "size_impossible"),
        ("右肺结节，直径8m。", "size_impossible"),
        ("The tracheal stripe is 90 mm thick.", "size_impossible"),
    ],
)
def test_words_that_do_not_fit_the_study_are_warned_of(text: str, code: str) -> None:
    assert code in codes(text, facts(sex="M"))


@pytest.mark.parametrize(
    "text",
    [
        "左肺基底节段性肺不张。",
        "没有急性病变，这是一个积极的信号，健康良好。",
        "Discussed with Mr. Example.",
        "The lung bases are clear.",
    ],
)
def test_words_that_only_look_foreign_are_no_issue(text: str) -> None:
    assert not codes(text, facts(sex="M")) & {"foreign_region", "modality_words"}


@pytest.mark.parametrize(
    ("text", "views"),
    [
        ("侧位示心后区清晰。", ("PA",)),
        ("The chest was filmed in two planes.", ("AP",)),
        ("The film was obtained AP at the bedside.", ("PA", "LATERAL")),
    ],
)
def test_views_that_were_not_taken_are_warned_of(text: str, views: tuple[str, ...]) -> None:
    assert "views_differ" in codes(text, facts(views=views))


@pytest.mark.parametrize(
    ("named", "denied"),
    [
        ("气管插管末端位于隆突上4cm。", "气管内未见插管。"),
        ("左侧胸腔引流管在位。", "未见引流管。"),
        ("左胸壁起搏器在位。", "无心脏植入装置。"),
        ("胃管末端位于胃内。", "未置入胃管。"),
        ("Left chest tube in place.", "No drain in the chest."),
        ("Right PICC ends in the superior vena cava.", "No indwelling line."),
        ("Endotracheal tube 4 cm above the carina.", "No tube in the trachea."),
    ],
)
def test_a_device_denied_by_a_general_word_is_warned_of(named: str, denied: str) -> None:
    assert "device_denied" in {issue.code for issue in issues([named], [denied])}


@pytest.mark.parametrize(
    ("named", "other"),
    [
        ("左胸壁起搏器在位。", "未见引流管。"),
        ("Left chest tube in place.", "No pacemaker."),
        ("左侧胸腔引流管在位。", "引流管未见移位。"),
        ("Right chest tube.", "No left drain."),
        ("右侧胸腔引流管在位。", "左侧未见引流管。"),
    ],
)
def test_another_device_denied_is_no_contradiction(named: str, other: str) -> None:
    assert "device_denied" not in {issue.code for issue in issues([named], [other])}


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("左肺占位治疗前评估", "右肺上叶肿块，大小约3cm。"),
        ("右肺肺炎治疗后复查", "左肺下叶实变。"),
        ("右侧胸引术后定位", "左侧胸腔引流管在位。"),
    ],
)
def test_the_side_of_a_short_request_is_compared(reason: str, text: str) -> None:
    assert "side_reason" in codes(text, facts(reason=reason))


@pytest.mark.parametrize(
    ("findings", "impression"),
    [
        ("右侧少量气胸。", "未见急性心肺病变。"),
        ("Small left pneumothorax.", "No acute disease."),
        (
            "Confluent consolidation in the right upper lobe.",
            "Bronchiectasis of the left lower lobe.",
        ),
        (
            "A solitary 20 mm nodule in the right upper lobe.",
            "Calcified granuloma of the left lung.",
        ),
    ],
)
def test_an_important_finding_left_out_of_the_impression_is_warned_of(
    findings: str, impression: str
) -> None:
    assert "impression_omits" in {issue.code for issue in issues([findings], [impression])}


def test_focal_limits_only_the_first_of_a_list() -> None:
    found = issues(["右侧少量气胸。", "没有局灶性实变、积液或气胸。"])
    assert "negation_within" in {issue.code for issue in found}


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("急性心肺异常阴性。", False),
        ("急性肺部病变的诊断是阴性的。", False),
        ("没有急性肺部病变。", False),
        ("有急性心肺异常，心影正常。", True),
        ("存在心肺疾病。", True),
        ("Acute radiological process.", True),
        ("No acute radiological process.", False),
        ("Acute pulmonary process is negative.", False),
    ],
)
def test_a_lost_denial_is_missed_only_where_none_follows(text: str, lost: bool) -> None:
    found = issues(["The chest was examined." if text.isascii() else "胸部检查。"], [text])
    assert ("impression_abnormal" in {issue.code for issue in found}) == lost
