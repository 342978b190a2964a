"""What a question takes for true, held against the report: technique, certainty, denial, change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from radraft.llm.asking.deciding import decide
from radraft.llm.asking.kinds import denies, says_it_is_so, states, tagged
from radraft.llm.asking.questions import read_question
from radraft.llm.asking.technique import not_done, technique_differs
from radraft.llm.asking.values import Kind, MetadataField, Outcome, Source, SourceSentence

A, C, U, N = (Outcome.ANSWERED, Outcome.CORRECTED, Outcome.UNCERTAIN, Outcome.NOT_MENTIONED)


def source(*sentences: tuple[str, str, str], technique: str, day: int = 9) -> Source:
    return Source(
        f"r{day}",
        datetime(2031, 3, day, 14, tzinfo=UTC),
        tuple(SourceSentence(key, zh, en) for key, zh, en in sentences),
        (
            (MetadataField.AUTHOR, "Ada Example"),
            (MetadataField.ORDERED_BY, "ICU Dr. Bell"),
            (MetadataField.PERFORMED_AT, "2031-03-09 14:05"),
            (MetadataField.TECHNIQUE, technique),
        ),
        "胸部 chest",
    )


REPORT = source(
    ("f1", "肝S6结节，17 mm。", "Nodule of liver segment 6, 17 mm."),
    ("f2", "可疑肋骨骨折。", "Suspected rib fracture."),
    ("f3", "右侧胸腔少量积液。", "Small right pleural effusion."),
    ("f4", "未见气胸。", "No pneumothorax."),
    ("f5", "尺骨隆突骨折可能。", "Possible fracture of the ulna."),
    (
        "a1",
        "补充：复阅前臂片，尺骨未见骨折。",
        "Addendum: forearm films read, no fracture of the ulna.",
    ),
    technique="1.5 T; T1, T2, STIR; unenhanced.",
)


@pytest.mark.parametrize(
    ("technique", "question", "differs"),
    [
        ("T1, T2, STIR.", "on the diffusion images, is it bright?", True),
        ("T1, T2, DWI.", "on the diffusion images, is it bright?", False),
        ("立位后前位，未拍侧位。", "侧位片上在哪", True),
        ("立位后前位及侧位。", "侧位片上在哪", False),
        ("Erect PA.", "where is it on the lateral?", True),
        ("Erect PA.", "is the lateral malleolus broken?", False),
        ("碘海醇90 mL，门脉期。", "打了造影剂吧", False),
        ("平扫，层厚1 mm。", "打了造影剂吧", True),
        ("Iohexol 300 by mouth, no barium.", "so barium was used, right?", True),
    ],
)
def test_a_technique_has_or_has_not_what_is_taken_for_done(
    technique: str, question: str, differs: bool
) -> None:
    assert not_done(question, technique) is differs


@pytest.mark.parametrize(
    ("question", "outcome"),
    [
        ("on the post-gad images, does the nodule enhance?", C),
        ("打了造影剂吧", C),
        ("was gadolinium given?", A),
        ("造影剂打了没", A),
    ],
)
def test_what_was_not_done_is_told_by_the_technique(question: str, outcome: Outcome) -> None:
    found = decide(question, REPORT, (), lang="en")
    assert found.outcome is outcome
    assert "technique" in [quote.part for quote in found.quotes]


def test_who_ordered_it_is_not_who_wrote_it() -> None:
    for question in ("哪个医生申请的", "哪位医生开的单子", "who requested it"):
        found = decide(question, REPORT, (), lang="zh")
        assert [quote.part for quote in found.quotes] == ["ordered_by"], question


def test_an_hour_is_held_against_that_of_the_examination() -> None:
    for question in ("是半夜两点做的CT吧", "so it was taken at 2 am, right?"):
        assert read_question(question).when.hour == 2, question
    assert decide("是半夜两点做的CT吧", REPORT, (), lang="zh").outcome is C
    assert decide("是下午两点做的CT吧", REPORT, (), lang="zh").outcome is A


@pytest.mark.parametrize(
    ("question", "outcome"),
    [
        ("肋骨骨折确诊了对吧", C),
        ("rib fracture confirmed, right?", C),
        ("肋骨骨折能确定吗", U),
        ("any rib fracture?", U),
        ("没有胸水对吧", C),
        ("no pleural effusion, right?", C),
        ("没有气胸是吧", A),
        ("no pneumothorax, right?", A),
    ],
)
def test_what_is_taken_for_sure_or_denied_is_held_against_the_report(
    question: str, outcome: Outcome
) -> None:
    assert decide(question, REPORT, (), lang="en").outcome is outcome


def test_a_chinese_question_of_a_verb_and_its_denial_is_a_question() -> None:
    for question in ("心脏大不大", "骨头断没断", "受压没有，看下", "invaded y/n"):
        assert not states(question) and not says_it_is_so(question) and not tagged(question)
    assert says_it_is_so("第3颗钉子断了")
    assert not read_question("is it on the right?").tag and read_question("a cyst, right?").tag
    assert denies("no gas, right?") and not denies("gas, isn't it?") and not denies("有没有气")


def test_an_addendum_counts_before_what_it_was_added_to() -> None:
    for question in ("尺骨有没有骨折", "is there a fracture of the ulna?"):
        found = decide(question, REPORT, (), lang="en")
        assert found.outcome is A
        assert found.quotes[0].part == "a1"


@pytest.mark.parametrize(
    "question", ["跟上次比肝结节大了没", "has the liver nodule grown since last year?"]
)
def test_a_change_is_not_answered_by_a_sentence_that_tells_of_none(question: str) -> None:
    assert decide(question, REPORT, (), lang="en").outcome is N
    earlier = source(
        ("f1", "肝S6结节，9 mm。", "Nodule of liver segment 6, 9 mm."), technique="T1.", day=2
    )
    found = decide(question, REPORT, (earlier,), lang="en")
    assert found.outcome is A
    assert {quote.source for quote in found.quotes} == {"r9", "r2"}


def test_a_report_is_asked_beside_a_decision() -> None:
    asked = read_question("有没有气胸，要不要插管")
    assert asked.kind is Kind.PRESENCE
    assert decide("有没有气胸，要不要插管", REPORT, (), lang="zh").outcome is A
    assert decide("今晚血压控制到多少，用什么药", REPORT, (), lang="zh").outcome is Outcome.REFUSED


def test_a_posture_is_that_of_the_technique() -> None:
    assert technique_differs(read_question("这张是站着拍的吧"), "Supine AP portable.")
    assert not technique_differs(read_question("这张是站着拍的还是躺着"), "Supine AP portable.")
