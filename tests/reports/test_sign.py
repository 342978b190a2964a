from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports.assertion import in_languages
from radraft.reports.codec import signed_from_json, signed_to_json
from radraft.reports.editing import RevisionConflict, WorkingReport
from radraft.reports.lifecycle import Move
from radraft.reports.people import typed_person
from radraft.reports.schema import SCHEMA
from radraft.reports.sign import signed_version, verify
from radraft.reports.skeleton import skeleton
from radraft.reports.training_pair import make_pair
from radraft.reports.values import (
    LANGS,
    ConfirmedLanguage,
    Coverage,
    Manner,
    ReportState,
    SignedReport,
    Signing,
)
from radraft.store import drafts, report_steps, reports
from radraft.store.database import Store
from radraft.store.pairs import save_pair
from radraft.store.signatures import contents, sign, versions
from tests.builders import (
    add_case,
    add_drafted,
    make_draft,
    make_report,
    make_sentence,
    person,
    save_draft,
)
from tests.scale import on_both

pytestmark = [
    pytest.mark.slow,
    on_both(
        "test_versions_are_chained",
        "test_no_sql_changes_what_was_signed",
        "test_an_error_after_signing_leaves_nothing_signed",
        "test_the_time_is_kept_in_utc",
    ),
]

NOW = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)


def signed_with_pair(store: Store) -> SignedReport:
    with store.begin() as session:
        case_id = add_drafted(session)
        signed = sign(session, case_id, base_revision=1, signer=person(" 王医生 "), now=NOW)
        draft = drafts.basis(session, case_id)
        assert draft is not None
        save_pair(session, make_pair(draft, signed, site="site-a", patient_ref="p-1"))
    return signed


def test_a_signature_freezes_the_report(store: Store) -> None:
    signed = signed_with_pair(store)
    with store.read() as session:
        assert versions(session, signed.case_id) == (signed,)
        work = reports.current(session, signed.case_id)
    assert (work.state, work.base_version, work.revision) == (ReportState.SIGNED, 1, 1)
    assert signed.report == make_report(signed.case_id)
    assert (signed.author, signed.reviewer, signed.version) == (person("王医生"), None, 1)
    assert signed.confirmed == tuple(ConfirmedLanguage(lang, signed.author) for lang in LANGS)
    assert signed.supersedes is None
    assert signed.draft_sha == make_draft(signed.case_id).request_sha
    assert verify(signed_to_json(signed))


def test_the_hash_can_be_computed_by_anyone(store: Store) -> None:
    signed = signed_with_pair(store)
    with store.read() as session:
        (content,) = contents(session, signed.case_id)
    assert content == signed_to_json(signed)
    fields = json.loads(content)
    assert fields["schema"] == SCHEMA
    del fields["content_sha"]
    assert canonical.sha256(fields) == signed.content_sha


def test_a_stored_version_with_any_byte_changed_does_not_verify(sqlite_store: Store) -> None:
    content = signed_to_json(signed_with_pair(sqlite_store))
    assert verify(content)
    for changed in (
        content.replace("所见f1", "所见f9"),
        content.replace(f'"schema":{SCHEMA}', '"schema":1'),
        content.replace("{", '{"author":null,', 1),
        content.replace(",", ", ", 1),
        content + " ",
        content[:-1],
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        "",
    ):
        assert changed != content
        assert not verify(changed)


def test_what_a_newer_version_signed_is_not_guessed_at(sqlite_store: Store) -> None:
    content = signed_to_json(signed_with_pair(sqlite_store))
    for schema in (f"{SCHEMA + 1}", "0", '"2"', "null", "1.5"):
        with pytest.raises(ReportError, match="stored_schema_unknown"):
            signed_from_json(content.replace(f'"schema":{SCHEMA}', f'"schema":{schema}'))


@pytest.mark.parametrize(
    "changes",
    [
        {"author": "张医生"},
        {"version": 2},
        {"signed_at": NOW + timedelta(microseconds=1)},
        {"reviewer": "x"},
        {"supersedes": "0" * 64},
        {"draft_sha": None},
        {"report": skeleton("c")},
        {"content_sha": "0" * 64},
    ],
)
def test_a_changed_version_does_not_verify(sqlite_store: Store, changes: dict[str, object]) -> None:
    signed = signed_with_pair(sqlite_store)
    assert not verify(signed_to_json(replace(signed, **changes)))  # type: ignore[arg-type]


def test_versions_are_chained(store: Store) -> None:
    first = signed_with_pair(store)
    case_id = first.case_id
    with store.begin() as session:
        report_steps.amend(
            session, case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
        )
        work = reports.save(
            session, case_id, make_report(case_id, 1), base_revision=1, editor=person("李")
        )
        report_steps.take(
            session, case_id, Move.SUBMIT, by=person("李"), permissions=reports.WRITER, now=NOW
        )
        second = sign(session, case_id, base_revision=work.revision, signer=person("赵"), now=NOW)
    assert (second.version, second.supersedes) == (2, first.content_sha)
    assert (second.reviewer, second.draft_sha) == (person("赵"), first.draft_sha)
    with store.read() as session:
        assert versions(session, case_id) == (first, second)
        assert reports.current(session, case_id).base_version == 2
    assert verify(signed_to_json(second))


def test_the_time_is_kept_in_utc(store: Store) -> None:
    beijing = timezone(timedelta(hours=8))
    with store.begin() as session:
        case_id = add_drafted(session)
        signed = sign(
            session, case_id, base_revision=1, signer=person("王"), now=NOW.astimezone(beijing)
        )
    assert signed.signed_at.tzinfo is UTC
    with store.read() as session:
        (kept,) = versions(session, case_id)
    assert kept == signed
    assert kept.signed_at.isoformat() == "2026-11-22T01:02:03.456789+00:00"
    with pytest.raises(ValueError, match="time zone"), store.begin() as session:
        sign(session, case_id, base_revision=1, signer=person("王"), now=datetime(2026, 1, 1))


def test_what_a_person_wrote_from_the_skeleton_names_no_draft(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session)
        failed = make_draft(case_id, skeleton(case_id), coverage=Coverage.FAILED)
        save_draft(session, failed)
        with pytest.raises(ReportError, match="report_empty"):
            sign(session, case_id, base_revision=1, signer=person("王"), now=NOW)
        reports.save(session, case_id, make_report(case_id), base_revision=1, editor=person("王"))
        signed = sign(session, case_id, base_revision=2, signer=person("王"), now=NOW)
    assert signed.draft_sha is None


@pytest.mark.parametrize(
    ("zh", "code"), [(" ", "sentence_empty"), ("心脏大小为____。", "sentence_unfilled")]
)
def test_blocking_issues_are_refused_by_their_code(sqlite_store: Store, zh: str, code: str) -> None:
    with sqlite_store.begin() as session:
        case_id = add_drafted(session)
        bad = make_sentence("p1", zh, " ")
        report = make_report(case_id)
        reports.save(
            session,
            case_id,
            replace(report, impression=(bad,)),
            base_revision=1,
            editor=person("王"),
        )
        with pytest.raises(ReportError) as error:
            sign(session, case_id, base_revision=2, signer=person("王"), now=NOW)
        assert error.value.code == code
        assert versions(session, case_id) == ()


def test_one_language_is_enough(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        case_id = add_drafted(session)
        report = replace(make_report(case_id, 0), impression=(make_sentence("i1", "正常。", " "),))
        reports.save(session, case_id, report, base_revision=1, editor=person("王"))
        assert sign(session, case_id, base_revision=2, signer=person("王"), now=NOW).version == 1


def test_signing_what_somebody_changed_or_signed_is_refused(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
        reports.save(
            session, case_id, make_report(case_id, 1), base_revision=1, editor=person("李")
        )
        with pytest.raises(RevisionConflict) as error:
            sign(session, case_id, base_revision=1, signer=person("王"), now=NOW)
        assert [change.sentence_id for change in error.value.changes] == ["f2", "f3"]
        sign(session, case_id, base_revision=2, signer=person("王"), now=NOW)
        with pytest.raises(ReportError, match="report_is_signed"):
            sign(session, case_id, base_revision=2, signer=person("王"), now=NOW)


BAD_NAMES = [
    "",
    "\t",
    "名" * 65,
    "a\x1bb",
    "王\u202e医生",
    "王\u200b医生",
    "王\u2066",
    "\ufeff王",
    "a\x85b",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_people_need_a_name_that_can_be_seen(name: str) -> None:
    with pytest.raises(ReportError, match="author_invalid"):
        typed_person(name)


def test_a_signature_is_never_dated_before_its_predecessor(store: Store) -> None:
    first = signed_with_pair(store)
    with store.begin() as session:
        now = report_steps.amend(
            session, first.case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
        )
    earlier = NOW - timedelta(microseconds=1)
    with pytest.raises(ReportError) as error, store.begin() as session:
        sign(session, first.case_id, base_revision=now.revision, signer=person("李"), now=earlier)
    assert error.value.code == "signed_before_previous"
    assert error.value.details == {"previous": "2026-11-22T01:02:03+00:00"}
    with store.begin() as session:
        again = sign(
            session, first.case_id, base_revision=now.revision, signer=person("李"), now=NOW
        )
        assert versions(session, first.case_id) == (first, again)


def test_the_signer_confirms_the_languages_that_were_shown_and_signs_no_other() -> None:
    work = WorkingReport("c-1", make_report("c-1"), 1, ReportState.WRITING, None, NOW, 0)
    signed = signed_version(
        work,
        before=None,
        draft=None,
        source=None,
        prior_given=False,
        author=person("王"),
        reviewer=person("赵"),
        signing=Signing(Manner.REVIEWED, NOW, "", password_confirmed=False),
        now=NOW,
        shown=("zh",),
    )
    assert signed.confirmed == (ConfirmedLanguage("zh", person("赵")),)
    assert signed.report == in_languages(work.report, ("zh",))
    assert [s.zh for s in signed.report.sentences] == [s.zh for s in work.report.sentences]
    assert not any(s.en for s in signed.report.sentences)


def test_an_error_after_signing_leaves_nothing_signed(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
    with pytest.raises(RuntimeError), store.begin() as session:
        sign(session, case_id, base_revision=1, signer=person("王"), now=NOW)
        raise RuntimeError
    with store.read() as session:
        assert versions(session, case_id) == ()
        assert reports.current(session, case_id).state is ReportState.DRAFTED


CHANGES = {
    "sqlite": [
        "UPDATE {table} SET case_id = case_id",
        "UPDATE OR REPLACE {table} SET case_id = 'c-2'",
        "UPDATE OR IGNORE {table} SET case_id = 'c-2'",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "REPLACE INTO {table} SELECT * FROM {table}",
        "INSERT INTO {table} SELECT * FROM {table} WHERE true "
        "ON CONFLICT DO UPDATE SET case_id = ''",
    ],
    "postgresql": [
        "UPDATE {table} SET case_id = case_id",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "SET session_replication_role = replica; DELETE FROM {table}",
        "INSERT INTO {table} SELECT * FROM {table} "
        "ON CONFLICT ON CONSTRAINT pk_{table} DO UPDATE SET case_id = ''",
    ],
}


@pytest.mark.parametrize("table", ["signed_reports", "training_pairs"])
def test_no_sql_changes_what_was_signed(store: Store, table: str) -> None:
    signed = signed_with_pair(store)
    with store.read() as session:
        before = session.execute(sa.text(f"SELECT * FROM {table}")).all()
    for change in CHANGES[store.engine.dialect.name]:
        statement = change.format(table=table)
        with pytest.raises(DBAPIError, match="append-only"), store.begin() as session:
            session.connection().exec_driver_sql(statement)
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), store.begin() as session:
        session.execute(sa.text("DELETE FROM cases"))
    with store.read() as session:
        assert session.execute(sa.text(f"SELECT * FROM {table}")).all() == before
        assert versions(session, signed.case_id) == (signed,)


def test_a_replacement_under_another_key_but_the_same_hash_is_refused(
    sqlite_store: Store,
) -> None:
    signed = signed_with_pair(sqlite_store)
    statement = (
        "INSERT OR REPLACE INTO signed_reports "
        "SELECT case_id, 7, 'forged', content_sha, signed_at FROM signed_reports"
    )
    with pytest.raises(DBAPIError, match="append-only"), sqlite_store.begin() as session:
        session.connection().exec_driver_sql(statement)
    with sqlite_store.read() as session:
        assert versions(session, signed.case_id) == (signed,)


def test_what_the_image_does_not_support_is_signed_only_when_it_was_kept(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session, least_support=2.0)
        drafted = make_report(case_id)
    with store.begin() as session, pytest.raises(ReportError) as error:
        sign(session, case_id, base_revision=1, signer=person("A"), now=NOW)
    assert error.value.code == "sentence_not_supported"
    keeping = replace(drafted, findings=tuple(replace(s, kept=True) for s in drafted.findings))
    with store.begin() as session:
        reports.save(session, case_id, keeping, base_revision=1, editor=person("A"))
        signed = sign(session, case_id, base_revision=2, signer=person("A"), now=NOW)
    assert [s.kept for s in signed.report.sentences] == [True, True, True, False]
    assert verify(signed_to_json(signed))
    assert not verify(signed_to_json(replace(signed, report=drafted)))
