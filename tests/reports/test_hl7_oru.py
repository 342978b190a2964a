"""ORU^R01 messages, read back by another library and held against another's tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import hl7
import pytest
from hypothesis import example, given

from radraft.core.errors import ReportError
from radraft.reports.export import terminology
from radraft.reports.export.charset import Charset
from radraft.reports.export.hl7_oru import Application, MessageContents, control_id, message
from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.reports.people import Person
from radraft.reports.values import LANGS, AmendmentKind, Lang, Origin, Sentence, both
from radraft.studies.values import Patient
from tests import hl7_tables
from tests.outgoing_reports import all_shapes, examination, outgoing, signed
from tests.reports.strategies import any_text
from tests.scale import scaled

SENDING = Application("RADRAFT", "示例市人民医院")
RECEIVING = Application("RIS", "HIS|1")
LINKED = MessageContents(
    image_url="https://pacs.example/wado?study={study}&object={instance}&f={frame}"
)
SHAPES = all_shapes()
SAMPLE = SHAPES[: scaled(12, full=200)]
LINE_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def written(report: OutgoingReport, charset: Charset = Charset.UTF_8) -> bytes:
    return message(report, sending=SENDING, receiving=RECEIVING, charset=charset, contents=LINKED)


def read(data: bytes, codec: str = "utf-8") -> hl7.Message:
    return hl7.parse(data.decode(codec))


def value(parsed: hl7.Message, field: object, *path: int) -> str:
    """A field, or a component or subcomponent of its first repetition, as a person reads it."""
    for position in path:
        field = field[0] if position == 0 else field[position - 1]  # type: ignore[index]
    return str(parsed.unescape(str(field)))


def observations(parsed: hl7.Message, code: str) -> list[hl7.Segment]:
    return [obx for obx in parsed.segments("OBX") if str(obx[3][0][0]) == code]


def texts(parsed: hl7.Message, code: str, lang: Lang) -> list[str]:
    """The lines of a section in a language, in the message's order."""
    return [
        parsed.unescape(str(obx[5])).replace("\r", "\n")
        for obx in observations(parsed, code)
        if str(obx[4]).endswith(f".{lang}")
    ]


def plain(sentences: tuple[Sentence, ...], lang: Lang) -> list[str]:
    return [LINE_BREAKS.sub("\n", s.text(lang)) for s in sentences if s.text(lang)]


@pytest.mark.scaled
def test_the_tables_of_the_standard_find_nothing_but_what_is_listed(tmp_path: Path) -> None:
    told = chain.from_iterable(
        hl7_tables.said(written(shape), tmp_path / "found")
        for shape in SAMPLE[:: scaled(3, full=1)]
    )
    reasons = hl7_tables.EXPLAINED.values()
    assert [line for line in told if not any(why.search(line) for why in reasons)] == []


def statements(parsed: hl7.Message) -> Iterator[dict[str, str]]:
    """What the OBX of each coded finding say, by question."""
    groups: dict[str, dict[str, str]] = {}
    for obx in parsed.segments("OBX"):
        if str(obx[2]) in ("CE", "NM"):
            # The alternate code is our own where the first is RadLex's.
            first = str(obx[5]) if str(obx[2]) == "NM" else str(obx[5][0][-3])
            groups.setdefault(str(obx[4]), {})[str(obx[3][0][0])] = first
    yield from groups.values()


def test_the_same_state_has_the_same_control_id_and_another_state_another() -> None:
    first = signed(5)
    states = [outgoing(first, 5)]
    states.append(replace(states[0], status=OutgoingStatus.PRELIMINARY, signed_at=None))
    states.append(replace(states[1], submitted_at=states[0].signed_at))
    states.append(outgoing(signed(5, before=first), 5))
    assert len({control_id(state) for state in states}) == len(states)
    assert written(states[0]) == written(outgoing(signed(5), 5))
    assert all(len(control_id(state)) == 20 for state in states)


def test_other_words_under_the_same_version_are_another_message() -> None:
    """After a restore version 1 may be signed again."""
    first, again = outgoing(signed(5), 5), outgoing(signed(5, findings=2), 5)
    assert first.version == again.version
    assert control_id(first) != control_id(again)


def test_two_preliminary_texts_never_share_a_control_id() -> None:
    one = replace(outgoing(), status=OutgoingStatus.PRELIMINARY, signed_at=None, content_sha="")
    other = replace(one, report=replace(one.report, findings=one.report.findings[:1]))
    later = replace(one, submission=one.submission + 2)
    assert len({control_id(report) for report in (one, other, later)}) == 3


def test_times_stand_on_the_institutions_clock() -> None:
    """A receiver that overlooks the offset still shows the hospital's own time."""
    there = replace(outgoing().institution, time_zone="Asia/Shanghai")
    parsed = read(written(outgoing(institution=there)))
    assert str(parsed.segment("OBR")[22]) == "20260304140808.901+0800"
    assert str(read(written(outgoing())).segment("OBR")[22]) == "20260304060808.901+0000"


def test_before_the_signature_nobody_answers_for_it() -> None:
    report = replace(outgoing(), status=OutgoingStatus.PRELIMINARY, signed_at=None, content_sha="")
    parsed = read(written(report))
    obr = parsed.segment("OBR")
    assert str(obr[25]) == "P"
    assert str(obr[32]) == ""
    assert value(parsed, obr[33], 0, 1, 2) == report.author.name
    assert {str(obx[11]) for obx in parsed.segments("OBX")} == {"P"}
    assert [str(obx[5]) for obx in observations(parsed, "ai-mark")] == ["AI 生成", "AI-generated"]


def test_an_amendment_that_waits_for_review_is_no_message() -> None:
    waiting = replace(outgoing(), status=OutgoingStatus.PRELIMINARY, signed_at=None, version=2)
    with pytest.raises(ReportError) as raised:
        written(waiting)
    assert raised.value.code == "export_signed_version_stands"


def test_what_a_machine_began_says_so_and_names_the_model() -> None:
    parsed = read(written(outgoing()))
    marks = observations(parsed, "ai-mark")
    assert [str(obx[5]) for obx in marks] == [
        "AI 辅助，医师审核", "AI-assisted, reviewed by a physician",
    ]  # fmt: skip
    assert {str(obx[18]) for obx in marks} == {"starter@0123456789abcdef"}
    assert observations(read(written(outgoing(signed(origin=Origin.PERSON)))), "ai-mark") == []


@pytest.mark.parametrize("kind", AmendmentKind)
def test_amendment_and_addendum_send_the_whole_text_again_with_the_reason(
    kind: AmendmentKind,
) -> None:
    later = outgoing(signed(before=signed(), kind=kind))
    parsed = read(written(later))
    assert str(parsed.segment("OBR")[25]) == "C"
    assert texts(parsed, "59776-5", "zh") == plain(later.report.findings, "zh")
    [reason] = observations(parsed, kind)
    assert str(reason[5]) == "左右写反，更正。"
    [replaced] = observations(parsed, "superseded-hash")
    assert str(replaced[5]) == later.supersedes


def test_key_images_are_linked_only_where_an_address_is_known() -> None:
    report = outgoing()
    parsed = read(written(report))
    links = [value(parsed, obx[5], 0, 1) for obx in observations(parsed, "key-image")]
    uids = [image.reference.sop_instance_uid for image in report.key_images if image.reference]
    study = report.examination.study_uid
    assert links == [f"https://pacs.example/wado?study={study}&object={uid}&f=1" for uid in uids]
    bare = message(report, sending=SENDING, receiving=RECEIVING)
    assert observations(read(bare), "key-image") == []


def test_a_receiver_that_prints_every_line_gets_text_alone() -> None:
    sent = message(
        outgoing(), sending=SENDING, receiving=RECEIVING, contents=MessageContents(coded=False)
    )
    assert {str(obx[2]) for obx in read(sent).segments("OBX")} == {"FT", "ST"}


def test_a_chinese_name_is_ideographic_wherever_it_stood() -> None:
    both_groups = read(written(outgoing(number=4, examination=examination(4))))
    names = [[str(part) for part in name] for name in both_groups.segment("PID")[5]]
    assert [(name[0], name[1], name[7]) for name in names] == [
        ("魏", "植入", "I"),
        ("Wei", "Planted", "A"),
    ]
    alone = read(written(outgoing(number=1)))
    assert [str(part) for part in alone.segment("PID")[5][0]][7] == "I"


def test_a_prefix_and_a_suffix_change_places() -> None:
    """DICOM has the prefix first, HL7 the suffix."""
    patient = Patient("4711", "Family^Given^Middle^Dr.^Jr.", None, "M")
    parsed = read(written(outgoing(examination=examination(patient=patient))))
    parts = [str(part) for part in parsed.segment("PID")[5][0]]
    assert parts == ["Family", "Given", "Middle", "Jr.", "Dr.", "", "L", "A"]


@pytest.mark.parametrize(
    ("charset", "place"),
    [
        (Charset.ASCII, "MSH-4"),
        (Charset.GB2312, "PID-5"),
        (Charset.GBK, "PID-5"),
    ],
)
def test_a_name_that_the_charset_lacks_stops_the_document(charset: Charset, place: str) -> None:
    report = outgoing(number=3)
    with pytest.raises(ReportError) as raised:
        written(report, charset)
    assert raised.value.code == "export_character_unwritable"
    assert raised.value.details == {"place": place, "charset": str(charset)}
    assert "𠮷" not in str(raised.value)


def test_an_english_report_of_ascii_names_is_written_in_ascii() -> None:
    patient = Patient("4711", "Planted^Wei", None, "M")
    author = Person(outgoing().author.kind, "Lin", "a-1")
    report = replace(
        outgoing(
            signed(languages=("en",), reviewed=False),
            examination=examination(patient=patient, description="Chest PA"),
        ),
        author=author,
        amendment=None,
    )
    sent = message(
        report,
        sending=Application("RADRAFT"),
        receiving=Application("RIS"),
        charset=Charset.ASCII,
    )
    assert sent.isascii()
    assert b"|ASCII|" in sent


def test_gbk_is_declared_as_the_set_that_it_is_a_part_of() -> None:
    report = outgoing(number=2, examination=examination(patient=Patient("1", "魏^鎔", None, "M")))
    report = replace(report, author=replace(report.author, name="林"), reviewer=None)
    report = replace(report, report=replace(report.report, findings=(), impression=()), findings=())
    parsed = read(written(report, Charset.GBK), "gb18030")
    assert str(parsed.segment("MSH")[18]) == "GB 18030-2000"
    assert "鎔" in str(parsed.segment("PID")[5])


@pytest.mark.parametrize("number", ["", "  ", "UNKNOWN", "无"])
def test_a_report_without_a_patients_number_is_not_written(number: str) -> None:
    patient = Patient(number, "Planted^Wei", None, "M")
    with pytest.raises(ReportError) as raised:
        written(outgoing(examination=examination(patient=patient)))
    assert raised.value.code == "export_no_patient_number"


@given(any_text, any_text)
@example("a\r\nOBX|1|FT|b", "\x0b\x1c\r")
def test_no_text_breaks_a_segment_or_a_field(text: str, name: str) -> None:
    report = outgoing()
    sentence = Sentence("f1", both(text, text, Origin.PERSON))
    report = replace(
        report,
        report=replace(report.report, findings=(sentence,), impression=()),
        findings=(),
        author=Person(report.author.kind, name, "a-1"),
        reviewer=None,
        examination=examination(patient=Patient("4711", name.replace("=", ""), None, "")),
    )
    for charset in (Charset.UTF_8, Charset.GB18030):
        sent = written(report, charset)
        assert not set(sent) & ({*range(0x20)} - {0x0D})
        parsed = read(sent, charset)
        kinds = [str(segment[0]) for segment in parsed]
        assert kinds[:4] == ["MSH", "PID", "ORC", "OBR"]
        assert set(kinds[4:]) == {"OBX"}
        line = LINE_BREAKS.sub("\n", text)
        assert [texts(parsed, "59776-5", lang) for lang in LANGS] == [[line], [line]]
        obr = parsed.segment("OBR")
        assert value(parsed, obr[32], 0, 1, 2) == LINE_BREAKS.sub(" ", name)


def test_every_code_of_ours_has_names_in_both_languages_and_one_meaning() -> None:
    codes = terminology.own_codes()
    assert len({code.code for code in codes}) == len(codes)
    assert all(code.en and code.zh for code in codes)
    used = chain.from_iterable(statements(read(written(shape))) for shape in SHAPES[:20])
    questions = set(chain.from_iterable(used)) - {"121071"}
    assert questions <= {code.code for code in codes}
