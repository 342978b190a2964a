from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from radraft.core.errors import NotFound, ReportError
from radraft.reports.skeleton import skeleton
from radraft.reports.values import Coverage, ReportState
from radraft.store import cases, drafts, questions, reports
from radraft.store.database import Store
from radraft.store.signatures import sign
from tests.builders import (
    add_case,
    add_drafted,
    make_draft,
    make_report,
    make_request_json,
    make_sentence,
    person,
    save_draft,
)


def test_a_draft_comes_back_and_opens_the_working_report(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session)
        assert drafts.latest(session, case_id) is None
        assert drafts.basis(session, case_id) is None
        save_draft(session, make_draft(case_id))
    with store.read() as session:
        kept = drafts.latest(session, case_id)
        work = reports.current(session, case_id)
    assert kept is not None
    assert kept.draft == make_draft(case_id)
    assert kept.request_json == make_request_json(case_id)
    assert kept.image_ids == ("a" * 64,)
    assert (work.revision, work.state, work.editor) == (1, ReportState.DRAFTED, None)
    assert work.report == kept.draft.report
    assert work.saved_at == kept.created_at


def test_the_wait_for_a_first_draft_is_from_arrival_and_told_once(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session)
        assert drafts.first_draft_wait(session, case_id) is None
        failed = make_draft(case_id, skeleton(case_id), coverage=Coverage.FAILED)
        save_draft(session, failed)
        assert drafts.first_draft_wait(session, case_id) is None
        received_at = cases.get_case(session, case_id).received_at
        save_draft(session, make_draft(case_id))
        kept = drafts.latest(session, case_id)
        assert kept is not None
        waited = (kept.created_at - received_at).total_seconds()
        assert drafts.first_draft_wait(session, case_id) == pytest.approx(waited)
        save_draft(session, make_draft(case_id, make_report(case_id, 1)))
        assert drafts.first_draft_wait(session, case_id) is None


def test_a_redraft_replaces_what_nobody_edited_under_a_new_revision(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
        save_draft(session, make_draft(case_id, make_report(case_id, 1)))
        work = reports.current(session, case_id)
        assert (work.revision, work.state) == (2, ReportState.DRAFTED)
        assert work.report == make_report(case_id, 1)


def test_a_redraft_leaves_edited_and_signed_reports_alone(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
        edited = reports.save(
            session, case_id, make_report(case_id, 2), base_revision=1, editor=person("李")
        )
        save_draft(session, make_draft(case_id, make_report(case_id, 1)))
        assert reports.current(session, case_id) == edited
        latest, basis = drafts.latest(session, case_id), drafts.basis(session, case_id)
        assert latest is not None
        assert basis is not None
        assert latest.draft.report == make_report(case_id, 1)
        assert basis.draft.report == make_report(case_id)
        sign(session, case_id, base_revision=2, signer=person("王"), now=datetime.now(UTC))
        save_draft(session, make_draft(case_id))
        assert reports.current(session, case_id).state is ReportState.SIGNED


def test_a_failed_redraft_does_not_take_a_draft_away(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
        failed = make_draft(case_id, skeleton(case_id), coverage=Coverage.FAILED)
        save_draft(session, failed)
        assert reports.current(session, case_id).report == make_report(case_id)
        latest = drafts.latest(session, case_id)
        assert latest is not None
        assert latest.draft == failed


def test_a_draft_replaces_the_skeleton_of_a_failure(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session)
        failed = make_draft(case_id, skeleton(case_id), coverage=Coverage.FAILED, request_sha=None)
        save_draft(session, failed)
        assert reports.current(session, case_id).report == skeleton(case_id)
        save_draft(session, make_draft(case_id))
        assert reports.current(session, case_id).report == make_report(case_id)


def test_a_request_that_is_not_the_drafts_is_refused(sqlite_store: Store) -> None:
    with pytest.raises(ValueError, match="request_sha"), sqlite_store.begin() as session:
        case_id = add_case(session)
        drafts.save_draft(
            session, make_draft(case_id), request_json="{}", encoder_id=None, image_ids=()
        )


def test_a_draft_of_an_unknown_case_or_without_bounds(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session, pytest.raises(NotFound):
        save_draft(session, make_draft("c-none"))
    with sqlite_store.begin() as session:
        case_id = add_case(session)
        long = make_sentence("f1", zh="长" * 3000)
        with pytest.raises(ReportError, match="report_invalid"):
            save_draft(
                session,
                make_draft(case_id, make_report(case_id).__class__(case_id, (long,), ())),
            )


def test_questions_are_kept_in_order(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session)
        first = questions.add_turn(
            session,
            case_id,
            question="有积液吗？",
            answer="没有。",
            lang="zh",
            citations=("f1", "i1"),
            refused=False,
            asked_by=person("陈医生"),
        )
        second = questions.add_turn(
            session,
            case_id,
            question="Rib fracture?",
            answer="I found no sentence on this in the report.",
            lang="en",
            citations=(),
            refused=True,
            nearest=("f2", "f1"),
            asked_by=person("陈医生"),
        )
    with store.read() as session:
        assert questions.turns(session, case_id) == (first, second)
    assert (first.citations, first.nearest) == (("f1", "i1"), ())
    assert (second.citations, second.nearest) == ((), ("f2", "f1"))
    with store.read() as session:
        assert questions.turns(session, "c-none") == ()
    with pytest.raises(NotFound), store.begin() as session:
        questions.add_turn(
            session, "c-none", question="?", answer="", lang="en", citations=(), refused=True,
            asked_by=person("x"),
        )  # fmt: skip


def test_revisions_are_append_only(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
    for statement in (
        "UPDATE report_revisions SET editor = 'x'",
        "DELETE FROM report_revisions",
    ):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), store.begin() as session:
            session.execute(sa.text(statement))
    with store.read() as session:
        assert reports.current(session, case_id).report == make_report(case_id)
