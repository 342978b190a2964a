"""A report can be written from the moment its study is in; a draft never takes a person's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from radraft.core.errors import ReportError
from radraft.reports.draft import Draft
from radraft.reports.editing import RevisionConflict
from radraft.reports.training_pair import make_pair
from radraft.reports.values import Coverage, Origin, Report, ReportState
from radraft.store import cases, drafts, pairs, reports, signatures
from radraft.store.database import Store
from radraft.store.values import CaseState
from tests.builders import (
    add_case,
    make_draft,
    make_report,
    make_sentence,
    of_origin,
    person,
    save_draft,
)

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def case_id(store: Store) -> str:
    with store.begin() as session:
        return add_case(session)


def own(case_id: str, *texts: str) -> Report:
    """A report that a person wrote from nothing."""
    written = tuple(
        make_sentence(f"p-{text.encode().hex()}", zh=text, en="x", origin=Origin.PERSON)
        for text in texts
    )
    return Report(case_id, written, ())


def write(store: Store, report: Report, base: int) -> None:
    with store.begin() as session:
        reports.save(session, report.case_id, report, base_revision=base, editor=person("李阅片"))


def drafted(store: Store, case_id: str) -> Draft:
    draft = make_draft(case_id)
    with store.begin() as session:
        save_draft(session, draft)
    return draft


def test_a_study_that_waits_has_an_empty_report(store: Store, case_id: str) -> None:
    with store.read() as session:
        working = reports.current(session, case_id)
        state = cases.get_case(session, case_id).state
    assert (working.revision, working.state, working.editor) == (0, ReportState.DRAFTED, None)
    assert working.report.sentences == ()
    assert state is CaseState.RECEIVED


def test_what_is_written_is_kept_and_the_study_still_waits(store: Store, case_id: str) -> None:
    write(store, own(case_id, "双肺清晰"), 0)
    with store.read() as session:
        working = reports.current(session, case_id)
        state = cases.get_case(session, case_id).state
    assert [sentence.zh for sentence in working.report.sentences] == ["双肺清晰"]
    assert (working.state, working.editor) == (ReportState.WRITING, person("李阅片"))
    assert state is CaseState.RECEIVED


def test_nothing_typed_leaves_nothing_behind(store: Store, case_id: str) -> None:
    write(store, own(case_id), 0)
    drafted(store, case_id)
    with store.read() as session:
        assert reports.current(session, case_id).report == make_report(case_id)


def test_a_draft_that_comes_later_is_offered_beside(store: Store, case_id: str) -> None:
    write(store, own(case_id, "双肺清晰"), 0)
    draft = drafted(store, case_id)
    with store.read() as session:
        working = reports.current(session, case_id)
        offered = drafts.offered(session, case_id)
        state = cases.get_case(session, case_id).state
    assert [sentence.zh for sentence in working.report.sentences] == ["双肺清晰"]
    assert offered is not None and offered.draft == draft
    assert state is CaseState.DRAFTED


def test_words_typed_while_the_draft_came_stand(store: Store, case_id: str) -> None:
    """The draft is stored between the opening of the empty report and its first save."""
    drafted(store, case_id)
    write(store, own(case_id, "双肺清晰"), 0)
    with store.read() as session:
        working = reports.current(session, case_id)
        offered = drafts.offered(session, case_id)
        basis = drafts.basis(session, case_id)
    assert [sentence.zh for sentence in working.report.sentences] == ["双肺清晰"]
    assert offered is not None
    assert basis is not None and basis.draft.coverage is Coverage.NOT_DRAFTED


def test_a_sentence_taken_from_the_offered_draft_stays_the_models(
    store: Store, case_id: str
) -> None:
    write(store, own(case_id, "双肺清晰"), 0)
    draft = drafted(store, case_id)
    with store.read() as session:
        working = reports.current(session, case_id)
    taken = of_origin(draft.report.findings[0], Origin.PERSON)
    both = replace(working.report, findings=(*working.report.findings, taken))
    write(store, both, working.revision)
    with store.read() as session:
        saved = reports.current(session, case_id).report
    assert [sentence.origin for sentence in saved.findings] == [Origin.PERSON, Origin.MODEL]


def test_of_two_who_begin_the_second_is_told(store: Store, case_id: str) -> None:
    write(store, own(case_id, "双肺清晰"), 0)
    with pytest.raises(RevisionConflict) as refused:
        write(store, own(case_id, "右肺结节"), 0)
    assert [change.after_zh for change in refused.value.changes] == ["双肺清晰"]


def test_it_is_signed_without_a_draft_and_gives_its_pair(store: Store, case_id: str) -> None:
    write(store, own(case_id, "双肺清晰"), 0)
    with store.begin() as session:
        revision = reports.current(session, case_id).revision
        signed = signatures.sign(
            session, case_id, base_revision=revision, signer=person("李阅片"), now=NOW
        )
        basis = drafts.basis(session, case_id)
        assert basis is not None
        pairs.save_pair(session, make_pair(basis, signed, site="local", patient_ref="p"))
    drafted(store, case_id)
    with store.read() as session:
        assert reports.current(session, case_id).state is ReportState.SIGNED
        (pair,) = pairs.pairs(session)
    assert signed.draft_sha is None
    assert (pair.request, pair.draft.coverage) == ("", Coverage.NOT_DRAFTED)


def test_an_empty_report_is_not_signed(store: Store, case_id: str) -> None:
    with pytest.raises(ReportError) as refused, store.begin() as session:
        signatures.sign(session, case_id, base_revision=0, signer=person("李阅片"), now=NOW)
    assert refused.value.code == "report_empty"


def test_a_draft_that_nobody_saw_is_not_signed(store: Store, case_id: str) -> None:
    drafted(store, case_id)
    with pytest.raises(RevisionConflict), store.begin() as session:
        signatures.sign(session, case_id, base_revision=0, signer=person("李阅片"), now=NOW)


def test_a_taken_sentence_that_the_image_does_not_support_blocks_the_signature(
    store: Store, case_id: str
) -> None:
    write(store, own(case_id, "双肺清晰"), 0)
    weak = make_report(case_id, 1, 0)
    (sentence,) = weak.findings
    unsupported = replace(sentence, evidence=(replace(sentence.evidence[0], support=-3.0),))
    draft = make_draft(case_id, replace(weak, findings=(unsupported,)), least_support=0.5)
    with store.begin() as session:
        save_draft(session, draft)
        working = reports.current(session, case_id)
    both = replace(working.report, findings=(*working.report.findings, unsupported))
    write(store, both, working.revision)
    with pytest.raises(ReportError) as refused, store.begin() as session:
        revision = reports.current(session, case_id).revision
        signatures.sign(session, case_id, base_revision=revision, signer=person("李阅片"), now=NOW)
    assert refused.value.code == "sentence_not_supported"


def test_a_sentence_taken_under_another_id_stays_the_models(store: Store, case_id: str) -> None:
    write(store, own(case_id, "双肺清晰"), 0)
    draft = drafted(store, case_id)
    with store.read() as session:
        working = reports.current(session, case_id)
    taken = replace(draft.report.findings[0], id=f"{draft.report.findings[0].id}-ab12")
    write(
        store, replace(working.report, findings=(*working.report.findings, taken)), working.revision
    )
    with store.read() as session:
        saved = reports.current(session, case_id).report
    assert [sentence.origin for sentence in saved.findings] == [Origin.PERSON, Origin.MODEL]


def test_a_row_with_nothing_typed_begins_nothing(store: Store, case_id: str) -> None:
    write(store, own(case_id), 0)
    with store.read() as session:
        assert reports.current(session, case_id).revision == 0
