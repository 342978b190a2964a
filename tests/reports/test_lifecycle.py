from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import ReportError, SignInError
from radraft.reports.editing import WorkingReport
from radraft.reports.lifecycle import (
    MOST_REMARK,
    SIGNATURES,
    STEPS,
    Move,
    Party,
    author_after,
    checked_remark,
    moved,
    open_moves,
    same_person,
    signature,
    wrote_alone,
)
from radraft.reports.people import Person, PersonKind, typed_person
from radraft.reports.roles import PERMISSIONS, Permission, Role
from radraft.reports.sign import SigningTerms, signed_by
from radraft.reports.signature_rule import (
    SignatureRule,
    alone_manner,
    reason_needed,
    require_password,
)
from radraft.reports.values import Manner, Report, ReportState

LEGAL = {
    "drafted": {
        "redraft": ("drafted", None, "anybody"),
        "edit": ("writing", "write", "anybody"),
        "submit": ("submitted", "write", "anybody"),
        "sign_alone": ("signed", "sign", "anybody"),
    },
    "writing": {
        "edit": ("writing", "write", "anybody"),
        "submit": ("submitted", "write", "author"),
        "take_over": ("writing", "write", "other"),
        "sign_alone": ("signed", "sign", "anybody"),
    },
    "submitted": {
        "edit": ("submitted", "sign", "other"),
        "withdraw": ("writing", "write", "author"),
        "return": ("returned", "sign", "other"),
        "take_over": ("writing", "sign", "other"),
        "sign_reviewed": ("signed", "sign", "other"),
    },
    "returned": {
        "edit": ("returned", "write", "anybody"),
        "submit": ("submitted", "write", "author"),
        "take_over": ("writing", "write", "other"),
        "sign_alone": ("signed", "sign", "anybody"),
    },
    "signed": {"amend": ("amended", "amend", "anybody")},
    "amended": {
        "edit": ("amended", "write", "anybody"),
        "submit": ("amend_submitted", "write", "author"),
        "take_over": ("amended", "write", "other"),
        "sign_alone": ("signed", "sign", "anybody"),
        "cancel": ("signed", "amend", "anybody"),
    },
    "amend_submitted": {
        "edit": ("amend_submitted", "sign", "other"),
        "withdraw": ("amended", "write", "author"),
        "return": ("amend_returned", "sign", "other"),
        "take_over": ("amended", "sign", "other"),
        "sign_reviewed": ("signed", "sign", "other"),
    },
    "amend_returned": {
        "edit": ("amend_returned", "write", "anybody"),
        "submit": ("amend_submitted", "write", "author"),
        "take_over": ("amended", "write", "other"),
        "sign_alone": ("signed", "sign", "anybody"),
        "cancel": ("signed", "amend", "anybody"),
    },
}
"""Written out a second time, by state: where each step leads, what it needs, and whom it is for."""
EVERYTHING = frozenset(Permission)
AUTHOR = Person(PersonKind.ACCOUNT, "书写者", "a-1")
OTHER = Person(PersonKind.ACCOUNT, "审核者", "a-2")


def refusal(state: ReportState, move: Move, by: Person, permissions: frozenset[Permission]) -> str:
    with pytest.raises(ReportError) as error:
        moved(state, move, by=by, author=AUTHOR, permissions=permissions)
    return error.value.code


@pytest.mark.parametrize(("state", "move"), list(product(ReportState, Move)))
def test_only_these_steps_are_legal_and_only_for_whom_they_are(
    state: ReportState, move: Move
) -> None:
    line = LEGAL[state.value].get(move.value)
    if line is None:
        assert refusal(state, move, AUTHOR, EVERYTHING).startswith("report_")
        assert refusal(state, move, OTHER, EVERYTHING).startswith("report_")
        return
    after, permission, party = line
    for by, excluded in ((AUTHOR, "other"), (OTHER, "author")):
        if party == excluded:
            to_author = {"take_over": "already_the_author", "edit": "report_under_review"}
            code = "not_the_author" if by is OTHER else to_author.get(move.value, "author_reviews")
            assert refusal(state, move, by, EVERYTHING) == code
        else:
            assert moved(state, move, by=by, author=AUTHOR, permissions=EVERYTHING) == after
        if permission is not None:
            without = EVERYTHING - {Permission(permission)}
            code = refusal(state, move, by, without)
            assert code in {"step_not_allowed", "report_under_review"}


@pytest.mark.parametrize(
    ("state", "move", "code"),
    [
        ("signed", "edit", "report_is_signed"),
        ("signed", "sign_alone", "report_is_signed"),
        ("signed", "cancel", "report_not_amended"),
        ("writing", "amend", "report_not_signed"),
        ("writing", "sign_reviewed", "report_not_submitted"),
        ("returned", "return", "report_not_submitted"),
        ("writing", "withdraw", "report_not_submitted"),
        ("submitted", "submit", "report_under_review"),
        ("submitted", "sign_alone", "report_under_review"),
        ("amend_submitted", "cancel", "report_under_review"),
        ("writing", "cancel", "report_not_amended"),
        ("writing", "redraft", "report_move_refused"),
    ],
)
def test_what_cannot_happen_says_why(state: str, move: str, code: str) -> None:
    assert refusal(ReportState(state), Move(move), OTHER, EVERYTHING) == code


def test_an_edit_of_what_is_reviewed_says_so_to_whoever_only_writes() -> None:
    writes = PERMISSIONS[Role.RESIDENT]
    assert refusal(ReportState.SUBMITTED, Move.EDIT, AUTHOR, writes) == "report_under_review"


def test_every_state_can_be_reached_and_left() -> None:
    assert {step.after for step in STEPS.values()} == set(ReportState)
    assert {state for state, _ in STEPS} == set(ReportState)


@given(state=st.sampled_from(ReportState), role=st.sampled_from(Role), own=st.booleans())
def test_the_open_steps_are_those_that_are_not_refused(
    state: ReportState, role: Role, own: bool
) -> None:
    by, may = (AUTHOR if own else OTHER), PERMISSIONS[role]
    found = open_moves(state, by=by, author=AUTHOR, permissions=may)
    for move in Move:
        try:
            moved(state, move, by=by, author=AUTHOR, permissions=may)
        except ReportError:
            assert move not in found
        else:
            assert move in found


PEOPLE = {
    Person(PersonKind.ACCOUNT, name, f"a-{number}"): role
    for number, (name, role) in enumerate(
        [
            ("住院甲", Role.RESIDENT),
            ("住院乙", Role.RESIDENT),
            ("主治甲", Role.ATTENDING),
            ("主治乙", Role.ATTENDING),
            ("临床", Role.CLINICIAN),
            ("技师", Role.TECHNOLOGIST),
            ("工程师", Role.ENGINEER),
            ("管理员", Role.ADMINISTRATOR),
        ]
    )
}
TWO_NEEDED = "second_signature_needed"
tries = st.lists(st.tuples(st.sampled_from(Move), st.sampled_from(sorted(PEOPLE, key=str))))


@dataclass
class Life:
    """A report, as the table and the rule of who its author is move it."""

    state: ReportState = ReportState.DRAFTED
    author: Person | None = None
    signed: int = 0
    writers: tuple[Person, ...] = ()
    """Who saved words of the version that is signed next."""

    def take(self, move: Move, by: Person) -> bool:
        """Whether the step was taken; a refused one changes nothing."""
        permissions = PERMISSIONS[PEOPLE[by]]
        try:
            after = moved(self.state, move, by=by, author=self.author, permissions=permissions)
        except ReportError:
            return False
        self.author = author_after(move, by=by, author=self.author)
        self.state = after
        self.signed += move in SIGNATURES
        if move is Move.EDIT:
            self.writers = (*self.writers, by)
        elif after is ReportState.SIGNED:
            self.writers = ()
        return True

    def working(self) -> WorkingReport:
        """The report as it stands now."""
        return WorkingReport(
            case_id="c-0",
            report=Report("c-0", (), ()),
            revision=1,
            state=self.state,
            editor=self.author,
            saved_at=datetime(2026, 11, 29, tzinfo=UTC),
            base_version=0,
            author=self.author,
            writers=self.writers,
        )


@given(steps=tries)
def test_in_every_sequence_only_a_signature_signs_and_only_by_who_may(
    steps: list[tuple[Move, Person]],
) -> None:
    life = Life()
    for move, by in steps:
        before, author, signed = life.state, life.author, life.signed
        if not life.take(move, by):
            assert (life.state, life.author, life.signed) == (before, author, signed)
            continue
        if move is Move.SIGN_REVIEWED:
            assert author is not None
            assert not same_person(author, by)
        if move in SIGNATURES:
            assert PEOPLE[by] is Role.ATTENDING
        # What was signed once can be reopened and cancelled, and is never unsigned.
        if life.state is ReportState.SIGNED:
            assert move in SIGNATURES or move is Move.CANCEL
            assert life.signed > 0
        round_of_amendment = life.state.value.startswith("amend")
        assert round_of_amendment == (life.signed > 0 and life.state is not ReportState.SIGNED)


@given(steps=tries)
def test_in_every_sequence_a_report_that_is_written_has_an_author_who_writes(
    steps: list[tuple[Move, Person]],
) -> None:
    life = Life()
    for move, by in steps:
        life.take(move, by)
        written = life.state not in (ReportState.DRAFTED, ReportState.SIGNED)
        assert (life.author is not None) == written
        if life.author is not None:
            assert Permission.WRITE in PERMISSIONS[PEOPLE[life.author]]


@given(
    steps=tries,
    attending=st.booleans(),
    emergency=st.booleans(),
    reason=st.sampled_from(["", "抢救"]),
)
def test_where_two_sign_nobody_signs_another_s_words_alone(
    steps: list[tuple[Move, Person]], attending: bool, emergency: bool, reason: str
) -> None:
    rule = SignatureRule(True, attending, emergency)
    life = Life()
    for move, by in steps:
        before = life.working()
        if not life.take(move, by) or move is not Move.SIGN_ALONE:
            continue
        theirs = {person for person in (before.author, *before.writers) if person is not None}
        try:
            author, reviewer, signing = signed_by(before, by, SigningTerms(rule, reason))
        except ReportError as error:
            allowed = theirs <= {by} and (attending or (emergency and reason))
            assert not allowed
            if theirs - {by}:
                assert error.code == ("others_wrote" if rule.exceptions else TWO_NEEDED)
            return
        assert theirs <= {by}
        assert (author, reviewer) == (by, None)
        assert attending or (emergency and signing.manner is Manner.EMERGENCY and signing.reason)


@pytest.mark.parametrize("state", ["submitted", "writing", "returned", "amended"])
def test_taking_a_report_over_makes_nobody_its_only_writer(state: str) -> None:
    writer, taker = (person for person, role in PEOPLE.items() if role is Role.ATTENDING)
    life = Life(ReportState(state), writer, writers=(writer,))
    assert life.take(Move.TAKE_OVER, taker)
    with pytest.raises(ReportError, match="others_wrote"):
        signed_by(life.working(), taker, SigningTerms(SignatureRule(two_signatures=True)))
    assert not wrote_alone(taker, author=taker, writers=life.writers)
    assert wrote_alone(taker, author=taker, writers=(taker, taker))
    assert wrote_alone(taker, author=None, writers=())
    # Where one signature is enough, one person signs what several wrote.
    signer, reviewer, _ = signed_by(life.working(), taker, SigningTerms(SignatureRule()))
    assert (signer, reviewer) == (taker, None)


@pytest.mark.parametrize(
    ("alone", "reason", "expected"),
    [
        ((False, False), "", "second_signature_needed"),
        ((False, False), "抢救", "second_signature_needed"),
        ((True, False), "", Manner.ALONE),
        ((True, False), "抢救", Manner.ALONE),
        ((False, True), "", "emergency_reason_needed"),
        ((False, True), "抢救", Manner.EMERGENCY),
        ((True, True), "", Manner.ALONE),
        ((True, True), "抢救", Manner.EMERGENCY),
    ],
)
def test_who_may_sign_alone_is_the_site_s_rule(
    alone: tuple[bool, bool], reason: str, expected: Manner | str
) -> None:
    rule = SignatureRule(True, *alone)
    assert reason_needed(rule) == (alone == (False, True))
    if isinstance(expected, Manner):
        assert alone_manner(rule, own=True, reason=reason) is expected
        with pytest.raises(ReportError, match="others_wrote"):
            alone_manner(rule, own=False, reason=reason)
        return
    with pytest.raises(ReportError, match=expected):
        alone_manner(rule, own=True, reason=reason)


def test_where_one_signature_is_enough_it_is() -> None:
    assert alone_manner(SignatureRule(), own=False, reason="") is Manner.ALONE


def test_a_password_is_asked_for_where_the_rule_asks() -> None:
    require_password(SignatureRule(), confirmed=False)
    require_password(SignatureRule(reauthenticate=True), confirmed=True)
    with pytest.raises(SignInError, match="password_needed"):
        require_password(SignatureRule(reauthenticate=True), confirmed=False)


@pytest.mark.parametrize("state", ReportState)
def test_a_signature_is_a_review_of_what_was_submitted_alone(state: ReportState) -> None:
    reviewed = state in (ReportState.SUBMITTED, ReportState.AMEND_SUBMITTED)
    assert signature(state) is (Move.SIGN_REVIEWED if reviewed else Move.SIGN_ALONE)


def test_people_are_told_apart_by_their_accounts() -> None:
    renamed = Person(PersonKind.ACCOUNT, "改名", "a-1")
    assert same_person(AUTHOR, renamed)
    assert not same_person(AUTHOR, Person(PersonKind.ACCOUNT, AUTHOR.name, "a-9"))
    assert not same_person(AUTHOR, typed_person(AUTHOR.name))
    assert same_person(typed_person("王"), typed_person("王"))


@pytest.mark.parametrize("move", [Move.RETURN, Move.AMEND])
def test_who_returns_or_amends_says_why(move: Move) -> None:
    assert checked_remark(move, " 请补充左侧。 ") == "请补充左侧。"
    for remark, code in (
        ("", "remark_needed"),
        (" \n", "remark_needed"),
        ("字" * (MOST_REMARK + 1), "remark_too_long"),
        ("a\u202eb", "character_refused"),
    ):
        with pytest.raises(ReportError) as error:
            checked_remark(move, remark)
        assert error.value.code == code
    assert checked_remark(Move.SUBMIT, "") == ""


def test_the_parties_are_those_of_the_table() -> None:
    assert {step.party for step in STEPS.values()} == set(Party)
