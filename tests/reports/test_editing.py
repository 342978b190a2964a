from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from radraft.core.errors import NotFound, ReportError
from radraft.core.settings import Settings
from radraft.reports.diff import Kind
from radraft.reports.editing import RevisionConflict, WorkingReport
from radraft.reports.values import Evidence, Origin, Report, ReportState, Sentence, Wording, both
from radraft.store import report_steps, reports
from radraft.store.database import Store
from radraft.store.signatures import sign
from radraft.store.tables import RevisionRow
from tests import children
from tests.builders import add_drafted, make_report, make_sentence, of_origin, person
from tests.scale import on_both

pytestmark = on_both(
    "test_of_processes_saving_at_once_one_wins",
    "test_every_save_is_a_revision",
    "test_a_signed_report_is_edited_only_after_amending",
)


def save(store: Store, report: Report, base: int, editor: str = "李医生") -> WorkingReport:
    with store.begin() as session:
        return reports.save(
            session, report.case_id, report, base_revision=base, editor=person(editor)
        )


def current(store: Store, case_id: str) -> WorkingReport:
    with store.read() as session:
        return reports.current(session, case_id)


@pytest.fixture
def case_id(store: Store) -> str:
    with store.begin() as session:
        return add_drafted(session)


def reworded(report: Report, key: str, zh: str, **changes: Any) -> Report:
    def change(sentences: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
        return tuple(
            replace(sentence.reworded(zh=zh), **changes) if sentence.id == key else sentence
            for sentence in sentences
        )

    return replace(report, findings=change(report.findings), impression=change(report.impression))


def test_every_save_is_a_revision(store: Store, case_id: str) -> None:
    before = datetime.now(UTC)
    first = save(store, reworded(make_report(case_id), "f1", "一"), 1)
    second = save(store, reworded(first.report, "f2", "二"), 2, "赵医生")
    assert (first.revision, first.state, first.editor) == (
        2,
        ReportState.WRITING,
        person("李医生"),
    )
    assert (second.revision, second.editor) == (3, person("赵医生"))
    assert before <= first.saved_at <= second.saved_at
    assert current(store, case_id) == second
    with store.read() as session:
        row = session.get_one(RevisionRow, (case_id, 2))
        assert (row.editor, row.saved_at) == ("李医生", first.saved_at)


def test_the_same_content_is_no_revision_even_from_an_old_base(store: Store, case_id: str) -> None:
    assert save(store, make_report(case_id), 1) == current(store, case_id)
    assert current(store, case_id).revision == 1
    edited = reworded(make_report(case_id), "f1", "一")
    answer = save(store, edited, 1)
    assert save(store, edited, 1) == answer


def test_the_second_save_is_refused_with_what_changed_and_by_whom(
    store: Store, case_id: str
) -> None:
    drafted = make_report(case_id)
    one = save(store, reworded(drafted, "f1", "一"), 1, "李医生")
    new = make_sentence("p1", "新", "new")
    changed = replace(
        one.report, findings=(one.report.findings[2], one.report.findings[0], new), impression=()
    )
    two = save(store, changed, 2, "赵医生")
    with pytest.raises(RevisionConflict) as error:
        save(store, reworded(drafted, "f3", "三"), 1, "孙医生")
    conflict = error.value
    assert (conflict.code, conflict.current) == ("revision_conflict", two)
    found = {(c.sentence_id, c.kind): c for c in conflict.changes}
    assert set(found) == {
        ("f1", Kind.REWORDED),
        ("f3", Kind.MOVED),
        ("f2", Kind.DELETED),
        ("p1", Kind.ADDED),
        ("i1", Kind.DELETED),
    }
    first = found["f1", Kind.REWORDED]
    assert (first.before_zh, first.after_zh) == ("所见f1。", "一")
    assert first.editor == person("李医生")
    assert found["p1", Kind.ADDED].editor == person("赵医生")
    assert (found["p1", Kind.ADDED].before_zh, found["p1", Kind.ADDED].after_en) == (None, "new")
    assert found["f2", Kind.DELETED].after_zh is None
    assert current(store, case_id) == two
    assert "李医生" not in str(conflict) and "所见" not in repr(conflict.changes)


@pytest.mark.parametrize("base", [-1, 2, 99])
def test_a_revision_that_never_was(store: Store, case_id: str, base: int) -> None:
    with pytest.raises(ReportError) as error:
        save(store, reworded(make_report(case_id), "f1", "一"), base)
    assert error.value.code == "revision_unknown"


@pytest.mark.slow
def test_of_processes_saving_at_once_one_wins(store_settings: Settings, store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
    outcomes = children.together(children.race_to_save, store_settings, case_id, 1, processes=3)
    assert sorted(outcomes)[1:] == ["conflict"] * 2
    winner = current(store, case_id)
    assert (winner.revision, winner.editor) == (2, person(min(outcomes)))
    assert winner.report.findings[0].zh == min(outcomes)


def test_new_text_is_a_persons_whatever_the_client_says(store: Store, case_id: str) -> None:
    drafted = make_report(case_id)
    forged = make_sentence("x1", "伪", "forged", evidence=(Evidence("b" * 64, 9.0),))
    report = reworded(drafted, "f1", "改")
    report = replace(report, findings=(*report.findings, forged))
    kept = {s.id: s for s in save(store, report, 1).report.sentences}
    assert kept["f1"].origin is Origin.PERSON
    assert kept["f1"].evidence == (Evidence(drafted.findings[0].evidence[0].image_id, None),)
    assert kept["x1"].origin is Origin.PERSON
    assert kept["x1"].evidence == (Evidence("b" * 64, None),)
    assert kept["f2"] == drafted.findings[1]


def test_old_text_keeps_its_origin_and_evidence_whatever_the_client_says(
    store: Store, case_id: str
) -> None:
    drafted = make_report(case_id)
    claimed = tuple(
        replace(of_origin(sentence, Origin.PERSON), evidence=()) for sentence in drafted.findings
    )
    assert save(store, replace(drafted, findings=claimed), 1).revision == 1
    swapped = replace(drafted.findings[0], id="f9")
    report = save(store, replace(drafted, findings=(swapped,)), 1).report
    assert report.findings[0].origin is Origin.PERSON


def test_only_drafted_words_can_be_kept_against_the_image(store: Store, case_id: str) -> None:
    drafted = make_report(case_id)
    first, *others = (replace(sentence, kept=True) for sentence in drafted.findings)
    report = replace(drafted, findings=(first.reworded(zh="改"), *others))
    saved = save(store, report, 1).report.findings
    assert [(s.kept, s.origin) for s in saved[:2]] == [
        (False, Origin.PERSON),
        (True, Origin.MODEL),
    ]
    assert saved[1].evidence == drafted.findings[1].evidence
    taken_back = save(store, drafted, 2).report
    assert taken_back == drafted


def test_an_undone_deletion_is_the_models_sentence_again(store: Store, case_id: str) -> None:
    drafted = make_report(case_id)
    save(store, replace(drafted, impression=()), 1)
    again = save(store, drafted, 2)
    assert (again.report, again.revision) == (drafted, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "f2"},
        {"id": "a" * 65},
        {"id": "a b"},
        {"id": "<b>"},
        {"id": "f1\n"},
        {"wordings": both("长" * 2001, "", Origin.MODEL)},
        {"wordings": both("half \ud83d", "", Origin.MODEL)},
        {"evidence": (Evidence("a", float("nan")),)},
        {"finding": "x" * 65},
        {"wordings": (Wording("zh", 5, Origin.MODEL),)},  # type: ignore[arg-type]
        {"laterality": "model2"},
    ],
)
def test_reports_out_of_bounds_are_refused(sqlite_store: Store, changes: dict[str, Any]) -> None:
    with sqlite_store.begin() as session:
        case_id = add_drafted(session)
    report = make_report(case_id)
    bad = replace(report.findings[0], **changes)
    with pytest.raises(ReportError) as error:
        save(sqlite_store, replace(report, findings=(bad, *report.findings[1:])), 1)
    assert error.value.code == "report_invalid"
    assert current(sqlite_store, case_id).revision == 1


def test_too_many_sentences_and_another_cases_report(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        case_id, other = add_drafted(session, 1), add_drafted(session, 2)
    with pytest.raises(ReportError, match="report_invalid"):
        save(sqlite_store, make_report(case_id, 101), 1)
    with pytest.raises(ReportError, match="report_of_other_case"), sqlite_store.begin() as session:
        reports.save(session, case_id, make_report(other), base_revision=1, editor=person("李"))


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\x00", "\udce9"])
def test_editors_need_a_name(sqlite_store: Store, name: str) -> None:
    with sqlite_store.begin() as session:
        case_id = add_drafted(session)
    with pytest.raises(ReportError, match="author_invalid"):
        save(sqlite_store, make_report(case_id, 1), 1, name)


def test_reports_that_are_not_there(store: Store) -> None:
    with store.begin() as session:
        with pytest.raises(NotFound, match="case_not_found"):
            reports.current(session, "c-none")
        with pytest.raises(NotFound, match="case_not_found"):
            report_steps.amend(
                session, "c-none", editor=person("李"), reason="更正", now=datetime.now(UTC)
            )
        with pytest.raises(NotFound, match="case_not_found"):
            reports.save(
                session, "c-none", make_report("c-none"), base_revision=1, editor=person("李")
            )


def test_a_signed_report_is_edited_only_after_amending(store: Store, case_id: str) -> None:
    with store.begin() as session:
        sign(session, case_id, base_revision=1, signer=person("王"), now=datetime.now(UTC))
    edited = reworded(make_report(case_id), "f1", "改")
    with pytest.raises(ReportError) as error:
        save(store, edited, 1)
    assert error.value.code == "report_is_signed"
    with store.begin() as session:
        amended = report_steps.amend(
            session, case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
        )
    assert (amended.state, amended.base_version) == (ReportState.AMENDED, 1)
    assert amended.report == make_report(case_id)
    saved = save(store, edited, amended.revision)
    assert (saved.state, saved.base_version) == (ReportState.AMENDED, 1)
    with pytest.raises(ReportError) as error, store.begin() as session:
        report_steps.amend(
            session, case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
        )
    assert error.value.code == "report_not_signed"
