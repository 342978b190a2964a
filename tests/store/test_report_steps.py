"""Steps with a report: what they leave, and that of two people at once one takes his."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from radraft.core.errors import RadraftError, ReportError, SignInError
from radraft.reports.editing import RevisionConflict, WorkingReport
from radraft.reports.lifecycle import Move
from radraft.reports.people import Person, PersonKind
from radraft.reports.roles import PERMISSIONS, Role
from radraft.reports.sign import SigningTerms, verify
from radraft.reports.signature_rule import SignatureRule
from radraft.reports.values import (
    AmendmentKind,
    Manner,
    Origin,
    ReportState,
    Sentence,
    SignedReport,
    both,
)
from radraft.store import cases, report_steps, reports, signature_rules, signatures
from radraft.store.database import Store
from radraft.store.signature_check import examine
from tests.builders import add_drafted, make_report, person

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 29, 10, 30, tzinfo=UTC)
RESIDENT = Person(PersonKind.ACCOUNT, "住院医师", "a-resident")
ATTENDING = Person(PersonKind.ACCOUNT, "主治医师", "a-attending")
SECOND = Person(PersonKind.ACCOUNT, "副主任医师", "a-second")
WRITES, SIGNS = PERMISSIONS[Role.RESIDENT], PERMISSIONS[Role.ATTENDING]
TWO = SignatureRule(two_signatures=True, attending_alone=False, emergency_alone=False)
ADDED = Sentence("n1", both("补充：未见骨折。", "Addendum: no fracture.", Origin.PERSON))


def drafted(store: Store, number: int = 1) -> str:
    with store.begin() as session:
        return add_drafted(session, number)


def take(store: Store, case_id: str, move: Move, by: Person, **said: object) -> WorkingReport:
    permissions = WRITES if by is RESIDENT else SIGNS
    with store.begin() as session:
        return report_steps.take(
            session,
            case_id,
            move,
            by=by,
            permissions=permissions,
            now=NOW,
            **said,  # type: ignore[arg-type]
        )


def save(store: Store, case_id: str, count: int, by: Person, base: int) -> WorkingReport:
    permissions = WRITES if by is RESIDENT else SIGNS
    report = make_report(case_id, count)
    with store.begin() as session:
        return reports.save(
            session, case_id, report, base_revision=base, editor=by, permissions=permissions
        )


def sign(
    store: Store,
    case_id: str,
    by: Person,
    base: int,
    rule: SignatureRule = TWO,
    *,
    at: datetime = NOW + timedelta(minutes=7),
    **said: object,
) -> SignedReport:
    terms = SigningTerms(rule, **said)  # type: ignore[arg-type]
    with store.begin() as session:
        return signatures.sign(
            session,
            case_id,
            base_revision=base,
            signer=by,
            permissions=WRITES if by is RESIDENT else SIGNS,
            terms=terms,
            now=at,
        )


def current(store: Store, case_id: str) -> WorkingReport:
    with store.read() as session:
        return reports.current(session, case_id)


def test_written_returned_mended_reviewed_and_signed_by_two_names(store: Store) -> None:
    case_id = drafted(store)
    assert save(store, case_id, 2, RESIDENT, 1).author == RESIDENT
    submitted = take(store, case_id, Move.SUBMIT, RESIDENT, base_revision=2)
    assert (submitted.state, submitted.submitted_at) == (ReportState.SUBMITTED, NOW)
    returned = take(store, case_id, Move.RETURN, ATTENDING, base_step=1, remark=" 请写左侧。 ")
    assert (returned.state, returned.submitted_at) == (ReportState.RETURNED, None)
    assert returned.author == RESIDENT
    assert save(store, case_id, 1, RESIDENT, 2).state is ReportState.RETURNED
    take(store, case_id, Move.SUBMIT, RESIDENT, base_revision=3, base_step=2)
    assert save(store, case_id, 3, ATTENDING, 3).state is ReportState.SUBMITTED
    signed = sign(store, case_id, ATTENDING, 4)
    assert (signed.author, signed.reviewer) == (RESIDENT, ATTENDING)
    assert signed.signed_at == NOW + timedelta(minutes=7)
    assert signed.signing is not None
    assert (signed.signing.manner, signed.signing.submitted_at) == (Manner.REVIEWED, NOW)
    with store.read() as session:
        assert [
            (step.number, step.move, step.before, step.after, step.by, step.revision, step.remark)
            for step in report_steps.of_case(session, case_id)
        ] == [
            (1, "submit", "writing", "submitted", RESIDENT, 2, ""),
            (2, "return", "submitted", "returned", ATTENDING, 2, "请写左侧。"),
            (3, "submit", "returned", "submitted", RESIDENT, 3, ""),
            (4, "sign_reviewed", "submitted", "signed", ATTENDING, 4, ""),
        ]
        assert signatures.versions(session, case_id) == (signed,)
        (content,) = signatures.contents(session, case_id)
        assert [finding for part in examine(session) for finding in part.findings] == []
    assert verify(content)
    after = current(store, case_id)
    assert (after.state, after.author, after.submitted_at) == (ReportState.SIGNED, None, None)


@pytest.mark.parametrize("name", ["author", "reviewer"])
def test_the_signature_chain_covers_both_names(sqlite_store: Store, name: str) -> None:
    case_id = drafted(sqlite_store)
    take(sqlite_store, case_id, Move.SUBMIT, RESIDENT)
    sign(sqlite_store, case_id, ATTENDING, 1)
    old = RESIDENT if name == "author" else ATTENDING
    with sqlite_store.begin() as session:
        session.execute(sa.text("DROP TRIGGER signed_reports_no_update"))
        session.execute(
            sa.text("UPDATE signed_reports SET content = replace(content, :old, :new)"),
            {"old": old.id, "new": "a-forged"},
        )
    with sqlite_store.read() as session:
        assert signatures.read(session, case_id).held == ()


def test_a_reviewer_who_changes_nothing_leaves_the_author_s_words(store: Store) -> None:
    case_id = drafted(store)
    take(store, case_id, Move.SUBMIT, RESIDENT)
    signed = sign(store, case_id, ATTENDING, 1)
    assert signed.report == make_report(case_id)
    assert signed.author == RESIDENT


def test_nobody_reviews_his_own_report(store: Store) -> None:
    case_id = drafted(store)
    take(store, case_id, Move.SUBMIT, ATTENDING)
    with pytest.raises(ReportError, match="author_reviews"):
        sign(store, case_id, ATTENDING, 1)
    with pytest.raises(ReportError, match="author_reviews"):
        take(store, case_id, Move.RETURN, ATTENDING, remark="再看")
    assert sign(store, case_id, SECOND, 1).author == ATTENDING


def test_whoever_cannot_sign_changes_nothing_under_review(store: Store) -> None:
    case_id = drafted(store)
    take(store, case_id, Move.SUBMIT, RESIDENT)
    with pytest.raises(ReportError, match="report_under_review"):
        save(store, case_id, 1, RESIDENT, 1)
    with pytest.raises(ReportError, match="step_not_allowed"):
        sign(store, case_id, RESIDENT, 1)
    taken_back = take(store, case_id, Move.WITHDRAW, RESIDENT)
    assert (taken_back.state, taken_back.author) == (ReportState.WRITING, RESIDENT)
    assert save(store, case_id, 1, RESIDENT, 1).revision == 2


def test_a_report_is_signed_alone_where_the_site_allows_it(store: Store) -> None:
    case_id = drafted(store)
    save(store, case_id, 2, ATTENDING, 1)
    with pytest.raises(ReportError, match="second_signature_needed"):
        sign(store, case_id, ATTENDING, 2)
    emergency = replace(TWO, emergency_alone=True)
    with pytest.raises(ReportError, match="emergency_reason_needed"):
        sign(store, case_id, ATTENDING, 2, emergency)
    with pytest.raises(ReportError, match="others_wrote"):
        sign(store, case_id, SECOND, 2, emergency, reason="抢救")
    signed = sign(store, case_id, ATTENDING, 2, emergency, reason="抢救")
    assert (signed.author, signed.reviewer) == (ATTENDING, None)
    assert signed.signing is not None
    assert (signed.signing.manner, signed.signing.reason) == (Manner.EMERGENCY, "抢救")
    with store.read() as session:
        assert report_steps.of_case(session, case_id)[-1].remark == "抢救"


def test_a_password_is_asked_for_where_the_site_does(store: Store) -> None:
    case_id = drafted(store)
    rule = SignatureRule(reauthenticate=True)
    with pytest.raises(SignInError, match="password_needed"):
        sign(store, case_id, ATTENDING, 1, rule)
    signed = sign(store, case_id, ATTENDING, 1, rule, password_confirmed=True)
    assert signed.signing is not None
    assert signed.signing.password_confirmed


def test_who_takes_over_is_the_author(store: Store) -> None:
    case_id = drafted(store)
    save(store, case_id, 2, RESIDENT, 1)
    with pytest.raises(ReportError, match="not_the_author"):
        take(store, case_id, Move.SUBMIT, ATTENDING)
    with pytest.raises(ReportError, match="already_the_author"):
        take(store, case_id, Move.TAKE_OVER, RESIDENT)
    assert take(store, case_id, Move.TAKE_OVER, ATTENDING).author == ATTENDING
    assert current(store, case_id).writers == (RESIDENT,)
    take(store, case_id, Move.SUBMIT, ATTENDING)
    signed = sign(store, case_id, SECOND, 2)
    assert (signed.author, signed.reviewer) == (ATTENDING, SECOND)


ALONE = replace(TWO, attending_alone=True, emergency_alone=True)


@pytest.mark.parametrize("submitted", [False, True])
def test_who_takes_over_does_not_sign_alone_what_others_wrote(
    store: Store, submitted: bool
) -> None:
    case_id = drafted(store)
    save(store, case_id, 2, RESIDENT, 1)
    if submitted:
        take(store, case_id, Move.SUBMIT, RESIDENT)
    take(store, case_id, Move.TAKE_OVER, ATTENDING)
    with pytest.raises(ReportError, match="others_wrote"):
        sign(store, case_id, ATTENDING, 2, ALONE, reason="抢救")
    # Nor by having the last word himself.
    save(store, case_id, 1, ATTENDING, 2)
    assert current(store, case_id).writers == (RESIDENT, ATTENDING)
    with pytest.raises(ReportError, match="others_wrote"):
        sign(store, case_id, ATTENDING, 3, ALONE)
    take(store, case_id, Move.SUBMIT, ATTENDING)
    assert sign(store, case_id, SECOND, 3, ALONE).reviewer == SECOND


def test_who_writes_with_the_author_keeps_him_from_signing_alone(store: Store) -> None:
    case_id = drafted(store)
    save(store, case_id, 2, ATTENDING, 1)
    save(store, case_id, 1, SECOND, 2)
    with pytest.raises(ReportError, match="others_wrote"):
        sign(store, case_id, ATTENDING, 3, ALONE)


def test_of_an_amendment_those_count_who_wrote_in_it(store: Store) -> None:
    case_id = drafted(store)
    save(store, case_id, 2, RESIDENT, 1)
    take(store, case_id, Move.SUBMIT, RESIDENT)
    sign(store, case_id, ATTENDING, 2)
    assert amend(store, case_id, AmendmentKind.AMENDMENT).writers == ()
    save(store, case_id, 1, ATTENDING, 2)
    with store.begin() as session:
        report_steps.cancel(session, case_id, by=ATTENDING, now=NOW)
    amend(store, case_id, AmendmentKind.AMENDMENT)
    assert save(store, case_id, 1, SECOND, 4).writers == (SECOND,)
    signed = sign(store, case_id, SECOND, 5, ALONE)
    assert (signed.author, signed.reviewer, signed.version) == (SECOND, None, 2)


def signed_by_two(store: Store) -> tuple[str, SignedReport]:
    case_id = drafted(store)
    take(store, case_id, Move.SUBMIT, RESIDENT)
    return case_id, sign(store, case_id, ATTENDING, 1)


def amend(
    store: Store, case_id: str, kind: AmendmentKind, by: Person = SECOND, **said: object
) -> WorkingReport:
    with store.begin() as session:
        return report_steps.amend(
            session,
            case_id,
            editor=by,
            reason="漏写左侧。",
            kind=kind,
            now=NOW,
            **said,  # type: ignore[arg-type]
        )


def test_an_amendment_says_why_and_the_signed_version_stands_until_the_next(store: Store) -> None:
    case_id, first = signed_by_two(store)
    with pytest.raises(ReportError, match="remark_needed"), store.begin() as session:
        report_steps.amend(session, case_id, editor=SECOND, reason=" ", now=NOW)
    begun = amend(store, case_id, AmendmentKind.AMENDMENT)
    assert (begun.state, begun.author, begun.base_version) == (ReportState.AMENDED, SECOND, 1)
    save(store, case_id, 1, SECOND, 1)
    take(store, case_id, Move.SUBMIT, SECOND)
    assert current(store, case_id).state is ReportState.AMEND_SUBMITTED
    with store.read() as session:
        assert signatures.versions(session, case_id) == (first,)
    second = sign(store, case_id, ATTENDING, 2)
    assert (second.version, second.supersedes) == (2, first.content_sha)
    assert (second.author, second.reviewer) == (SECOND, ATTENDING)
    assert second.amendment is not None
    assert second.amendment.reason == "漏写左侧。"
    assert current(store, case_id).amendment is None


def test_a_cancelled_amendment_is_what_was_signed_and_keeps_what_was_written(store: Store) -> None:
    case_id, first = signed_by_two(store)
    amend(store, case_id, AmendmentKind.AMENDMENT)
    save(store, case_id, 1, SECOND, 1)
    with store.begin() as session:
        after = report_steps.cancel(session, case_id, by=ATTENDING, now=NOW)
    assert (after.state, after.report, after.revision) == (ReportState.SIGNED, first.report, 3)
    assert (after.amendment, after.author) == (None, None)
    with store.read() as session:
        found = signatures.of_page(session, case_id, after)
        assert (found.held, found.broken) == ((first,), ())
        assert [finding for part in examine(session) for finding in part.findings] == []
    with pytest.raises(ReportError, match="report_not_amended"), store.begin() as session:
        report_steps.cancel(session, case_id, by=ATTENDING, now=NOW)


def test_an_addendum_adds_and_changes_nothing(store: Store) -> None:
    case_id, first = signed_by_two(store)
    amend(store, case_id, AmendmentKind.ADDENDUM)
    save(store, case_id, 1, SECOND, 1)
    with pytest.raises(ReportError, match="addendum_changes_text"):
        take(store, case_id, Move.SUBMIT, SECOND)
    with pytest.raises(ReportError, match="addendum_changes_text"):
        sign(store, case_id, SECOND, 2, SignatureRule())
    added = replace(first.report, impression=(*first.report.impression, ADDED))
    with store.begin() as session:
        reports.save(session, case_id, added, base_revision=2, editor=SECOND)
    second = sign(store, case_id, SECOND, 3, SignatureRule())
    assert second.report.findings == first.report.findings
    assert second.amendment is not None
    assert second.amendment.kind is AmendmentKind.ADDENDUM


def test_a_step_from_what_somebody_changed_meanwhile_is_refused(store: Store) -> None:
    case_id = drafted(store)
    save(store, case_id, 2, RESIDENT, 1)
    with pytest.raises(RevisionConflict):
        take(store, case_id, Move.SUBMIT, RESIDENT, base_revision=1)
    take(store, case_id, Move.SUBMIT, RESIDENT, base_revision=2, base_step=0)
    take(store, case_id, Move.WITHDRAW, RESIDENT, base_step=1)
    take(store, case_id, Move.SUBMIT, RESIDENT, base_step=2)
    with pytest.raises(ReportError, match="step_taken_meanwhile"):
        take(store, case_id, Move.RETURN, ATTENDING, base_step=1, remark="再看")
    with pytest.raises(ReportError, match="step_taken_meanwhile"):
        sign(store, case_id, ATTENDING, 2, base_step=1)
    assert sign(store, case_id, ATTENDING, 2, base_step=3).reviewer == ATTENDING


def at_once(*tries: Callable[[], object]) -> list[str]:
    """What became of each: `taken`, or the code of its refusal."""
    together = threading.Barrier(len(tries))
    found = [""] * len(tries)

    def one_try(place: int) -> None:
        together.wait()
        try:
            tries[place]()
            found[place] = "taken"
        except RadraftError as error:
            found[place] = error.code

    threads = [threading.Thread(target=one_try, args=(place,)) for place in range(len(tries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_two_who_act_on_a_submitted_report_at_once_one_does(store: Store) -> None:
    for number in range(1, 5):
        case_id = drafted(store, number)
        take(store, case_id, Move.SUBMIT, RESIDENT)
        step = current(store, case_id).steps
        outcomes = at_once(
            lambda case_id=case_id, step=step: sign(  # type: ignore[misc]
                store, case_id, ATTENDING, 1, base_step=step
            ),
            lambda case_id=case_id, step=step: take(  # type: ignore[misc]
                store, case_id, Move.RETURN, SECOND, base_step=step, remark="再看"
            ),
            lambda case_id=case_id, step=step: take(  # type: ignore[misc]
                store, case_id, Move.WITHDRAW, RESIDENT, base_step=step
            ),
            lambda case_id=case_id, step=step: take(  # type: ignore[misc]
                store, case_id, Move.TAKE_OVER, SECOND, base_step=step
            ),
        )
        assert sorted(outcomes) == [*["step_taken_meanwhile"] * 3, "taken"]
        with store.read() as session:
            assert len(report_steps.of_case(session, case_id)) == 2


def test_of_two_who_sign_or_amend_at_once_one_does(store: Store) -> None:
    case_id = drafted(store)
    take(store, case_id, Move.SUBMIT, RESIDENT)
    outcomes = at_once(
        lambda: sign(store, case_id, ATTENDING, 1), lambda: sign(store, case_id, SECOND, 1)
    )
    assert sorted(outcomes) == ["report_is_signed", "taken"]
    outcomes = at_once(
        lambda: amend(store, case_id, AmendmentKind.AMENDMENT, ATTENDING),
        lambda: amend(store, case_id, AmendmentKind.ADDENDUM, SECOND),
    )
    assert sorted(outcomes) == ["report_not_signed", "taken"]
    with store.read() as session:
        assert len(signatures.versions(session, case_id)) == 1


def test_a_save_and_a_submission_at_once_never_submit_what_was_not_seen(store: Store) -> None:
    for number in range(1, 5):
        case_id = drafted(store, number)
        save(store, case_id, 2, RESIDENT, 1)
        outcomes = at_once(
            lambda case_id=case_id: save(store, case_id, 1, SECOND, 2),  # type: ignore[misc]
            lambda case_id=case_id: take(  # type: ignore[misc]
                store, case_id, Move.SUBMIT, RESIDENT, base_revision=2
            ),
        )
        after = current(store, case_id)
        if outcomes == ["taken", "revision_conflict"]:
            assert (after.state, after.revision) == (ReportState.WRITING, 3)
        else:
            # A reviewer may change what is submitted; the submission was of what its author saw.
            assert outcomes == ["taken", "taken"]
            with store.read() as session:
                (step,) = report_steps.of_case(session, case_id)
            assert step.revision == 2


def test_no_sql_changes_steps_or_rules(store: Store) -> None:
    case_id = drafted(store)
    take(store, case_id, Move.SUBMIT, RESIDENT)
    with store.begin() as session:
        signature_rules.change(session, "site-a", TWO, base_number=0, by=SECOND, now=NOW)
    for statement in (
        "UPDATE report_steps SET remark = ''",
        "DELETE FROM report_steps",
        "UPDATE signature_rules SET site = site",
        "DELETE FROM signature_rules",
    ):
        with pytest.raises(DBAPIError, match="append-only"), store.begin() as session:
            session.execute(sa.text(statement))


def test_a_rule_holds_at_its_site_until_another_is_set(store: Store) -> None:
    with store.begin() as session:
        unset = signature_rules.of_site(session, "site-a")
        assert (unset.rule, unset.number, unset.by) == (SignatureRule(), 0, None)
        first = signature_rules.change(session, "site-a", TWO, base_number=0, by=SECOND, now=NOW)
        later = replace(TWO, reauthenticate=True, attending_alone=True)
        second = signature_rules.change(
            session, "site-a", later, base_number=1, by=person("管理员"), now=NOW
        )
    with store.read() as session:
        assert signature_rules.of_site(session, "site-a") == second
        assert signature_rules.of_site(session, "site-b").rule == SignatureRule()
        assert signature_rules.history(session, "site-a") == (second, first)
    assert (second.rule, second.number) == (later, 2)


def test_of_two_who_change_a_rule_at_once_one_does(store: Store) -> None:
    def change(by: Person) -> None:
        with store.begin() as session:
            signature_rules.change(session, "site-a", TWO, base_number=0, by=by, now=NOW)

    assert sorted(at_once(lambda: change(ATTENDING), lambda: change(SECOND))) == [
        "rule_changed_meanwhile",
        "taken",
    ]


def test_the_worklist_says_where_each_report_stands(store: Store) -> None:
    case_id = drafted(store)
    take(store, case_id, Move.SUBMIT, RESIDENT)
    with store.read() as session:
        (row,) = cases.worklist(session).rows
    assert row.report_state is ReportState.SUBMITTED
