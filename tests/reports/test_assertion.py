from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given

from radraft.reports.assertion import (
    asserted,
    asserted_languages,
    asserted_report,
    in_languages,
    unasserted,
)
from radraft.reports.edits import Edit, edit_stats, report_distance, signed_edits
from radraft.reports.sign import sealed
from radraft.reports.values import (
    LANGS,
    Confirmation,
    ConfirmedLanguage,
    Lang,
    Origin,
    Report,
    Sentence,
    SignedReport,
    Wording,
)
from tests.builders import make_report, person
from tests.reports.strategies import signed_reports

WANG = person("王签名")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def signed(report: Report, *langs: Lang) -> SignedReport:
    return sealed(
        SignedReport(
            case_id=report.case_id,
            version=1,
            report=report,
            draft_sha=None,
            author=WANG,
            reviewer=None,
            signed_at=NOW,
            confirmed=tuple(ConfirmedLanguage(lang, WANG) for lang in langs),
            supersedes=None,
            content_sha="",
        )
    )


def mixed() -> Report:
    """A person's Chinese with a machine's English; a model's sentence; a template's, confirmed."""
    confirmation = Confirmation(WANG, NOW)
    return Report(
        "c-1",
        findings=(
            Sentence(
                "f1",
                (
                    Wording("zh", "右肺结节。", Origin.PERSON),
                    Wording("en", "Nodule in the right lung.", Origin.TRANSLATION),
                ),
            ),
            Sentence("f2", (Wording("zh", "未见气胸。", Origin.MODEL),)),
            Sentence("f3", (Wording("en", "The heart is normal.", Origin.TEMPLATE, confirmation),)),
        ),
        impression=(),
    )


@pytest.mark.parametrize("origin", Origin)
def test_only_a_persons_text_is_asserted_by_itself(origin: Origin) -> None:
    sentence = Sentence("f1", (Wording("zh", "右肺结节。", origin),))
    assert asserted(sentence, "zh") == (origin is Origin.PERSON)
    assert asserted(sentence, "zh", {"zh"})
    assert not asserted(sentence, "en", {"zh", "en"})
    confirmed = replace(sentence.wordings[0], confirmed=Confirmation(WANG, NOW))
    assert asserted(replace(sentence, wordings=(confirmed,)), "zh")


def test_sentences_of_a_machine_that_nobody_stands_for_are_named() -> None:
    assert unasserted(mixed()) == ("f1", "f2")


def test_text_that_nobody_asserted_is_left_out() -> None:
    report = asserted_report(signed(mixed()))
    assert [(s.id, s.zh, s.en) for s in report.findings] == [
        ("f1", "右肺结节。", ""),
        ("f3", "", "The heart is normal."),
    ]
    report = asserted_report(signed(mixed(), "zh"))
    assert [(s.id, s.zh, s.en) for s in report.findings] == [
        ("f1", "右肺结节。", ""),
        ("f2", "未见气胸。", ""),
        ("f3", "", "The heart is normal."),
    ]
    both = signed(mixed(), "zh", "en")
    assert asserted_report(both) == both.report


def test_languages_are_those_somebody_stands_for() -> None:
    drafted = make_report("c-1")
    assert asserted_languages(signed(drafted)) == ()
    assert asserted_report(signed(drafted)).sentences == ()
    assert asserted_languages(signed(drafted, "en")) == ("en",)
    assert asserted_languages(signed(mixed())) == LANGS


@given(signed_reports())
def test_every_text_left_is_asserted_and_every_text_taken_is_not(whole: SignedReport) -> None:
    confirmed = {language.lang for language in whole.confirmed}
    left = {s.id: s for s in asserted_report(whole).sentences}
    for sentence in whole.report.sentences:
        for wording in sentence.wordings:
            stays = asserted(sentence, wording.lang, confirmed)
            kept = left[sentence.id].wording(wording.lang) if sentence.id in left else None
            assert kept == (wording if stays else None)
    assert list(left) == [s.id for s in whole.report.sentences if s.id in left]


def test_edits_count_only_what_is_asserted_and_only_its_languages() -> None:
    drafted = make_report("c-1", 2, 0)
    reworded = replace(drafted.findings[0], wordings=(
        Wording("zh", "右肺结节。", Origin.PERSON), drafted.findings[0].wordings[1],
    ))  # fmt: skip
    report = replace(drafted, findings=(reworded, drafted.findings[1]))
    in_chinese = signed_edits(drafted, signed(report, "zh"))
    assert in_chinese.langs == ("zh",)
    assert [edit.edit for edit in in_chinese.sentences] == [Edit.CORRECTED, Edit.KEPT]
    assert in_chinese.distance_en == 0.0
    assert in_chinese.distance == in_chinese.distance_zh > 0
    whole = signed_edits(drafted, signed(report, "zh", "en"))
    assert whole == edit_stats(drafted, report)
    assert whole.distance == (whole.distance_zh + whole.distance_en) / 2
    assert report_distance(drafted, report, ("zh",)) == in_chinese.distance
    assert report_distance(drafted, report) == whole.distance


def test_a_report_in_one_language_keeps_its_sentences() -> None:
    drafted = make_report("c-1")
    english = in_languages(drafted, ("en",))
    assert [(s.id, s.zh, s.en) for s in english.sentences] == [
        (s.id, "", s.en) for s in drafted.sentences
    ]
    assert in_languages(drafted, LANGS) is drafted
