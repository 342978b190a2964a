from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from radraft.reports.checks.run import proofread
from radraft.reports.checks.sizes import numbers
from radraft.reports.checks.support import kept
from radraft.reports.checks.values import Severity
from radraft.reports.draft import Draft
from radraft.reports.skeleton import skeleton
from radraft.reports.values import Evidence, Origin, Report, Sentence
from tests.builders import make_draft, make_report, make_sentence, of_origin


def codes(zh: str, en: str) -> list[str]:
    report = Report("c-1", (make_sentence("f1", zh or " ", en or " "),), ())
    return [issue.code for issue in proofread(report) if issue.sentence_id == "f1"]


def test_a_sound_report_has_no_issues() -> None:
    assert proofread(make_report("c-1")) == ()


def test_an_empty_report_blocks() -> None:
    blank = Report("c-1", (make_sentence("f1", " ", "\n"),), ())
    for report in (skeleton("c-1"), blank):
        (issue,) = proofread(report)
        assert (issue.code, issue.severity, issue.sentence_id) == (
            "report_empty",
            Severity.BLOCK,
            None,
        )
        assert issue.message_zh
        assert issue.message_en


AGREE = [
    ("左肺下叶渗出。", "Opacity in the left lower lobe."),
    ("双肺清晰。", "The lungs are clear."),
    ("双侧胸腔积液。", "Bilateral pleural effusions."),
    ("两肺纹理增多。", "Increased markings in both lungs."),
    ("左、右膈面光滑。", "Left and right diaphragms are smooth."),
    ("两处结节。", "Two nodules."),
    ("左肺结节，约5mm左右。", "A nodule of about 5 mm in the left lung."),
    ("结节大小约1.2cm。", "Nodule measuring 12 mm."),
    ("大小1.2×3.4厘米。", "Size 12 x 34 mm."),
    ("第4肋骨折。", "Fracture of the fourth rib."),
    ("第四肋骨折。", "Fracture of rib 4."),
    ("T12压缩。", "Compression of T12."),
    ("心胸比0.50。", "Cardiothoracic ratio 0.5."),
]


@pytest.mark.parametrize(("zh", "en"), AGREE)
def test_languages_that_agree(zh: str, en: str) -> None:
    assert codes(zh, en) == []


DIFFER = [
    ("左肺结节。", "Nodule in the right lung.", "side_mismatch"),
    ("左肺结节。", "Nodule in the lung.", "side_mismatch"),
    ("肺结节。", "Nodule in the Left lung.", "side_mismatch"),
    ("双侧积液。", "Left effusion.", "side_mismatch"),
    ("右侧积液。", "Bilateral effusion.", "side_mismatch"),
    ("结节5mm。", "A nodule of 6 mm.", "number_mismatch"),
    ("结节5cm。", "A nodule of 5 mm.", "number_mismatch"),
    ("结节。", "A nodule of 6 mm.", "number_mismatch"),
    ("大小12×34mm。", "Size 12 mm.", "number_mismatch"),
    ("第4肋骨折。", "Fracture of the fifth rib.", "number_mismatch"),
    ("正常。", "", "language_missing"),
    ("", "Normal.", "language_missing"),
]


@pytest.mark.parametrize(("zh", "en", "code"), DIFFER)
def test_languages_that_differ_are_told(zh: str, en: str, code: str) -> None:
    assert codes(zh, en) == [code]
    report = Report("c-1", (make_sentence("f1", zh or " ", en or " "),), ())
    # A signature waits for what the languages contradict, not for a language.
    blocks = code != "language_missing"
    assert proofread(report)[0].severity is (Severity.BLOCK if blocks else Severity.WARN)


@pytest.mark.parametrize(
    "zh", ["心影____。", "大小{size}。", "【】", "[ ]mm", "[...]", "位于＿＿", "???", "【 】侧"]
)
def test_a_blank_of_a_template_blocks(zh: str) -> None:
    report = Report("c-1", (make_sentence("f1", zh, "Text."),), ())
    issue = next(issue for issue in proofread(report) if issue.code == "sentence_unfilled")
    assert (issue.severity, issue.sentence_id, issue.lang) == (Severity.BLOCK, "f1", "zh")


def test_a_sentence_without_text_blocks() -> None:
    report = Report("c-1", (make_sentence("f1", " ", " "), make_sentence("f2")), ())
    assert [(issue.code, issue.severity) for issue in proofread(report)] == [
        ("sentence_empty", Severity.BLOCK)
    ]


def test_a_repeated_sentence_of_one_section_is_a_warning() -> None:
    first = make_sentence("f1", "心影不大。", "Heart size is normal.")
    again = make_sentence("f2", "心影不大", "The heart is of normal size.")
    english = make_sentence("f3", "心脏大小正常。", "heart size is normal")
    report = Report("c-1", (first, again, english), (make_sentence("i1", first.zh, first.en),))
    assert [(issue.code, issue.sentence_id) for issue in proofread(report)] == [
        ("sentence_repeated", "f2"),
        ("sentence_repeated", "f3"),
    ]


def seen(key: str, *supports: float | None) -> Sentence:
    """A drafted sentence with the support of each of its images."""
    return make_sentence(key, evidence=tuple(Evidence("a" * 64, support) for support in supports))


def limited(report: Report, least: float = 1.0) -> Draft:
    return make_draft("c-1", report, least_support=least)


def marked(report: Report, draft: Draft) -> list[str | None]:
    issues = proofread(report, draft=draft)
    return [issue.sentence_id for issue in issues if issue.code == "sentence_not_supported"]


def test_a_finding_with_less_support_is_marked_and_blocks() -> None:
    findings = (seen("f1", 1.0), seen("f2", 0.99), seen("f3", -3.0, 2.0), seen("f4", None))
    report = Report("c-1", findings, ())
    (issue,) = proofread(report, draft=limited(report))
    assert (issue.code, issue.severity, issue.sentence_id) == (
        "sentence_not_supported",
        Severity.BLOCK,
        "f2",
    )
    assert proofread(report) == proofread(report, draft=make_draft("c-1", report)) == ()


def test_an_impression_stands_with_the_findings_it_may_follow_from() -> None:
    weak, strong = seen("f1", 0.0), seen("f2", 5.0)
    impression = (seen("i1", 0.0), seen("i2", 5.0))
    drafted = Report("c-1", (weak, strong), impression)
    draft = limited(drafted)
    assert marked(drafted, draft) == ["f1", "i1"]
    # Who deletes the finding is still asked about the impression.
    assert marked(replace(drafted, findings=(strong,)), draft) == ["i1"]
    assert marked(replace(drafted, findings=()), draft) == ["i1"]
    for settled in (replace(weak, kept=True), replace(weak.reworded(zh="改"), evidence=())):
        assert marked(replace(drafted, findings=(settled, strong)), draft) == []
    sound = replace(drafted, findings=(strong,))
    assert marked(sound, limited(sound)) == []


def test_keeping_settles_what_is_marked_and_nothing_else() -> None:
    unfilled = seen("f1", 5.0).reworded(zh="心影____。", en="The heart.")
    report = Report("c-1", (unfilled, seen("f2", 0.0)), (seen("i1", 5.0),))
    after = kept(report, proofread(report, draft=limited(report)))
    assert [sentence.kept for sentence in after.sentences] == [False, True, False]
    assert [one.code for one in proofread(after, draft=limited(report))] == ["sentence_unfilled"]


@given(supports=st.lists(st.floats(-50, 50), min_size=1, max_size=6), least=st.floats(-50, 50))
def test_more_support_is_never_worse(supports: list[float], least: float) -> None:
    def report(more: float) -> Report:
        findings = (seen(f"f{n}", one + more) for n, one in enumerate(supports))
        return Report("c-1", tuple(findings), (seen("i1", supports[0] + more),))

    less, more = report(0.0), report(3.0)
    assert set(marked(more, limited(more, least))) <= set(marked(less, limited(less, least)))
    settled = kept(less, proofread(less, draft=limited(less, least)))
    assert marked(settled, limited(less, least)) == []


def test_a_draft_that_was_not_measured_is_said_so() -> None:
    drafted = Report("c-1", (seen("f1", None),), (make_sentence("i1"),))
    (issue,) = proofread(drafted, draft=limited(drafted))
    assert (issue.code, issue.severity, issue.sentence_id) == (
        "support_not_measured",
        Severity.WARN,
        None,
    )
    assert proofread(drafted) == ()
    written = Report("c-1", (make_sentence("p1", origin=Origin.PERSON),), ())
    assert proofread(written, draft=limited(drafted)) == ()


@given(value=st.integers(13, 9999))
def test_a_length_is_the_same_in_either_unit(value: int) -> None:
    assert numbers(f"{value / 10} cm") == numbers(f"{value}mm") == {float(value)}


@given(zh=st.text(max_size=40), en=st.text(max_size=40))
def test_any_text_can_be_checked(zh: str, en: str) -> None:
    for issue in proofread(Report("c-1", (make_sentence("f1", zh, en),), ())):
        assert issue.message_zh
        assert issue.message_en


@pytest.mark.parametrize(
    ("zh", "en"),
    [
        ("肺内残留实变影。", "Residual consolidation is seen in the lung."),
        ("肺实变较前吸收。", "Lung consolidation is present."),
        ("可见肺实变。", "Consolidation has increased."),
    ],
)
def test_a_model_that_saw_no_earlier_examination_may_not_compare_with_one(zh: str, en: str) -> None:
    drafted = make_sentence("f1", zh, en)
    by_person = of_origin(drafted, Origin.PERSON)

    def of(sentence: Sentence) -> list[tuple[str, Severity, str | None]]:
        found = proofread(Report("c-1", (sentence,), (make_sentence("i1"),)))
        return [(one.code, one.severity, one.sentence_id) for one in found]

    assert ("prior_not_given", Severity.WARN, "f1") in of(drafted)
    assert not [code for code, *_ in of(by_person) if code == "prior_not_given"]
