"""Who wrote a text, and who stands for it: what a save may claim and what it may not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from radraft.reports import codec, editing
from radraft.reports.assertion import asserted
from radraft.reports.diff import Kind, diff
from radraft.reports.editing import Confirming, WorkingReport
from radraft.reports.merging import merged
from radraft.reports.offered import OfferedText
from radraft.reports.values import (
    LANGS,
    Confirmation,
    Lang,
    Origin,
    Report,
    ReportState,
    Sentence,
    TemplateField,
    Wording,
)
from tests.builders import make_report, make_sentence, person
from tests.reports.strategies import reports

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LI, WANG = person("李医生"), person("王医生")
BOTH = frozenset(LANGS)


def working(report: Report) -> WorkingReport:
    return WorkingReport("c-1", report, 1, ReportState.WRITING, None, NOW, 0)


def edited(before: Report, after: Report, **known: object) -> Report:
    return editing.edited(working(before), after, **{"drafted": (), **known})  # type: ignore[arg-type]


def confirming(languages: Mapping[str, frozenset[Lang]], by: object = LI) -> Confirming:
    return Confirming(languages, by, NOW)  # type: ignore[arg-type]


def offer(text: str, sentence_id: str | None = "f1", **changes: object) -> OfferedText:
    values: dict[str, object] = {"origin": Origin.TRANSLATION, "source": "pairs"} | changes
    return OfferedText("c-1", sentence_id, "en", text, **values)  # type: ignore[arg-type]


def unconfirmed(report: Report) -> Report:
    def bare(sentences: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
        return tuple(
            replace(s, wordings=tuple(replace(w, confirmed=None) for w in s.wordings))
            for s in sentences
        )

    return replace(report, findings=bare(report.findings), impression=bare(report.impression))


BASE = make_report("c-1")


def test_a_text_that_was_offered_keeps_its_origin() -> None:
    written = make_sentence("f1", "右肺结节。", "Nodule in the right lung.", origin=Origin.PERSON)
    sent = replace(BASE, findings=(written, *BASE.findings[1:]))
    after = edited(BASE, sent, offered=[offer("Nodule in the right lung.")]).findings[0]
    assert [w.origin for w in after.wordings] == [Origin.PERSON, Origin.TRANSLATION]
    assert asserted(after, "zh") and not asserted(after, "en")


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [offer("Nodule in the right lung")],
        [offer("Nodule in the right lung.", "f2")],
        [replace(offer("Nodule in the right lung."), lang="zh")],
    ],
    ids=["nothing", "other words", "another sentence's", "another language's"],
)
def test_a_text_that_was_never_offered_is_its_persons(texts: list[OfferedText]) -> None:
    claimed = make_sentence(
        "f1", "右肺结节。", "Nodule in the right lung.", origin=Origin.TRANSLATION
    )
    sent = replace(BASE, findings=(claimed, *BASE.findings[1:]))
    after = edited(BASE, sent, offered=texts).findings[0]
    assert [w.origin for w in after.wordings] == [Origin.PERSON, Origin.PERSON]


def test_a_persons_text_stays_his_when_a_machine_offers_the_same() -> None:
    his = make_sentence("f1", "右肺结节。", "Nodule.", origin=Origin.PERSON)
    before = replace(BASE, findings=(his,))
    assert edited(before, before, offered=[offer("Nodule.")]) == before


def test_a_templates_line_brings_its_place_and_keeps_it_when_it_is_edited() -> None:
    place = TemplateField("chest@1", "lungs/right")
    line = offer("Clear lungs.", None, origin=Origin.TEMPLATE, template_field=place)
    added = Sentence("t1", (Wording("en", "Clear lungs.", Origin.PERSON),))
    before = edited(BASE, replace(BASE, impression=(added,)), offered=[line])
    assert before.impression[0].template_field == place
    assert before.impression[0].origin is Origin.TEMPLATE
    reworded = before.impression[0].reworded(en="Clear right lung.")
    after = edited(before, replace(before, impression=(reworded,)))
    assert after.impression[0].template_field == place
    assert after.impression[0].origin is Origin.PERSON


def test_what_nobody_can_offer() -> None:
    for changes in ({"origin": Origin.PERSON}, {"source": ""}, {"source": "x" * 129}):
        with pytest.raises(ValueError, match="offered"):
            offer("a", **changes)
    with pytest.raises(ValueError, match="offered"):
        offer("")


def test_a_confirmed_text_is_asserted_and_stays_with_who_confirmed_it_first() -> None:
    first = edited(BASE, BASE, confirming=confirming({"f1": frozenset({"en"})}))
    assert first.findings[0].wordings[1].confirmed == Confirmation(LI, NOW)
    assert asserted(first.findings[0], "en") and not asserted(first.findings[0], "zh")
    later = Confirming({"f1": BOTH}, WANG, NOW + timedelta(minutes=1))
    second = edited(first, BASE, confirming=later)
    assert [w.confirmed and w.confirmed.by for w in second.findings[0].wordings] == [WANG, LI]
    assert [change.kind for change in diff(first, second)] == [Kind.CONFIRMED]


def test_a_confirmation_is_taken_back_by_name_and_stays_without_a_word() -> None:
    before = edited(BASE, BASE, confirming=confirming({"f1": BOTH, "f2": BOTH}))
    after = edited(before, BASE, confirming=confirming({"f1": frozenset()}))
    assert not asserted(after.findings[0], "zh")
    assert after.findings[1] == before.findings[1]


def test_new_words_are_not_confirmed_and_a_persons_own_need_no_confirmation() -> None:
    before = edited(BASE, BASE, confirming=confirming({"f1": BOTH}))
    sent = replace(BASE, findings=(BASE.findings[0].reworded(en="New."), *BASE.findings[1:]))
    after = edited(before, sent, confirming=confirming({"f1": BOTH}))
    zh, en = after.findings[0].wordings
    assert (zh.confirmed, en.origin, en.confirmed) == (Confirmation(LI, NOW), Origin.PERSON, None)


@pytest.mark.slow
@given(before=reports(), sent=reports(), claims=reports())
def test_no_client_makes_a_machines_words_of_its_own_or_a_confirmation(
    before: Report, sent: Report, claims: Report
) -> None:
    known = {(s.id, w.lang, w.text): w for s in before.sentences for w in s.wordings}
    for sentence in edited(before, sent, offered=[]).sentences:
        for wording in sentence.wordings:
            found = known.get((sentence.id, wording.lang, wording.text))
            assert wording == (found or Wording(wording.lang, wording.text, Origin.PERSON))


@pytest.mark.slow
@given(report=reports(), data=st.data())
def test_a_save_confirms_what_it_names_and_the_same_save_again_changes_nothing(
    report: Report, data: st.DataObject
) -> None:
    chosen = {
        s.id: frozenset(lang for lang in LANGS if data.draw(st.booleans()))
        for s in report.sentences
        if data.draw(st.booleans())
    }
    after = edited(report, report, confirming=confirming(chosen))
    for was, now in zip(report.sentences, after.sentences, strict=True):
        for before, wording in zip(was.wordings, now.wordings, strict=True):
            assert (before.text, before.origin) == (wording.text, wording.origin)
            if was.id not in chosen:
                assert wording == before
            else:
                stands = wording.lang in chosen[was.id] and wording.origin is not Origin.PERSON
                assert (wording.confirmed is not None) == stands
    assert edited(after, report, confirming=confirming(chosen, WANG)) == after


@pytest.mark.slow
@given(report=reports())
def test_a_page_says_what_is_confirmed_and_sends_it_back(report: Report) -> None:
    form = codec.edit_form(report)
    for sentence in (*form["findings"], *form["impression"]):
        sentence["confirm"] = sentence["confirmed"]
    sent = codec.sent_from_json(json.dumps(form))
    assert sent.confirmed == editing.confirmed_texts(report)
    assert editing.confirmed_texts(sent.report) == {s.id: frozenset() for s in report.sentences}
    his = [s for s in report.sentences if any(w.origin is Origin.PERSON for w in s.wordings)]
    after = edited(report, sent.report, confirming=confirming(sent.confirmed))
    for sentence in after.sentences:
        if sentence.id not in {s.id for s in his}:
            assert sentence in report.sentences


@pytest.mark.slow
@given(base=reports(), data=st.data())
def test_two_pages_keep_every_confirmation_and_every_one_taken_back(
    base: Report, data: st.DataObject
) -> None:
    def page(by: object) -> Report:
        chosen = {
            s.id: frozenset(lang for lang in LANGS if data.draw(st.booleans()))
            for s in base.sentences
        }
        return edited(base, base, confirming=confirming(chosen, by))

    mine, theirs = page(LI), page(WANG)
    found = merged(base, mine, theirs)
    assert found is not None
    was, my, their, now = map(editing.confirmed_texts, (base, mine, theirs, found))
    for key in was:
        for lang in LANGS:
            states = [lang in state[key] for state in (was, my, their, now)]
            changed = states[1] if states[1] != states[0] else states[2]
            assert states[3] == changed
    assert unconfirmed(found) == unconfirmed(theirs)


@pytest.mark.slow
@given(base=reports())
def test_one_page_confirms_what_the_other_rewords_and_the_new_words_are_not_confirmed(
    base: Report,
) -> None:
    mine = edited(base, base, confirming=confirming({s.id: BOTH for s in base.sentences}))
    new = tuple(s.reworded(zh="新写") for s in base.findings)
    theirs = edited(base, replace(base, findings=new))
    found = merged(base, mine, theirs)
    assert found is not None
    for was, now in zip(base.findings, found.findings, strict=True):
        zh, en = now.wording("zh"), now.wording("en")
        assert zh is not None and zh.text == "新写"
        if was.zh != "新写":
            assert (zh.origin, zh.confirmed) == (Origin.PERSON, None)
        if en is not None:
            assert (en.confirmed is not None) == (en.origin is not Origin.PERSON)
