from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from radraft.reports.editing import RevisionConflict, WorkingReport
from radraft.reports.offered import OfferedText
from radraft.reports.values import Lang, Origin, Report, TemplateField
from radraft.store import offered, reports
from radraft.store.database import Store
from radraft.store.tables import OfferedTextRow
from tests.builders import actor, add_drafted, make_report, make_sentence

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
EN: frozenset[Lang] = frozenset({"en"})
NONE: frozenset[Lang] = frozenset()
LI = actor("李医生").who


@pytest.fixture
def case_id(store: Store) -> str:
    with store.begin() as session:
        return add_drafted(session)


def offer(case_id: str, text: str, sentence_id: str | None = None) -> OfferedText:
    place = TemplateField("chest@1", "lungs") if sentence_id is None else None
    return OfferedText(case_id, sentence_id, "en", text, Origin.TRANSLATION, "pairs", place)


def save(
    store: Store,
    report: Report,
    base: int,
    *,
    merge: bool = False,
    confirmed: Mapping[str, frozenset[Lang]] | None = None,
) -> WorkingReport:
    with store.begin() as session:
        return reports.save(
            session,
            report.case_id,
            report,
            base_revision=base,
            editor=LI,
            merge=merge,
            confirmed=confirmed or {},
        )


def test_an_offer_is_kept_once_and_found_where_its_text_stands(store: Store, case_id: str) -> None:
    texts = (offer(case_id, "A.", "f1"), offer(case_id, "B."), offer(case_id, "A.", "f1"))
    with store.begin() as session:
        other = add_drafted(session, 2)
        offered.add(session, texts, NOW)
        offered.add(session, texts[:1], NOW)
        offered.add(session, [offer(other, "Finding f1.")], NOW)
        offered.add(session, [], NOW)
    report = make_report(case_id)
    stands = replace(report, findings=(make_sentence("f1", "甲", "A."), *report.findings[1:]))
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(OfferedTextRow)) == 3
        assert offered.of_report(session, stands) == (texts[0],)
        assert offered.of_report(session, report) == ()


def test_what_no_report_can_hold_is_not_offered(store: Store, case_id: str) -> None:
    with pytest.raises(ValueError, match="as long"), store.begin() as session:
        offered.add(session, [offer(case_id, "x" * 2001)], NOW)


def test_an_offered_text_that_comes_back_is_the_machines_and_an_edited_one_its_persons(
    store: Store, case_id: str
) -> None:
    with store.begin() as session:
        offered.add(session, [offer(case_id, "Nodule.", "f1"), offer(case_id, "Line.")], NOW)
    report = make_report(case_id)
    first = report.findings[0].reworded(zh="结节。", en="Nodule.")
    line = make_sentence("t1", "行。", "Line.")
    saved = save(store, replace(report, findings=(first, line)), 1).report.findings
    assert [w.origin for w in saved[0].wordings] == [Origin.PERSON, Origin.TRANSLATION]
    assert [w.origin for w in saved[1].wordings] == [Origin.PERSON, Origin.TRANSLATION]
    assert saved[1].template_field == TemplateField("chest@1", "lungs")
    edited = replace(report, findings=(saved[0].reworded(en="A nodule."), saved[1]))
    after = save(store, edited, 2).report.findings
    assert [w.origin for w in after[0].wordings] == [Origin.PERSON, Origin.PERSON]
    undone = save(store, replace(report, findings=saved), 3).report.findings
    assert undone == saved


def test_a_confirmation_is_a_revision_and_the_same_again_is_none(
    store: Store, case_id: str
) -> None:
    report = make_report(case_id)
    saved = save(store, report, 1, confirmed={"f1": EN})
    given = saved.report.findings[0].wordings[1].confirmed
    assert given is not None and given.by == LI
    assert saved.revision == 2
    assert save(store, report, 2, confirmed={"f1": EN}) == saved
    assert save(store, report, 2) == saved
    assert save(store, report, 2, confirmed={"f1": NONE}).report == report


def test_a_confirmation_and_another_pages_words_are_put_together(
    store: Store, case_id: str
) -> None:
    report = make_report(case_id)
    confirmed = save(store, report, 1, confirmed={"f1": EN})
    reworded = report.findings[1].reworded(zh="改。")
    sent = replace(report, findings=(report.findings[0], reworded, report.findings[2]))
    # A page that knows of confirmations names all that it knows of: none, as it opened.
    none = {sentence.id: NONE for sentence in report.sentences}
    with pytest.raises(RevisionConflict):
        save(store, sent, 1, confirmed=none)
    both = save(store, sent, 1, confirmed=none, merge=True)
    assert both.report.findings[0] == confirmed.report.findings[0]
    assert both.report.findings[1].zh == "改。"
    taken_back = save(store, sent, 2, confirmed={"f1": NONE}, merge=True)
    assert taken_back.report.findings[0] == report.findings[0]
