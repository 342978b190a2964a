"""When a warning is the same warning, and what may be said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radraft.core.errors import ReportError
from radraft.reports.checks.values import Issue, Pointer, Severity
from radraft.reports.dismissal import (
    MAX_TEXT,
    DismissalReason,
    checked_text,
    dismissible,
    require_dismissible,
    warning_key,
    warning_texts,
)
from radraft.reports.values import Report
from tests.builders import make_report, make_sentence

CASE = "c-0123456789abcdef"
REPORT = make_report(CASE, findings=3, impression=1)
ISSUE = Issue(
    "side_mismatch",
    Severity.WARN,
    "f1",
    "zh",
    (Pointer("f1", "zh", 0, 2), Pointer("i1", "zh", 1, 3)),
)


def with_finding(place: int, **texts: str) -> Report:
    findings = list(REPORT.findings)
    findings[place] = findings[place].reworded(**texts)
    return replace(REPORT, findings=tuple(findings))


@pytest.mark.parametrize("texts", [{"zh": "所见f1。 "}, {"en": "Finding f1"}])
def test_a_warning_is_another_one_when_a_character_of_its_words_changes(
    texts: dict[str, str],
) -> None:
    assert warning_key(ISSUE, with_finding(0, **texts)) != warning_key(ISSUE, REPORT)


def test_a_warning_is_another_one_when_the_words_that_it_contradicts_change() -> None:
    (impression,) = REPORT.impression
    changed = replace(REPORT, impression=(impression.reworded(zh="别的。"),))
    assert warning_key(ISSUE, changed) != warning_key(ISSUE, REPORT)


def test_a_warning_is_the_same_whatever_becomes_of_other_sentences() -> None:
    key = warning_key(ISSUE, REPORT)
    assert warning_key(ISSUE, with_finding(1, zh="别的。")) == key
    assert warning_key(ISSUE, replace(REPORT, findings=REPORT.findings[:1])) == key


def test_what_is_deleted_and_typed_again_has_the_same_warning() -> None:
    first, *others = REPORT.findings
    again = replace(first, id="p-typedagain")
    typed = replace(REPORT, findings=(*others, again))
    issue = replace(
        ISSUE, sentence_id=again.id, at=(Pointer(again.id, "zh", 0, 2), Pointer("i1", "zh", 1, 3))
    )
    assert warning_key(issue, typed) == warning_key(ISSUE, REPORT)


@pytest.mark.parametrize(
    "other",
    [
        replace(ISSUE, code="number_mismatch"),
        replace(ISSUE, lang="en"),
        replace(ISSUE, at=(Pointer("f1", "zh", 1, 2), Pointer("i1", "zh", 1, 3))),
        replace(ISSUE, details={"side": "left"}),
    ],
)
def test_two_warnings_of_one_sentence_are_told_apart(other: Issue) -> None:
    assert warning_key(other, REPORT) != warning_key(ISSUE, REPORT)


def test_how_much_it_weighs_and_what_would_mend_it_make_no_other_warning() -> None:
    key = warning_key(ISSUE, REPORT)
    assert warning_key(replace(ISSUE, severity=Severity.HINT, mend="右"), REPORT) == key


def test_a_warning_of_the_whole_report_is_about_every_sentence() -> None:
    whole = Issue("impression_missing", Severity.WARN)
    assert warning_texts(whole, REPORT) == tuple((s.zh, s.en) for s in REPORT.sentences)
    assert warning_key(whole, with_finding(2, zh="别的。")) != warning_key(whole, REPORT)
    assert warning_texts(ISSUE, REPORT) == (
        ("所见f1。", "Finding f1."),
        ("所见i1。", "Finding i1."),
    )


def test_a_warning_that_points_at_no_sentence_of_the_report_still_has_a_key() -> None:
    lost = replace(ISSUE, sentence_id="gone", at=(Pointer("gone", "zh", 0, 1),))
    empty = Report(CASE, (), ())
    assert len(warning_key(lost, REPORT)) == len(warning_key(lost, empty)) == 64
    unwritten = replace(REPORT, findings=(replace(make_sentence("f1"), wordings=()),))
    assert len(warning_key(ISSUE, unwritten)) == 64


def test_what_blocks_is_mended_and_never_dismissed() -> None:
    assert [dismissible(replace(ISSUE, severity=severity)) for severity in Severity] == [
        False,
        True,
        True,
    ]
    require_dismissible(ISSUE)
    with pytest.raises(ReportError, match="warning_not_dismissible"):
        require_dismissible(replace(ISSUE, severity=Severity.BLOCK))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (" ", "dismissal_text_missing"),
        ("字" * (MAX_TEXT + 1), "dismissal_text_too_long"),
        ("a\u202eb", "character_refused"),
    ],
)
def test_another_reason_needs_words_that_can_be_read(text: str, code: str) -> None:
    with pytest.raises(ReportError, match=code):
        checked_text(DismissalReason.OTHER, text)


def test_only_another_reason_has_words_of_its_own() -> None:
    assert checked_text(DismissalReason.OTHER, f" {'字' * MAX_TEXT} ") == "字" * MAX_TEXT
    assert checked_text(DismissalReason.NOT_APPLICABLE, "ignored") == ""
