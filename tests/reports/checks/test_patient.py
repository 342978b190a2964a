from __future__ import annotations

import pytest

from radraft.reports.checks.values import Severity
from tests.reports.checks.reports import codes, facts, issues

OF_A_WOMAN = [
    "Right adnexal cyst as before.",
    "Known carcinoma of the cervix, irradiated.",
    "Hysterectomy in 2011.",
    "The patient is pregnant, shielding was used.",
    "72-year-old female with cough.",
    "She was unable to stand.",
    "Intrauterine device overlies the sacrum.",
    "Salpingectomy clips on the right.",
    "Status post tubal ligation.",
    "Placenta previa.",
    "Hydatidiform mole, staging.",
    "子宫肌瘤剔除术后改变。",
    "宫颈癌放疗后复查。",
    "妊娠妇女，已行腹部防护。",
    "女性患者，咳嗽一周。",
    "右侧卵巢囊肿同前。",
    "盆腔内见宫内节育器影。",
    "绒癌肺转移待排。",
    "产妇，产后3天。",
    "闭经3月。",
]
OF_A_MAN = [
    "Sclerotic foci, prostatic metastases likely.",
    "Testicular carcinoma, staging.",
    "History of BPH.",
    "He could not hold his breath.",
    "66-year-old man, fever.",
    "Prior orchiectomy.",
    "前列腺增生病史。",
    "睾丸癌术后复查。",
    "男性患者，外伤。",
    "精囊腺区未见异常。",
    "隐睾术后。",
    "鞘膜积液。",
    "Gleason 7, staging.",
    "PSA 40 ng/ml.",
    "Hydrocele on the right.",
]


@pytest.mark.parametrize("text", OF_A_WOMAN)
def test_what_only_women_have_blocks_the_report_of_a_man(text: str) -> None:
    found = [one for one in issues([text], (), facts(sex="M")) if one.code == "sex_differs"]
    assert [one.severity for one in found] == [Severity.BLOCK]
    assert "sex_differs" not in codes(text, facts(sex="F"))
    assert "sex_differs" not in codes(text, facts(sex=""))


@pytest.mark.parametrize("text", OF_A_MAN)
def test_what_only_men_have_blocks_the_report_of_a_woman(text: str) -> None:
    assert "sex_differs" in codes(text, facts(sex="F"))
    assert "sex_differs" not in codes(text, facts(sex="M"))


@pytest.mark.parametrize(
    "text",
    [
        "Degenerative change of the cervical spine.",
        "Bilateral gynecomastia.",
        "Prosthetic aortic valve in place.",
        "Family history of ovarian cancer.",
        "Breast shadows overlie the bases.",
        "Fetal lobulation of the left kidney.",
        "The sheath of the catheter is intact.",
        "The mother had ovarian cancer.",
        "颈椎退行性变。",
        "母亲有卵巢癌病史。",
        "男性乳腺发育。",
        "胸膜粘连。",
        "双侧乳头影重叠于下肺野。",
    ],
)
def test_words_that_only_look_like_the_other_sex_are_no_issue(text: str) -> None:
    assert "sex_differs" not in codes(text, facts(sex="M"))


def test_prostate_and_uterus_are_not_of_one_patient() -> None:
    for findings in (
        ["The prostate is enlarged.", "The uterus is normal."],
        ["前列腺增大。", "子宫形态正常。"],
    ):
        (found,) = (one for one in issues(findings, (), facts(sex="")) if "sex" in one.code)
        assert (found.code, found.sentence_id) == ("sex_mixed", "f1")
        assert {pointer.sentence_id for pointer in found.at} == {"f0", "f1"}


OLDER = [
    "Unfused proximal humeral physes.",
    "Skeletally immature patient.",
    "Pediatric chest, quiet breathing.",
    "The child moved during exposure.",
    "Umbilical catheter of the newborn at T8.",
    "A 12-year-old patient with fever.",
    "Lungs of a 3-month-old.",
    "患儿哭闹，吸气不足。",
    "新生儿胸片，两肺充气可。",
    "肱骨近端骺线未闭合。",
    "患者年龄12岁。",
    "3月龄，咳嗽。",
    "儿童胸片。",
    "NICU film.",
    "Thymus is normal.",
    "6-week-old with cough.",
    "胸腺未退化。",
    "女婴，咳嗽。",
    "出生后2天。",
]


@pytest.mark.parametrize("text", OLDER)
def test_words_of_children_do_not_fit_the_old(text: str) -> None:
    assert "age_differs" in codes(text, facts(age_years=71))
    assert "age_differs" not in codes(text, facts(age_years=None))


@pytest.mark.parametrize(
    "text",
    [
        "Senile emphysema.",
        "Changes of the elderly chest.",
        "Geriatric patient, rotated.",
        "An 80-year-old with dyspnea.",
        "Aged 80, walking wounded.",
        "老年性肺改变。",
        "高龄患者，配合欠佳。",
        "80岁，咳嗽。",
    ],
)
def test_words_of_the_old_do_not_fit_a_child(text: str) -> None:
    assert "age_differs" in codes(text, facts(age_years=8))


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("80-year-old with cough.", 82),
        ("Splenectomy at age 12.", 60),
        ("Degenerative change, normal for age.", 30),
        ("Growth plates are fused.", 45),
        ("Nodule unchanged for 8 years.", 60),
        ("Old granulomatous disease of childhood.", 60),
        ("60岁，体检。", 61),
        ("12岁时行脾切除。", 60),
        ("结节8年未变。", 60),
        ("老年性改变。", 75),
        ("骨龄约12岁。", 9),
        ("Infant feeding tube in place.", 0.5),
    ],
)
def test_ages_that_fit_are_no_issue(text: str, age: float) -> None:
    assert "age_differs" not in codes(text, facts(age_years=age))
