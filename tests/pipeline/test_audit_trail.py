"""What the service writes down: with what changes something, and soon after what was looked at."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from radraft.core.errors import NotFound, RadraftError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.audit_trail import MOST_WAITING, AuditTrail, sought_key
from radraft.pipeline.service import Service
from radraft.pipeline.sign_in import SignIn, session_terms
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, AuditQuery, Outcome
from radraft.reports.lifecycle import Move
from radraft.reports.people import Actor
from radraft.reports.roles import Membership, Role
from radraft.reports.signature_rule import SignatureRule
from radraft.store import audit
from radraft.store.audit_check import AuditFault, AuditFinding, examine
from radraft.store.database import Store, open_store
from tests import children
from tests.builders import add_drafted, signed_in
from tests.scale import scaled
from tests.store import tampering
from tests.ui import seed

KILLS = scaled(3, full=50)


def wang(store: Store) -> Actor:
    """A reader who has signed in."""
    return replace(signed_in(store, "王芳"), site="north", address="10.0.0.7")


def entries(store: Store, *kinds: AuditKind) -> list[AuditEvent]:
    """Events of these kinds, all where none is named, oldest first; not that the audit began."""
    with store.read() as session:
        found = audit.search(session, AuditQuery(kinds=frozenset(kinds)), 10_000)
    events = [entry.event for entry in reversed(found.entries)]
    return [event for event in events if event.kind is not AuditKind.BEGAN]


def faults(store: Store) -> list[AuditFinding]:
    with store.read() as session:
        return [finding for part in examine(session) for finding in part.findings]


def service_of(store: Store, folder: Path) -> Service:
    return Service(store, Settings(data_dir=folder), load_profile("starter"))


def test_saving_signing_and_amending_are_written_with_who_and_where_from(
    store: Store, tmp_path: Path
) -> None:
    service = service_of(store, tmp_path)
    case_id = seed.add(store)
    report = service.case_view(case_id).working.report
    unchanged = service.save(case_id, report, base_revision=1, actor=wang(store))
    assert unchanged.revision == 1
    first, *rest = report.findings
    edited = replace(report, findings=(first.reworded(zh="两肺清晰。", en="Clear lungs."), *rest))
    saved = service.save(case_id, edited, base_revision=1, actor=wang(store))
    service.signing.sign(case_id, base_revision=saved.revision, base_step=0, actor=wang(store))
    service.signing.amend(case_id, actor=wang(store), base_step=1, reason="更正")
    told = entries(store, AuditKind.WRITE, AuditKind.SIGN, AuditKind.AMEND)
    assert [event.kind.value for event in told] == ["write", "sign", "amend"]
    assert {(e.actor.name, e.actor.account_id, e.actor.address) for e in told} == {
        ("王芳", wang(store).who.id, "10.0.0.7")
    }
    assert {(event.site, event.case_id) for event in told} == {("north", case_id)}
    assert told[1].details == {
        "version": "1",
        "manner": "alone",
        "password": "no",
        "author": wang(store).who.id,
    }
    assert faults(store) == []


def test_each_step_of_a_review_and_a_changed_rule_is_written(store: Store, tmp_path: Path) -> None:
    service = service_of(store, tmp_path)
    case_id = seed.add(store)
    author, reviewer = signed_in(store, "住院"), signed_in(store, "主治")
    signing = service.signing
    signing.take(case_id, Move.SUBMIT, actor=author, base_step=0, base_revision=1)
    seen = {"actor": reviewer, "base_revision": 1}
    signing.take(case_id, Move.RETURN, base_step=1, remark="王小明左侧再看。", **seen)
    signing.take(case_id, Move.TAKE_OVER, base_step=2, **seen)
    with pytest.raises(RadraftError):
        signing.take(case_id, Move.WITHDRAW, actor=author, base_step=3)
    by = {"by": author.who, "address": "10.0.0.8"}
    signing.set_rule("test", SignatureRule(True), base_number=0, **by)
    with pytest.raises(NotFound, match="site_unknown"):
        signing.set_rule("nowhere", SignatureRule(True), base_number=0, **by)
    assert service.trail.drain()
    steps = entries(store, AuditKind.REVIEW)
    assert [(event.details["step"], event.outcome.value) for event in steps] == [
        ("submit", "done"),
        ("return", "done"),
        ("take_over", "done"),
        ("withdraw", "refused"),
    ]
    changed, refused = entries(store, AuditKind.CONFIGURATION)
    assert (changed.site, changed.actor.address) == ("test", "10.0.0.8")
    assert changed.details == {
        "signature_rule": "1",
        "two_signatures": "no->yes",
        "attending_alone": "yes->yes",
        "emergency_alone": "yes->yes",
        "reauthenticate": "no->no",
    }
    assert (refused.site, refused.code) == ("nowhere", "site_unknown")
    assert "王小明" not in "".join(repr(event) for event in entries(store))
    assert faults(store) == []


def test_a_signature_of_two_is_written_with_both_accounts_and_its_manner(
    store: Store, tmp_path: Path
) -> None:
    service = service_of(store, tmp_path)
    reviewed, urgent = seed.add(store), seed.add(store, 2)
    author, reviewer = signed_in(store, "住院"), signed_in(store, "主治")
    seen = {"base_revision": 1}
    service.signing.take(reviewed, Move.SUBMIT, actor=author, base_step=0, **seen)
    service.signing.sign(reviewed, actor=reviewer, base_step=1, **seen)
    rule = SignatureRule(two_signatures=True, attending_alone=False)
    service.signing.set_rule("test", rule, base_number=0, by=reviewer.who)
    service.signing.sign(urgent, actor=reviewer, base_step=0, reason="王小明抢救。", **seen)
    two, alone = entries(store, AuditKind.SIGN)
    assert two.details == {
        "version": "1",
        "manner": "reviewed",
        "password": "no",
        "author": author.who.id,
        "reviewer": reviewer.who.id,
    }
    assert alone.details["manner"] == "emergency"
    assert "reviewer" not in alone.details
    assert "王小明" not in "".join(repr(event) for event in entries(store))


def test_a_signature_that_was_refused_is_written_with_its_code(
    store: Store, tmp_path: Path
) -> None:
    service = service_of(store, tmp_path)
    case_id = seed.add(store)
    with pytest.raises(RadraftError) as error:
        service.signing.sign(case_id, base_revision=7, base_step=0, actor=wang(store))
    assert service.trail.drain()
    (event,) = entries(store, AuditKind.SIGN)
    assert (event.outcome, event.code) == (Outcome.REFUSED, error.value.code)


def test_no_word_of_a_report_or_question_and_no_patient_is_in_the_audit(
    store: Store, tmp_path: Path
) -> None:
    service = service_of(store, tmp_path)
    case_id = seed.add(store)
    view = service.case_view(case_id)
    saved = service.save(case_id, view.working.report, base_revision=1, actor=wang(store))
    service.signing.sign(case_id, base_revision=saved.revision, base_step=0, actor=wang(store))
    service.ask(case_id, "有没有气胸？", actor=wang(store))
    written = "".join(repr(event) for event in entries(store))
    assert entries(store, AuditKind.QUESTION)
    words = [sentence.zh for sentence in view.working.report.findings]
    patient = [view.identity.patient.name, view.identity.patient.patient_id, "气胸"]
    assert [word for word in (*words, *patient) if word and word in written] == []


def test_who_was_let_in_who_was_not_and_what_became_of_accounts(store: Store) -> None:
    sign_in = SignIn(store, session_terms(Settings()))
    admin = AuditActor("管理员", "u-0", "10.0.0.1")
    _, link = sign_in.add_account("lin", "林清", [Membership("north", Role.RESIDENT)], by=admin)
    password = "two films before tea"
    sign_in.by_link(link, login="", name="", password=password, address="10.0.0.2")
    begun = sign_in.by_password("lin", password, address="10.0.0.2")
    for login in ("lin", password):
        with pytest.raises(RadraftError):
            sign_in.by_password(login, "not the password", address="10.0.0.3")
    sign_in.set_memberships("lin", [Membership("north", Role.ATTENDING)], by=admin)
    sign_in.out(begun.secret, address="10.0.0.2")
    sign_in.set_disabled("lin", disabled=True, by=admin)
    told = [
        (event.kind.value, event.outcome.value, event.actor.name, event.details.get("what"))
        for event in entries(store)
    ]
    assert told == [
        ("account", "done", "管理员", "added"),
        ("roles", "done", "管理员", "+resident@north"),
        ("account", "done", "林清", "password"),
        ("log_in", "done", "林清", None),
        ("log_in", "refused", "林清", None),
        ("log_in", "refused", "", None),
        ("roles", "done", "管理员", "+attending@north"),
        ("roles", "done", "管理员", "-resident@north"),
        ("log_out", "done", "林清", None),
        ("account", "done", "管理员", "disabled"),
    ]
    # A password that was typed as a name is nowhere.
    assert password not in "".join(repr(event) for event in entries(store))


def viewed(number: int) -> AuditEvent:
    actor = AuditActor("王芳", "u-1", "10.0.0.7")
    return AuditEvent(AuditKind.VIEW, datetime.now(UTC), actor, case_id=f"c-{number}")


def test_what_is_looked_at_again_is_written_once(store: Store) -> None:
    trail = AuditTrail(store)
    for number in (1, 2, 1, 1):
        trail.note(viewed(number), once=("s-1", number))
    trail.close()
    assert [event.case_id for event in entries(store)] == ["c-1", "c-2"]


def searched(trail: AuditTrail, text: str, session_id: str = "s-1") -> None:
    actor = AuditActor("王芳", "u-1", "10.0.0.7")
    event = AuditEvent(AuditKind.SEARCH, datetime.now(UTC), actor)
    trail.note_search(event, text, session_id=session_id)


def test_a_search_is_one_event_however_its_letters_come_and_never_says_what_was_sought(
    store: Store,
) -> None:
    trail = AuditTrail(store)
    for text in ("z", "zhao", "zhao min", "ZHAO  mingyue", "zhao", "zhao mingyue"):
        searched(trail, text)
    searched(trail, "zhao mingyue", session_id="s-2")
    searched(trail, "赵明月")
    assert trail.drain()
    # A page that is open asks the same again.
    searched(trail, "赵明月")
    assert trail.drain()
    trail.close()
    told = entries(store, AuditKind.SEARCH)
    first, second, third = (event.details["sought"] for event in told)
    assert first == second == sought_key(store.secret, "Zhao Mingyue")
    assert third == sought_key(store.secret, "赵明月")
    written = repr(told).casefold()
    assert "zhao" not in written
    assert "赵" not in written


def test_a_search_that_nobody_ends_is_written_once_it_is_over(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radraft.pipeline.audit_trail.SEARCH_GOES_ON_S", 0.05)
    trail = AuditTrail(sqlite_store)
    searched(trail, "赵")
    pause = threading.Event()
    while not entries(sqlite_store, AuditKind.SEARCH):
        pause.wait(0.02)
    trail.close()
    assert len(entries(sqlite_store, AuditKind.SEARCH)) == 1


def test_typing_on_and_on_hides_no_search(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radraft.pipeline.audit_trail.SEARCH_LASTS_S", 0.0)
    trail = AuditTrail(sqlite_store)
    for text in ("赵", "赵明", "赵明月"):
        searched(trail, text)
    trail.close()
    assert len(entries(sqlite_store, AuditKind.SEARCH)) == 3


def test_events_wait_for_a_database_that_takes_none_and_then_come_in_order(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("radraft.pipeline.audit_trail.RETRY_S", 0.05)
    settings = Settings(data_dir=Path(str(sqlite_store.engine.url.database)).parent)
    with sqlite_store.read() as session:
        seal = session.connection().exec_driver_sql("SELECT seal FROM audit_head").scalar_one()
    tampering.run(settings, "UPDATE audit_head SET seal = 'x'")
    trail = AuditTrail(sqlite_store)
    for number in range(5):
        trail.note(viewed(number))
    assert not trail.drain(0.3)
    tampering.run(settings, f"UPDATE audit_head SET seal = '{seal}'")
    assert trail.drain()
    trail.close()
    assert [event.case_id for event in entries(sqlite_store)] == [f"c-{n}" for n in range(5)]


def test_a_trail_ends_with_its_store(
    sqlite_store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = set(threading.enumerate())
    trail = AuditTrail(sqlite_store)
    trail.note(viewed(1))
    assert trail.drain()
    (thread,) = (t for t in set(threading.enumerate()) - before if t.name == "radraft-audit")
    sqlite_store.close()
    (tmp_path / "data").rename(tmp_path / "gone")
    trail.note(viewed(2))
    thread.join(30)
    assert not thread.is_alive()
    assert "audit_not_written: 1 events" in caplog.messages


def test_what_had_to_be_dropped_is_counted_in_the_next_event(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radraft.pipeline.audit_trail.RETRY_S", 0.05)
    monkeypatch.setattr("radraft.pipeline.audit_trail.MOST_WAITING", 3)
    assert MOST_WAITING > 3
    settings = Settings(data_dir=Path(str(sqlite_store.engine.url.database)).parent)
    with sqlite_store.read() as session:
        seal = session.connection().exec_driver_sql("SELECT seal FROM audit_head").scalar_one()
    tampering.run(settings, "UPDATE audit_head SET seal = 'x'")
    trail = AuditTrail(sqlite_store)
    for number in range(6):
        trail.note(viewed(number))
    tampering.run(settings, f"UPDATE audit_head SET seal = '{seal}'")
    assert trail.drain()
    trail.note(viewed(6))
    assert trail.drain()
    trail.close()
    events = entries(sqlite_store)
    # Whoever does more pushes nothing out of what he did before.
    assert [event.case_id for event in events] == ["c-0", "c-1", "c-2", "c-6"]
    assert sum(int(event.details.get("not_written", 0)) for event in events) == 3


def sign_and_amend(settings: Settings, case_ids: list[str], told: Connection) -> None:
    """Sign and reopen the cases in turn for ever; tells of each signature once it is there."""
    store = open_store(settings)
    service = Service(store, settings, load_profile("starter"))
    while True:
        for case_id in case_ids:
            working = service.case_view(case_id).working
            if working.state.value == "signed":
                working = service.signing.amend(
                    case_id, actor=wang(store), base_step=working.steps, reason="更正"
                )
            signed = service.signing.sign(
                case_id,
                base_revision=working.revision,
                base_step=working.steps,
                actor=wang(store),
            )
            told.send((case_id, signed.version))


@pytest.mark.slow
@pytest.mark.scaled
def test_a_kill_leaves_no_signature_without_its_event_and_no_event_without_its_signature(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    store = open_store(settings)
    case_ids = [seed.add(store, number) for number in range(2)]
    store.close()
    chance = random.Random(20261129)
    told: set[tuple[str, int]] = set()
    for _ in range(KILLS):
        told |= set(
            children.killed(sign_and_amend, settings, case_ids, chance=chance, most=12, within=0.05)
        )
        store = open_store(settings)
        assert faults(store) == []
        signed = {
            (event.case_id or "", int(event.details["version"]))
            for event in entries(store, AuditKind.SIGN)
        }
        assert told <= signed
        store.close()
    assert len(told) > KILLS


def test_a_signature_made_past_the_service_shows_whatever_its_date(
    store: Store, tmp_path: Path
) -> None:
    service = service_of(store, tmp_path)
    first = seed.add(store, 1)
    service.signing.sign(first, base_revision=1, base_step=0, actor=wang(store))
    with store.begin() as session:
        add_drafted(session, 2)
    past = tampering.signed(store, 3)
    assert past.signed_at < entries(store)[0].at
    assert faults(store) == [
        AuditFinding(AuditFault.UNAUDITED, case_id=past.case_id, version=past.version)
    ]
