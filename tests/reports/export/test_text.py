"""Signed reports as plain text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from radraft.core.errors import ReportError
from radraft.reports.export.printed import local_minute, person_name
from radraft.reports.export.text import plain_text
from radraft.reports.export.values import Institution, OutgoingStatus
from radraft.reports.people import Person, PersonKind
from radraft.reports.values import Amendment, AmendmentKind, Manner, Origin, Sentence, Wording, both
from radraft.studies.values import Patient
from tests.outgoing_reports import examination, outgoing, signed


def test_it_has_the_layout_that_a_chinese_hospital_expects() -> None:
    report = outgoing(signed(8, findings=2), number=8)
    zoned = replace(
        report, institution=replace(report.institution, time_zone="Asia/Shanghai"), version=2
    )
    assert plain_text(zoned, "zh") == (
        "示例市人民医院  放射科\n"
        "影像检查报告\n"
        "\n"
        "姓名：魏植入\u3000性别：女\u3000年龄：56 岁\u3000出生日期：1970-01-02\u3000"
        "患者编号：PLANTED-4711\n"
        "检查号：PACC000008\n"
        "检查项目：CR · 胸部 · Chest PA 胸部正位\n"
        "检查时间：2026-03-04 13:06\n"
        "临床病史：咳嗽三天\n"
        "\n"
        "影像所见：\n"
        "右上肺见结节影，大小约12mm×9mm。\n"
        "左侧胸腔少量积液。\n"
        "\n"
        "诊断意见：\n"
        "1. 右上肺结节，建议CT复查。\n"
        "2. 左侧少量胸腔积液。\n"
        "\n"
        "Findings:\n"
        "A nodule in the right upper lobe, about 12 x 9 mm.\n"
        "Small left pleural effusion.\n"
        "\n"
        "Impression:\n"
        "1. Right upper lobe nodule; CT follow-up is advised.\n"
        "2. Small left pleural effusion.\n"
        "\n"
        "书写医师：林书写\u30002026-03-04 14:06\n"
        "审核签发：Jürgen Prüfer 审\u30002026-03-04 14:15\n"
        "报告状态：正式报告 · 第 2 版\n"
        "AI 辅助，医师审核\n"
        "所用 AI 软件仅供研究使用\n"
    )  # fmt: skip


def test_a_sentence_in_one_language_stands_in_both_sections() -> None:
    report = outgoing(signed(1, findings=2))
    first, second = report.report.findings
    alone = replace(first, wordings=(Wording("zh", "仅有中文。", Origin.PERSON),))
    text = plain_text(
        replace(report, report=replace(report.report, findings=(alone, second))), "en"
    )
    findings = text[text.index("Findings:") : text.index("Impression:")]
    assert findings.split("\n")[1:3] == ["仅有中文。", second.en]


@pytest.mark.parametrize("mark", ["\u202e", "\u202d", "\u2066", "\u200f"])
def test_a_mark_that_turns_the_direction_of_writing_is_refused(mark: str) -> None:
    patient = Patient("4711", f"欧阳^假{mark}名", None, "F")
    with pytest.raises(ReportError) as caught:
        plain_text(outgoing(examination=examination(1, patient=patient)), "zh")
    assert caught.value.code == "export_character_refused"
    assert caught.value.details == {"character": f"U+{ord(mark):04X}"}


def test_an_impression_gets_numbers_where_its_writer_gave_none() -> None:
    report = outgoing(signed(1))
    lines = tuple(
        Sentence(f"i{n}", both(zh, en, Origin.PERSON))
        for n, (zh, en) in enumerate((("肺炎。", "Pneumonia."), ("积液。", "Effusion.")), start=1)
    )
    numbered = plain_text(replace(report, report=replace(report.report, impression=lines)), "zh")
    assert "诊断意见：\n1. 肺炎。\n2. 积液。\n" in numbered
    single = plain_text(replace(report, report=replace(report.report, impression=lines[:1])), "zh")
    assert "诊断意见：\n肺炎。\n" in single


def test_what_nobody_signed_says_so() -> None:
    report = replace(
        outgoing(signed(1)), status=OutgoingStatus.PRELIMINARY, signed_at=None, reviewer=None
    )
    text = plain_text(report, "zh")
    assert "审核签发：尚未签发\n" in text
    assert "报告状态：初步报告，待审核" in text
    assert text.endswith("\nAI 生成\n所用 AI 软件仅供研究使用\n")


def test_a_name_that_was_typed_and_a_signature_on_emergency_duty_say_so() -> None:
    typed = Person(PersonKind.TYPED, "林书写")
    report = replace(outgoing(signed(1, reviewed=False)), author=typed, manner=Manner.EMERGENCY)
    line = next(line for line in plain_text(report, "en").split("\n") if "林书写" in line)
    assert line.startswith("Written and signed by: 林书写    2026-03-04 ")
    assert line.endswith("    signed alone on emergency duty · typed, not authenticated")


def test_an_infant_and_an_unknown_age_are_told_apart() -> None:
    texts = [
        plain_text(outgoing(number=1, examination=examination(1, age_years=age)), "zh")
        for age in (0, 1, 2, None)
    ]
    assert ["年龄：不足 1 岁" in texts[0], "年龄：1 岁" in texts[1]] == [True, True]
    assert ["年龄：2 岁" in texts[2], "年龄" in texts[3]] == [True, False]


@pytest.mark.parametrize(
    ("name", "zh", "en"),
    [
        ("Wei^Planted=魏^植入", "魏植入", "Planted Wei"),
        ("欧阳^假名", "欧阳假名", "欧阳假名"),
        ("O'Planted^Anna^Maria^Dr.", "Anna Maria O'Planted", "Anna Maria O'Planted"),
        ("", "", ""),
    ],
)
def test_a_name_is_written_as_its_language_writes_it(name: str, zh: str, en: str) -> None:
    assert (person_name(name, "zh"), person_name(name, "en")) == (zh, en)


def test_a_minute_is_that_of_the_institutions_clock() -> None:
    when = datetime(2026, 3, 4, 23, 59, 59, tzinfo=UTC)
    assert local_minute(when, "Asia/Shanghai") == "2026-03-05 07:59"
    assert local_minute(when.replace(tzinfo=None), "Asia/Shanghai") == "2026-03-04 23:59"
    assert local_minute(None, "") == ""
    assert local_minute(when, "") == "2026-03-04 23:59 UTC"
    assert local_minute(when.replace(tzinfo=None), "") == "2026-03-04 23:59"


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_no_value_of_the_head_can_begin_a_section(end: str) -> None:
    forged = f"咳嗽{end}{end}诊断意见：{end} 未见异常"
    study = examination(1, history=forged, description=forged, accession=forged)
    study = replace(study, patient=Patient(forged, forged, None, "F"), body_part=forged)
    typed = Person(PersonKind.TYPED, forged)
    report = outgoing(examination=study, institution=Institution(forged, department_zh=forged))
    report = replace(report, author=typed, amendment=Amendment(AmendmentKind.AMENDMENT, forged))
    text = plain_text(report, "zh")
    assert [line for line in text.splitlines() if line.startswith("诊断意见")] == ["诊断意见："]
    assert "临床病史：咳嗽 诊断意见： 未见异常\n" in text
    assert "未见异常" not in [line.strip() for line in text.splitlines()]
