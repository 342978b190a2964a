"""A composed report states what is seen, exactly that, and the same in both languages."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings, strategies as st

from radraft.core.errors import TrainingError
from radraft.finetune.export import target_text
from radraft.finetune.starter.compose import MOST_FINDINGS, NO_FINDING, bank, compose
from radraft.finetune.starter.values import Pair, Seen
from radraft.llm.stream import ReportReader
from radraft.reports.findings import english
from radraft.reports.findings.extract import claims_prior, extract, labelled
from radraft.reports.findings.schemes import scheme
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import Certainty, Lang, Report
from tests.finetune.starter.test_sentences import LANGS, assert_fits
from tests.scale import scaled

CODES = tuple(bank().findings)
SEEN = st.dictionaries(st.sampled_from((*CODES, NO_FINDING)), st.sampled_from(Seen))
DRAWS = st.integers(0, 2**32 - 1).map(random.Random)
CHILD_NORMAL = {"pneumonia": Seen.ABSENT, "lung_opacity": Seen.ABSENT}
CHILD_ILL = {"pneumonia": Seen.STATED, "lung_opacity": Seen.STATED}
ADULT_NORMAL = dict.fromkeys([code for code in CODES if code != "lung_opacity"], Seen.ABSENT) | {
    NO_FINDING: Seen.STATED
}


def _text(report: Report, lang: Lang) -> str:
    return ("" if lang == "zh" else " ").join(
        getattr(sentence, lang) for sentence in report.sentences
    )


def _said(seen: dict[str, Seen]) -> dict[str, Seen]:
    """What a report of any length says of `seen`: `no_finding` only where nothing is seen."""
    findings = {code: kind for code, kind in seen.items() if code != NO_FINDING}
    normal = seen.get(NO_FINDING, Seen.ABSENT) is not Seen.ABSENT
    if normal and set(findings.values()) <= {Seen.ABSENT}:
        findings[NO_FINDING] = Seen.STATED
    return findings


def _read(report: Report, lang: Lang) -> dict[str, Certainty]:
    found: dict[str, Certainty] = {}
    for one in extract(_text(report, lang), lang):
        code = counted_as(one.code)
        assert found.setdefault(code, one.polarity) is one.polarity, _text(report, lang)
        assert (one.laterality, one.anatomy, one.change) == (None, None, None)
    return found


def _certainty(seen: Seen) -> Certainty:
    return Certainty.ABSENT if seen is Seen.ABSENT else Certainty.PRESENT


@pytest.mark.slow
@settings(max_examples=scaled(300, full=1500), deadline=None)
@given(SEEN, DRAWS)
def test_the_text_of_either_language_says_what_is_seen_and_nothing_else(
    seen: dict[str, Seen], draw: random.Random
) -> None:
    report = compose(seen, draw)
    intended = {code: _certainty(kind) for code, kind in _said(seen).items()}
    zh, en = _read(report, "zh"), _read(report, "en")
    assert zh == en
    assert zh.items() <= intended.items()
    if len(report.findings) < MOST_FINDINGS:
        assert zh == intended
    positive = [code for code in CODES if intended.get(code) is Certainty.PRESENT]
    assert len(positive) > MOST_FINDINGS or set(positive) <= zh.keys()
    for lang in LANGS:
        assert labelled(_text(report, lang), lang, scheme("nih14")) == {
            label.name: zh[code]
            for label in scheme("nih14").labels
            for code in label.codes & zh.keys()
        }
        assert not claims_prior(_text(report, lang), lang)


@settings(max_examples=scaled(100, full=500), deadline=None)
@given(SEEN, DRAWS)
def test_a_finding_is_hedged_exactly_where_it_is_suggested(
    seen: dict[str, Seen], draw: random.Random
) -> None:
    report = compose(seen, draw)
    for statement in english.statements(_text(report, "en")):
        suggested = seen[counted_as(statement.mention.code)] is Seen.SUGGESTED
        if statement.mention.code != NO_FINDING:
            assert (statement.hedge.name == "SUGGESTED") is suggested
    for part in re.split("[；。]", _text(report, "zh")):
        for mention in extract(part, "zh"):
            suggested = seen[counted_as(mention.code)] is Seen.SUGGESTED
            if mention.code != NO_FINDING:
                assert ("提示" in part) is suggested, part


@settings(max_examples=scaled(100, full=500), deadline=None)
@given(SEEN, DRAWS)
def test_the_report_has_the_form_of_a_draft(seen: dict[str, Seen], draw: random.Random) -> None:
    report = compose(seen, draw)
    assert 1 <= len(report.findings) <= MOST_FINDINGS
    assert len(report.impression) == 1
    ids = [sentence.id for sentence in report.sentences]
    assert ids == [f"f{n}" for n in range(1, len(report.findings) + 1)] + ["i1"]
    for lang in LANGS:
        texts = [getattr(finding, lang) for finding in report.findings]
        assert len(set(texts)) == len(texts)
    for sentence in report.sentences:
        assert_fits(Pair(sentence.zh, sentence.en))
    reader = ReportReader()
    pairs = [(pair.zh, pair.en) for _, pair in reader.feed(target_text(report))]
    reader.finish()
    assert pairs == [(sentence.zh, sentence.en) for sentence in report.sentences]


@settings(max_examples=scaled(100, full=500), deadline=None)
@given(SEEN, DRAWS)
def test_findings_are_in_reading_order_and_the_impression_names_the_most_important(
    seen: dict[str, Seen], draw: random.Random
) -> None:
    report = compose(seen, draw)
    there = [code for code in CODES if seen.get(code, Seen.ABSENT) is not Seen.ABSENT]
    spoken = [
        min(CODES.index(counted_as(mention.code)) for mention in mentions)
        for sentence in report.findings
        if (mentions := [m for m in extract(sentence.en, "en") if m.code != NO_FINDING])
    ]
    assert spoken == sorted(spoken)
    subjects = there or [code for code in CODES if seen.get(code) is Seen.ABSENT]
    if "pneumonia" in subjects and "lung_opacity" in subjects:
        subjects.remove("lung_opacity")
    subjects.sort(key=bank().importance.index)
    subjects[3:] = []
    subjects.sort(key=lambda code: [Seen.STATED, Seen.SUGGESTED, Seen.ABSENT].index(seen[code]))
    if not there and NO_FINDING in seen:
        subjects = [] if seen[NO_FINDING] is Seen.ABSENT else [NO_FINDING]
    for lang in LANGS:
        named = extract(getattr(report.impression[0], lang), lang)
        assert [counted_as(one.code) for one in named] == subjects


@given(SEEN, st.integers())
def test_the_same_seed_gives_the_same_report(seen: dict[str, Seen], seed: int) -> None:
    again = dict(reversed(seen.items()))
    assert compose(seen, random.Random(seed)) == compose(again, random.Random(seed))


def test_other_draws_give_other_wordings_of_the_same() -> None:
    seen = {"pneumothorax": Seen.STATED, "pulmonary_nodule": Seen.SUGGESTED}
    reports = {compose(seen, random.Random(seed)) for seed in range(100)}
    assert len(reports) == 2 * 2 * 2


def _only(seen: dict[str, Seen]) -> list[tuple[set[str], set[str]]]:
    """The codes of the findings and of the impression, over some draws."""
    reports = [compose(seen, random.Random(seed)) for seed in range(20)]
    return [
        (
            {counted_as(one.code) for text in report.findings for one in extract(text.zh, "zh")},
            {counted_as(one.code) for text in report.impression for one in extract(text.zh, "zh")},
        )
        for report in reports
    ]


@pytest.mark.parametrize("seen", [CHILD_NORMAL, CHILD_ILL])
def test_a_child_has_the_opacity_in_findings_and_the_pneumonia_in_the_impression(
    seen: dict[str, Seen],
) -> None:
    assert _only(seen) == [({"lung_opacity"}, {"pneumonia"})] * 20


def test_a_normal_adult_is_told_normal_once() -> None:
    assert _only(ADULT_NORMAL) == [({*CODES} - {"lung_opacity"}, {NO_FINDING})] * 20


def test_an_adult_with_the_normal_label_alone_is_told_nothing_but_that() -> None:
    assert _only({NO_FINDING: Seen.STATED}) == [({NO_FINDING}, {NO_FINDING})] * 20


def test_a_finding_outweighs_the_normal_label() -> None:
    seen = {NO_FINDING: Seen.STATED, "cardiomegaly": Seen.SUGGESTED}
    assert _only(seen) == [({"cardiomegaly"}, {"cardiomegaly"})] * 20


def test_an_abnormal_image_without_a_finding_to_name_is_not_told_normal() -> None:
    seen = {NO_FINDING: Seen.ABSENT, "pneumothorax": Seen.ABSENT}
    assert _only(seen) == [({"pneumothorax"}, set())] * 20
    report = compose(seen, random.Random(0))
    assert "abnormal" in report.impression[0].en
    assert "异常" in report.impression[0].zh


def test_an_image_that_shows_nothing_has_one_fixed_report() -> None:
    reports = {compose({}, random.Random(seed)) for seed in range(20)}
    (report,) = reports
    assert [len(report.findings), len(report.impression)] == [1, 1]
    for lang in LANGS:
        assert extract(_text(report, lang), lang) == ()
    assert all("不足以" in sentence.zh for sentence in report.sentences)


def test_of_too_many_findings_the_absent_ones_are_left_out_first_then_the_least_important() -> None:
    seen = dict.fromkeys(bank().importance[-MOST_FINDINGS:], Seen.STATED)
    seen["pneumothorax"] = Seen.ABSENT
    assert _only(seen)[0][0] == set(bank().importance[-MOST_FINDINGS:])
    seen["pneumothorax"] = Seen.SUGGESTED
    assert _only(seen)[0][0] == {"pneumothorax", *bank().importance[-MOST_FINDINGS:-1]}


def test_a_finding_without_sentences_is_refused() -> None:
    with pytest.raises(TrainingError, match="tuberculosis") as caught:
        compose({"tuberculosis": Seen.ABSENT}, random.Random(0))
    assert caught.value.code == "training_finding_without_sentences"
