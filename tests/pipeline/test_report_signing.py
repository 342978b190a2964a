"""Nobody signs but in his own session and under his site's rule; a report's history is kept."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radraft.core.errors import NotFound, RadraftError, ReportError, SignInError, StorageDamaged
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.report_signing import open_moves
from radraft.pipeline.service import Service
from radraft.reports.editing import RevisionConflict
from radraft.reports.lifecycle import Move
from radraft.reports.people import Actor, ActorRole
from radraft.reports.signature_rule import SignatureRule
from radraft.reports.values import AmendmentKind, Manner, ReportState
from radraft.store import accounts, sign_ins
from radraft.store.database import Store
from radraft.store.pairs import pairs
from tests.builders import actor, add_drafted, make_report, signed_in
from tests.rooms import ROOMS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TWO = SignatureRule(two_signatures=True, attending_alone=False, emergency_alone=False)


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path) -> Service:
    settings = Settings(data_dir=tmp_path / "data", site="site-a")
    return Service(sqlite_store, settings, load_profile("starter"))


@pytest.fixture
def resident(service: Service) -> Actor:
    return signed_in(service.store, "住院", ActorRole.AUTHOR)


@pytest.fixture
def attending(service: Service) -> Actor:
    return signed_in(service.store, "主治")


def drafted(service: Service) -> str:
    with service.store.begin() as session:
        return add_drafted(session)


def ruled(service: Service, rule: SignatureRule) -> None:
    number = service.signing.rule("site-a").number
    service.signing.set_rule(
        "site-a", rule, base_number=number, by=signed_in(service.store, "管理").who
    )


def submitted(service: Service, by: Actor) -> str:
    case_id = drafted(service)
    service.signing.take(case_id, Move.SUBMIT, actor=by, base_step=0, base_revision=1)
    return case_id


def test_nobody_signs_without_a_session_that_is_there(service: Service, attending: Actor) -> None:
    case_id = drafted(service)
    other = signed_in(service.store, "别人")
    ended = signed_in(service.store, "主治")
    with service.store.begin() as session:
        sign_ins.end(session, str(ended.session_id))
    for nobody in (
        actor("没有会话"),
        replace(attending, session_id="s-0000000000000000"),
        replace(attending, session_id=other.session_id),
        ended,
    ):
        with pytest.raises(SignInError, match="sign_in_needed"):
            service.signing.sign(case_id, base_revision=1, base_step=0, actor=nobody)
    with service.store.begin() as session:
        accounts.set_disabled(session, str(attending.who.id), datetime.now(UTC))
    with pytest.raises(SignInError, match="sign_in_needed"):
        service.signing.sign(case_id, base_revision=1, base_step=0, actor=attending)
    assert service.case_view(case_id).versions == ()


def test_where_the_rule_is_damaged_reports_are_read_and_written_and_nobody_signs(
    service: Service, attending: Actor, resident: Actor
) -> None:
    with service.store.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO signature_rules VALUES ('site-a', 7, 0, 1, 1, 0, 'x', NULL, 'soon')"
        )
    case_id = drafted(service)
    view = service.case_view(case_id)
    assert Move.SIGN_ALONE not in open_moves(view.working, attending, view.rule)
    with pytest.raises(StorageDamaged, match="damaged"):
        service.signing.sign(case_id, base_revision=1, base_step=0, actor=attending)
    service.signing.take(case_id, Move.SUBMIT, actor=resident, base_step=0, base_revision=1)
    with pytest.raises(StorageDamaged, match="damaged"):
        service.signing.sign(case_id, base_revision=1, base_step=1, actor=attending)
    assert service.case_view(case_id).versions == ()
    (held,) = service.signing.rules(None)
    assert (held.damaged, held.number) == (True, 7)
    ruled(service, SignatureRule())
    (changed,) = service.signing.rules(None)
    assert (changed.damaged, changed.number) == (False, 8)
    service.signing.sign(case_id, base_revision=1, base_step=1, actor=attending)


def test_no_other_code_signs() -> None:
    calls = re.compile(r"\bsignatures\.sign|\bsign_with_basis\(|import .*\bsign_with_basis\b")
    callers = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if calls.search(path.read_text(encoding="utf-8"))
    }
    assert callers == {"pipeline/report_signing.py", "store/signatures.py"}


def test_whoever_only_writes_signs_nothing_though_he_is_signed_in(
    service: Service, resident: Actor
) -> None:
    case_id = drafted(service)
    with pytest.raises(ReportError, match="step_not_allowed"):
        service.signing.sign(case_id, base_revision=1, base_step=0, actor=resident)


def test_two_names_sign_and_the_pair_is_of_what_both_made_of_the_draft(
    service: Service, resident: Actor, attending: Actor
) -> None:
    ruled(service, TWO)
    case_id = drafted(service)
    with pytest.raises(ReportError, match="second_signature_needed"):
        service.signing.sign(case_id, base_revision=1, base_step=0, actor=attending)
    service.save(case_id, make_report(case_id, 2), base_revision=1, actor=resident)
    service.signing.take(case_id, Move.SUBMIT, actor=resident, base_step=0, base_revision=2)
    service.opened(case_id, attending)
    signed = service.signing.sign(case_id, base_revision=2, actor=attending, base_step=1)
    assert (signed.author, signed.reviewer) == (resident.who, attending.who)
    with service.store.read() as session:
        (pair,) = pairs(session)
    assert pair.signed == signed
    assert pair.seconds is not None


@pytest.mark.parametrize("move", [Move.SUBMIT, Move.RETURN, Move.TAKE_OVER])
def test_a_step_of_a_text_is_of_a_text_that_was_seen(
    service: Service, resident: Actor, move: Move
) -> None:
    case_id = drafted(service)
    with pytest.raises(ValueError, match="seen"):
        service.signing.take(case_id, move, actor=resident, base_step=0)
    assert service.case_view(case_id).working.steps == 0


def test_what_somebody_saved_meanwhile_is_neither_returned_nor_taken_over_nor_given_up(
    service: Service, resident: Actor, attending: Actor
) -> None:
    case_id = submitted(service, resident)
    second = signed_in(service.store, "副主任")
    service.save(case_id, make_report(case_id, 2), base_revision=1, actor=second)
    for move, remark in ((Move.RETURN, "再看"), (Move.TAKE_OVER, "")):
        with pytest.raises(RevisionConflict):
            service.signing.take(
                case_id, move, actor=attending, base_step=1, base_revision=1, remark=remark
            )
    # Its author takes it back whatever its reviewer wrote meanwhile.
    service.signing.take(case_id, Move.WITHDRAW, actor=resident, base_step=1)
    service.signing.take(case_id, Move.SUBMIT, actor=resident, base_step=2, base_revision=2)
    service.signing.sign(case_id, base_revision=2, base_step=3, actor=attending)
    service.signing.amend(case_id, actor=attending, base_step=4, reason="补充。")
    service.save(case_id, make_report(case_id, 1), base_revision=2, actor=second)
    with pytest.raises(RevisionConflict):
        service.signing.cancel(case_id, actor=attending, base_step=5, base_revision=2)


def test_the_reason_of_emergency_duty_is_in_the_signed_record(
    service: Service, attending: Actor
) -> None:
    ruled(service, replace(TWO, emergency_alone=True))
    case_id = drafted(service)
    with pytest.raises(ReportError, match="emergency_reason_needed"):
        service.signing.sign(case_id, base_revision=1, base_step=0, actor=attending)
    signed = service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=attending, reason=" 夜间抢救，无上级在院。 "
    )
    assert signed.signing is not None
    assert signed.signing.manner is Manner.EMERGENCY
    assert signed.signing.reason == "夜间抢救，无上级在院。"


def test_a_password_is_asked_for_by_the_site_s_rule_alone(
    service: Service, attending: Actor
) -> None:
    ruled(service, SignatureRule(reauthenticate=True))
    case_id = drafted(service)
    with pytest.raises(SignInError, match="password_needed"):
        service.signing.sign(case_id, base_revision=1, base_step=0, actor=attending)
    signed = service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=attending, password_confirmed=True
    )
    assert signed.signing is not None
    assert signed.signing.password_confirmed


@pytest.mark.parametrize("rule", [SignatureRule(), TWO, replace(TWO, attending_alone=True)])
@pytest.mark.parametrize("role", [ActorRole.AUTHOR, ActorRole.READER, ActorRole.CLINICIAN])
def test_the_steps_that_are_offered_are_those_that_can_be_taken(
    service: Service, resident: Actor, rule: SignatureRule, role: ActorRole
) -> None:
    """In each state that one report passes through; the signature last, since it ends it."""
    ruled(service, rule)
    somebody = signed_in(service.store, "某人", role)
    case_id = drafted(service)

    def offered() -> frozenset[Move]:
        return open_moves(service.case_view(case_id).working, somebody, rule)

    def try_sign() -> str:
        working = service.case_view(case_id).working
        try:
            seen = {"base_revision": working.revision, "base_step": working.steps}
            service.signing.sign(case_id, actor=somebody, **seen)
        except RadraftError as error:
            return error.code
        return "signed"

    if not offered() & {Move.SIGN_ALONE, Move.SIGN_REVIEWED}:
        assert try_sign() != "signed"
    service.save(case_id, make_report(case_id, 2), base_revision=1, actor=resident)
    assert (Move.TAKE_OVER in offered()) == (role is not ActorRole.CLINICIAN)
    assert Move.SUBMIT not in offered()
    if Move.SIGN_ALONE not in offered():
        assert try_sign() != "signed"
    service.signing.take(case_id, Move.SUBMIT, actor=resident, base_step=0, base_revision=2)
    reviews = {Move.EDIT, Move.RETURN, Move.TAKE_OVER, Move.SIGN_REVIEWED}
    assert offered() == (reviews if role is ActorRole.READER else set())
    assert (try_sign() == "signed") == (role is ActorRole.READER)
    assert offered() == ({Move.AMEND} if role is ActorRole.READER else set())


def test_the_signed_version_stands_while_it_is_amended_and_cancelling_gives_it_back(
    service: Service, resident: Actor, attending: Actor
) -> None:
    case_id = submitted(service, resident)
    first = service.signing.sign(case_id, base_revision=1, actor=attending, base_step=1)
    service.signing.amend(case_id, actor=attending, reason="左右写反。", base_step=2)
    service.save(case_id, make_report(case_id, 1), base_revision=1, actor=attending)
    view = service.case_view(case_id)
    shown = view.signed_only()
    assert shown.working.report == first.report
    assert (shown.working.revision, shown.working.writers) == (1, ())
    assert (shown.rule, shown.quality, shown.least_support) == (None, None, None)
    assert service.signed(case_id) == first
    after = service.signing.cancel(case_id, actor=attending, base_step=3, base_revision=2)
    assert (after.state, after.report) == (ReportState.SIGNED, first.report)
    view = service.case_view(case_id)
    assert (view.versions, view.broken) == ((first,), ())
    assert [step.move for step in view.steps] == [
        Move.SUBMIT,
        Move.SIGN_REVIEWED,
        Move.AMEND,
        Move.CANCEL,
    ]
    assert view.signed_only().steps == ()


def test_what_the_model_wrote_and_each_person_changed_stays_with_the_report(
    service: Service, resident: Actor, attending: Actor
) -> None:
    case_id = drafted(service)
    service.save(case_id, make_report(case_id, 2), base_revision=1, actor=resident)
    service.signing.take(case_id, Move.SUBMIT, actor=resident, base_step=0, base_revision=2)
    service.save(case_id, make_report(case_id, 1), base_revision=2, actor=attending)
    service.signing.sign(case_id, base_revision=3, actor=attending, base_step=1)
    history = service.histories.of_case(case_id)
    assert [
        (save.revision, save.editor, [(c.kind, c.sentence_id) for c in save.changes])
        for save in history.saves
    ] == [
        (1, None, []),
        (2, resident.who, [("deleted", "f3")]),
        (3, attending.who, [("deleted", "f2")]),
    ]
    assert [step.move for step in history.steps] == [Move.SUBMIT, Move.SIGN_REVIEWED]
    assert [version.version for version in history.versions.held] == [1]
    assert history.versions.broken == ()


def test_any_two_states_of_a_report_can_be_compared(
    service: Service, resident: Actor, attending: Actor
) -> None:
    case_id = submitted(service, resident)
    service.signing.sign(case_id, base_revision=1, actor=attending, base_step=1)
    kind = AmendmentKind.AMENDMENT
    service.signing.amend(case_id, actor=attending, base_step=2, reason="补充。", kind=kind)
    service.save(case_id, make_report(case_id, 2), base_revision=1, actor=attending)
    service.signing.sign(case_id, base_revision=2, actor=attending, base_step=3)
    service.signing.amend(case_id, actor=attending, base_step=4, reason="再改。")
    service.save(case_id, make_report(case_id, 1), base_revision=2, actor=attending)

    def gone(before: str, after: str) -> list[tuple[str, str]]:
        found = service.histories.difference(case_id, before, after)
        return [(change.kind.value, change.sentence_id) for change in found]

    assert gone("v1", "v2") == [("deleted", "f3")]
    assert gone("v2", "v1") == [("added", "f3")]
    assert gone("draft", "working") == [("deleted", "f2"), ("deleted", "f3")]
    assert gone("r1", "v1") == []
    assert gone("v2", "r3") == [("deleted", "f2")]
    for nothing in ("v3", "r9", "v0", "x1", "", "v1x"):
        with pytest.raises(NotFound, match="report_state_unknown"):
            gone(nothing, "v1")
