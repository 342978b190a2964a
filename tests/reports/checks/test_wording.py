from __future__ import annotations

from datetime import date

import pytest

from radraft.reports.checks.comparison import dates
from radraft.reports.checks.run import proofread, proofread_sentence
from radraft.reports.checks.values import Prior, Severity
from radraft.reports.values import Origin, Report, Sentence, Wording
from tests.reports.checks.reports import FILM, codes, facts, issues, language, written


@pytest.mark.parametrize(
    "text",
    [
        "Nodule in the [left/right] lower lobe.",
        "The heart is {normal/enlarged}.",
        "Pleural effusion: yes/no.",
        "Size: ____ mm.",
        "Comparison: [insert date].",
        "<findings>",
        "Impression to be completed.",
        "Left/right pleural effusion.",
        "Nodule of XX mm.",
        "Nodule of ? mm.",
        "【左/右】侧胸腔积液。",
        "胸腔积液：有/无。",
        "心影（正常/增大）。",
        "结节约＿＿mm。",
        "〔请选择〕",
        "[部位]见结节影。",
        "与XX年XX月旧片比较。",
        "诊断待补充。",
        "左/右侧气胸。",
        "*** lung.",
        "Impression: [free text].",
        "$size$ nodule.",
        "（ ）侧胸腔积液。",
        "□左 □右侧积液。",
        "［部位］见结节。",
        "左(右)侧积液。",
        "结节约 mm。",
        "待完善。",
    ],
)
def test_a_field_or_a_choice_that_is_open_blocks(text: str) -> None:
    found = [one for one in issues([text]) if one.code == "sentence_unfilled"]
    assert [one.severity for one in found] == [Severity.BLOCK]


@pytest.mark.parametrize(
    "text",
    [
        "Consolidation and/or atelectasis.",
        "Changes at T7/T8.",
        "PA/lateral views.",
        "Is this new? Compare with older films.",
        "Nodule < 5 mm and > 3 mm.",
        "The left and right hilum are normal.",
        "Ratio 1/2 of the hemithorax.",
        "胸7/8椎体变扁。",
        "实变和/或不张。",
        "左、右肺门正常。",
        "结节（约5mm）。",
        "待排结核。",
        "肺炎？请结合临床。",
    ],
)
def test_ordinary_signs_are_no_open_fields(text: str) -> None:
    assert "sentence_unfilled" not in codes(text)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("No pleural effusion.", "There is no pleural effusion."),
        ("Heart size is normal.", "The heart is normal in size."),
        ("The lungs are clear.", "Lungs clear."),
        ("未见胸腔积液。", "没有胸腔积液。"),
        ("双肺见散在结节。", "双肺可见散在结节"),
        ("心影大小正常。", "心影的大小正常。"),
    ],
)
def test_a_sentence_said_twice_is_warned_of(first: str, again: str) -> None:
    between = "气管居中。" if language(first) == "zh" else "Trachea in the midline."
    found = issues([first, between, again])
    assert [(one.code, one.sentence_id) for one in found] == [("sentence_repeated", "f2")]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("No pleural effusion.", "No pericardial effusion."),
        ("Left rib fracture.", "Right rib fracture."),
        ("The heart is normal.", "The heart is not normal."),
        ("Nodule of 5 mm.", "Nodule of 6 mm."),
        ("未见胸腔积液。", "未见心包积液。"),
        ("左侧肋骨骨折。", "右侧肋骨骨折。"),
        ("结节5mm。", "结节6mm。"),
    ],
)
def test_sentences_that_differ_in_a_word_are_not_repeated(first: str, other: str) -> None:
    assert "sentence_repeated" not in {one.code for one in issues([first, other])}


@pytest.mark.parametrize(
    "text",
    [
        "Compared with the previous film, the effusion is smaller.",
        "Unchanged since the prior examination.",
        "The nodule is no longer seen.",
        "Effusion has increased in the interval.",
        "较前片积液减少。",
        "与上次检查相比无变化。",
        "病灶较前增大。",
        "对照旧片，未见变化。",
        "Worsening edema.",
        "较外院片进展。",
        "原右下肺炎已吸收。",
    ],
)
def test_a_comparison_without_a_prior_is_warned_of(text: str) -> None:
    assert "comparison_no_prior" in codes(text, facts(priors=()))
    assert "comparison_no_prior" not in codes(text, FILM)
    assert "comparison_no_prior" not in codes(text, facts(priors=None))


@pytest.mark.parametrize(
    "text",
    [
        "The right hilum is larger compared to the left.",
        "No prior films are available for comparison.",
        "Old granulomatous disease.",
        "Comparison with prior films is recommended.",
        "Follow-up in three months.",
        "右侧较左侧增大。",
        "建议与旧片对比。",
        "陈旧性结核。",
        "建议三个月后复查。",
    ],
)
def test_what_compares_with_no_prior_is_no_issue(text: str) -> None:
    assert "comparison_no_prior" not in codes(text, facts(priors=()))


def test_dates_are_read_as_people_write_them() -> None:
    day = date(2024, 5, 20)
    for text in (
        "film of 2024-05-20",
        "film of 20 May 2024",
        "film of May 20, 2024",
        "film of 05/20/2024",
        "2024年5月20日片",
        "2024.5.20片",
    ):
        assert [days for _, days in dates(text)] == [(day,)]
    assert [days for _, days in dates("of 03/04/2024")] == [(date(2024, 3, 4), date(2024, 4, 3))]
    assert [days for _, days in dates("of 31 April 2024")] == [()]
    assert dates("born on 20 May 2024") == dates("T12, 3/5, 12.5 mm") == ()


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("Compared with the film of 30 February 2024.", Severity.WARN),
        ("Compared with the film of 20 May 2026.", Severity.WARN),
        ("Compared with the film of 21 May 2024.", Severity.HINT),
        ("与2024年2月30日片对比。", Severity.WARN),
        ("与2026年5月20日片对比。", Severity.WARN),
        ("与2024年5月21日片对比。", Severity.HINT),
    ],
)
def test_a_prior_of_a_day_that_cannot_be_is_told(text: str, severity: Severity) -> None:
    found = [one for one in issues([text]) if one.code == "prior_date"]
    assert [one.severity for one in found] == [severity]


@pytest.mark.parametrize(
    "text",
    [
        "Compared with the film of 20 May 2024.",
        "Compared with the film of 05/20/2024.",
        "Film of 1 June 2025.",
        "与2024-05-20片对比。",
    ],
)
def test_the_day_of_the_prior_is_no_issue(text: str) -> None:
    assert "prior_date" not in codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "Patient name: Testa Muster.",
        "MRN 00123456.",
        "Date of birth 03/04/1950.",
        "Telephone 020 7946 0123.",
        "患者姓名：测小样。",
        "住院号：00123456。",
        "联系电话13800000000。",
        "出生日期1950年3月4日。",
    ],
)
def test_identity_in_the_text_is_warned_of_and_not_repeated(text: str) -> None:
    found = [one for one in issues([text]) if one.code == "identity_in_text"]
    assert len(found) == 1
    assert not found[0].details
    assert found[0].at


@pytest.mark.parametrize(
    "text",
    [
        "Compared with the film of 20 May 2024.",
        "Discussed with Dr. Smith at 10:30.",
        "Nodule of 12 mm in segment 6.",
        "Swan-Ganz catheter in place.",
        "与2024年5月20日旧片对比。",
        "已电话告知王医生。",
        "两肺纹理增多。",
    ],
)
def test_dates_of_priors_and_names_of_doctors_are_no_identity(text: str) -> None:
    assert "identity_in_text" not in codes(text)


def test_a_report_in_one_language_lacks_none() -> None:
    assert "language_missing" not in codes("The lungs are clear.")
    both = Sentence(
        "f0",
        (Wording("zh", "两肺清晰。", Origin.PERSON), Wording("en", "Clear lungs.", Origin.PERSON)),
    )
    one = Sentence("f1", (Wording("en", "Normal heart.", Origin.PERSON),))
    found = proofread(Report("c-1", (both, one), ()))
    assert [(issue.code, issue.sentence_id, issue.lang) for issue in found] == [
        ("language_missing", "f1", "zh")
    ]


def test_an_edited_sentence_has_the_issues_that_point_at_it() -> None:
    report = written(["Left pneumothorax.", "Normal heart."], ["Right pneumothorax."])
    for name in ("f0", "i0"):
        codes_of = {issue.code for issue in proofread_sentence(report, name, FILM)}
        assert codes_of == {"side_sections"}
    assert proofread_sentence(report, "f1", FILM) == ()
    assert proofread_sentence(report, "i0", facts(priors=(Prior(None, ()),)))


def test_every_issue_says_what_is_wrong_in_both_languages() -> None:
    report = written(
        ["Left pneumothorax of 90 cm.", "She has __ nodules.", "CT shows contrast enhancement."],
        ["Right pneumothorax.", "Compared with the film of 30 February 2024."],
    )
    found = proofread(report, facts(sex="M"))
    assert len(found) >= 5
    for issue in found:
        assert issue.message_zh and issue.message_en
        assert "{" not in issue.message_en + issue.message_zh
        for pointer in issue.at:
            text = next(s for s in report.sentences if s.id == pointer.sentence_id).text(
                pointer.lang
            )
            assert 0 <= pointer.start < pointer.end <= len(text)
