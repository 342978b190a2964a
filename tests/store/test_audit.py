"""The audit: added to and never changed; what was done to it past radraft shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings as hypothesis_settings, strategies as st

from radraft.core.errors import StorageDamaged, StorageError
from radraft.core.settings import Settings
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, AuditQuery, Outcome
from radraft.store import audit
from radraft.store.audit_check import AuditFault, AuditFinding, compare, examine
from radraft.store.database import Store
from radraft.store.tables_audit import AuditRow
from tests.store import tampering

NOW = datetime(2026, 11, 29, 8, 0, 0, 123456, tzinfo=UTC)
WANG = AuditActor("王芳", "u-1", "10.0.0.7")


def event(number: int = 0, kind: AuditKind = AuditKind.VIEW, **more: object) -> AuditEvent:
    at = NOW + timedelta(seconds=number)
    return AuditEvent(kind, at, WANG, site="north", case_id=f"c-{number}", **more)  # type: ignore[arg-type]


def add(store: Store, *events: AuditEvent) -> None:
    for of in events:
        with store.begin() as session:
            audit.append(session, of)


def findings(store: Store) -> list[AuditFinding]:
    with store.read() as session:
        return [finding for part in examine(session) for finding in part.findings]


def faults(store: Store) -> set[AuditFault]:
    return {finding.fault for finding in findings(store)}


def test_events_are_kept_as_they_were_told_and_hold(store: Store) -> None:
    told = [
        event(1),
        event(2, AuditKind.SIGN, outcome=Outcome.REFUSED, code="report_blocked"),
        AuditEvent(AuditKind.LOG_IN, NOW, AuditActor(""), details={"login": "王 \u2028".strip()}),
    ]
    add(store, *told)
    with store.read() as session:
        found = audit.search(session, AuditQuery())
    assert [entry.event for entry in reversed(found.entries[:3])] == told
    assert [entry.sequence for entry in found.entries] == [4, 3, 2, 1]
    assert found.entries[-1].event.kind is AuditKind.BEGAN
    assert findings(store) == []


def test_events_of_one_transaction_are_sealed_one_behind_the_other(store: Store) -> None:
    add(store, event(1))
    told = [event(2), event(3, AuditKind.EXPORT), event(4)]
    with store.begin() as session:
        assert audit.append_all(session, told) == 5
    with store.read() as session:
        found = audit.search(session, AuditQuery()).entries
    assert [entry.event for entry in found[:3]] == told[::-1]
    assert len({entry.head for entry in found}) == 5
    assert findings(store) == []


def test_an_audit_of_which_only_the_beginning_is_there_holds(store: Store) -> None:
    assert findings(store) == []


@pytest.mark.parametrize("verb", ["UPDATE audit_events SET name = 'x'", "DELETE FROM audit_events"])
def test_the_database_itself_refuses_to_change_an_event(store: Store, verb: str) -> None:
    add(store, event(1))
    with pytest.raises((StorageError, sa.exc.DBAPIError)), store.begin() as session:
        session.execute(sa.text(verb))
    assert findings(store) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "'李'"),
        ("account_id", "NULL"),
        ("kind", "'export'"),
        ("outcome", "'failed'"),
        ("at", "'2020-01-01 00:00:00.000000'"),
        ("address", "'10.0.0.8'"),
        ("site", "'south'"),
        ("case_id", "'c-9'"),
        ("code", "'x'"),
        ("details", '\'{"a":"b"}\''),
        ("head", f"'{'a' * 64}'"),
    ],
)
def test_nothing_that_an_event_says_can_be_changed_unseen(
    store: Store, store_settings: Settings, column: str, value: str
) -> None:
    add(store, *(event(number) for number in range(1, 5)))
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(store_settings, f"UPDATE audit_events SET {column} = {value} WHERE sequence = 2")
    found = findings(store)
    assert AuditFinding(AuditFault.CHANGED, sequence=2) in found
    assert {finding.fault for finding in found} == {AuditFault.CHANGED}


def test_an_event_taken_out_of_the_middle_shows(store: Store, store_settings: Settings) -> None:
    add(store, *(event(number) for number in range(1, 5)))
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(store_settings, "DELETE FROM audit_events WHERE sequence = 3")
    assert AuditFinding(AuditFault.MISSING, sequence=3) in findings(store)


def test_an_event_taken_out_and_the_rest_renumbered_shows(
    store: Store, store_settings: Settings
) -> None:
    add(store, *(event(number) for number in range(1, 5)))
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(
        store_settings,
        "DELETE FROM audit_events WHERE sequence = 2",
        "UPDATE audit_events SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit_events SET sequence = 3 WHERE sequence = 4",
    )
    assert AuditFault.CHANGED in faults(store)


def test_two_events_that_change_places_show(store: Store, store_settings: Settings) -> None:
    add(store, *(event(number) for number in range(1, 5)))
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(
        store_settings,
        "UPDATE audit_events SET sequence = 99 WHERE sequence = 2",
        "UPDATE audit_events SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit_events SET sequence = 3 WHERE sequence = 99",
    )
    assert AuditFault.CHANGED in faults(store)


@pytest.mark.parametrize("end_too", [False, True])
def test_an_end_that_was_cut_off_shows(
    store: Store, store_settings: Settings, end_too: bool
) -> None:
    add(store, *(event(number) for number in range(1, 6)))
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(store_settings, "DELETE FROM audit_events WHERE sequence > 4")
    if end_too:
        tampering.run(
            store_settings,
            "UPDATE audit_head SET sequence = 4, "
            "head = (SELECT head FROM audit_events WHERE sequence = 4)",
        )
    assert faults(store) == {AuditFault.SEAL if end_too else AuditFault.END}


def test_an_audit_that_was_emptied_shows(store: Store, store_settings: Settings) -> None:
    add(store, event(1), event(2))
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(store_settings, "DELETE FROM audit_events")
    assert faults(store) == {AuditFault.END}


def test_an_audit_that_was_emptied_with_its_end_shows_and_takes_no_event(
    store: Store, store_settings: Settings
) -> None:
    add(store, event(1), event(2))
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(
        store_settings,
        "DELETE FROM audit_events",
        "UPDATE audit_head SET sequence = 0, head = '', seal = '', sent = 0",
    )
    assert faults(store) == {AuditFault.SEAL}
    with pytest.raises(StorageDamaged):
        add(store, event(3))
    assert faults(store) == {AuditFault.SEAL}


def test_nobody_can_say_that_events_were_sent(store: Store, store_settings: Settings) -> None:
    add(store, event(1))
    tampering.run(store_settings, "UPDATE audit_head SET sent = 999")
    assert faults(store) == {AuditFault.SEAL}
    with store.read() as session:
        assert audit.unsent(session) == 2


def test_an_event_that_cannot_be_read_is_named_and_the_rest_goes_on(
    store: Store, store_settings: Settings
) -> None:
    add(store, *(event(number) for number in range(1, 5)))
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(
        store_settings, "UPDATE audit_events SET kind = 'x', details = '[' WHERE sequence = 3"
    )
    assert findings(store) == [AuditFinding(AuditFault.CHANGED, sequence=3)]
    with store.read() as session:
        kinds = [entry.event.kind for entry in audit.after(session, 1, 10)]
        assert audit.search(session, AuditQuery()).entries[2].event.kind is AuditKind.DAMAGED
    assert kinds == [AuditKind.VIEW, AuditKind.DAMAGED, AuditKind.VIEW, AuditKind.VIEW]


def test_a_time_that_is_none_is_named_too(sqlite_store: Store) -> None:
    add(sqlite_store, event(1), event(2))
    settings = Settings(data_dir=Path(str(sqlite_store.engine.url.database)).parent)
    tampering.unprotect(settings, "audit_events")
    tampering.run(settings, "UPDATE audit_events SET at = 'x' WHERE sequence = 2")
    assert findings(sqlite_store) == [AuditFinding(AuditFault.CHANGED, sequence=2)]


def test_a_person_can_go_on_behind_what_is_there_and_it_says_so(
    store: Store, store_settings: Settings
) -> None:
    add(store, event(1), event(2))
    tampering.run(store_settings, "UPDATE audit_head SET seal = 'x'")
    with store.begin() as session:
        audit.reseal(session, event(9, AuditKind.RESEALED, details={"reason": "tested"}))
    add(store, event(3))
    assert findings(store) == []
    with store.read() as session:
        newest = audit.search(session, AuditQuery()).entries
    assert [entry.event.kind for entry in newest[:2]] == [AuditKind.VIEW, AuditKind.RESEALED]


def test_a_restored_older_audit_shows_against_an_export(
    store: Store, store_settings: Settings
) -> None:
    add(store, event(1), event(2))
    with store.read() as session:
        end = session.execute(sa.text("SELECT sequence, head, seal, sent FROM audit_head")).one()
    add(store, event(3))
    with store.read() as session:
        exported = [(entry.sequence, entry.head) for entry in audit.after(session, 0, 10)]
    tampering.unprotect(store_settings, "audit_events")
    tampering.run(
        store_settings,
        "DELETE FROM audit_events WHERE sequence > 3",
        f"UPDATE audit_head SET sequence = {end.sequence}, head = '{end.head}', "
        f"seal = '{end.seal}'",
    )
    assert findings(store) == []
    with store.read() as session:
        found = [finding for part in compare(session, exported) for finding in part.findings]
    assert found == [AuditFinding(AuditFault.EXPORT, sequence=4)]


def test_an_event_that_somebody_put_in_shows(store: Store, store_settings: Settings) -> None:
    add(store, event(1))
    tampering.run(
        store_settings,
        "INSERT INTO audit_events (sequence, kind, outcome, at, name, address, site, code, details,"
        " head) VALUES (3, 'view', 'done', '2026-11-29 08:00:00.000000', 'x', '', '', '', '{}',"
        f" '{'b' * 64}')",
    )
    assert {AuditFault.CHANGED, AuditFault.END} == faults(store)


def test_where_the_end_is_not_radrafts_own_nothing_is_added(
    store: Store, store_settings: Settings
) -> None:
    add(store, event(1))
    tampering.run(store_settings, f"UPDATE audit_head SET seal = '{'c' * 64}'")
    with pytest.raises(StorageDamaged) as error, store.begin() as session:
        audit.append(session, event(2))
    assert error.value.code == "audit_broken"


def test_events_of_many_threads_make_one_audit_without_a_gap(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: add(store, event(number)), range(40)))
    with store.read() as session:
        numbers = list(session.scalars(sa.select(AuditRow.sequence).order_by(AuditRow.sequence)))
    assert numbers == list(range(1, 42))
    assert findings(store) == []


def test_what_is_undone_leaves_no_event(store: Store) -> None:
    with pytest.raises(RuntimeError), store.begin() as session:
        audit.append(session, event(1))
        raise RuntimeError
    add(store, event(2))
    with store.read() as session:
        entry, began = audit.search(session, AuditQuery()).entries
    assert (entry.sequence, entry.event.case_id, began.sequence) == (2, "c-2", 1)


def test_a_search_chooses_by_what_it_names_and_goes_on_by_page(store: Store) -> None:
    other = AuditEvent(
        AuditKind.EXPORT,
        NOW + timedelta(days=1),
        AuditActor("李%", "u-2", "10.9.9.9"),
        site="south",
    )
    add(store, *(event(number) for number in range(1, 8)), other)
    queries = {
        "name": AuditQuery(name="李"),
        "no wildcard": AuditQuery(name="%"),
        "kind": AuditQuery(kinds=frozenset({AuditKind.EXPORT})),
        "site": AuditQuery(sites=frozenset({"south"})),
        "address": AuditQuery(address="10.9.9.9"),
        "account": AuditQuery(account_id="u-2"),
        "first": AuditQuery(first=NOW + timedelta(hours=12), name="李"),
    }
    with store.read() as session:
        for named, query in queries.items():
            found = audit.search(session, query)
            assert [entry.event for entry in found.entries] == [other], named
        assert not audit.search(session, AuditQuery(sites=frozenset())).entries
        assert not audit.search(session, AuditQuery(name="王", last=NOW)).entries
        pages = []
        query = AuditQuery(name="王")
        while True:
            page = audit.search(session, query, limit=3)
            pages.append([entry.sequence for entry in page.entries])
            if not page.more:
                break
            query = AuditQuery(name="王", before=page.entries[-1].sequence)
    assert pages == [[8, 7, 6], [5, 4, 3], [2]]


@given(st.text(max_size=300))
@hypothesis_settings(max_examples=200, deadline=None)
def test_a_detail_is_one_short_line_or_refused(text: str) -> None:
    fits = len(text) <= 200 and text.isprintable()
    try:
        made = event(1, details={"what": text})
    except ValueError:
        assert not fits
    else:
        assert fits
        assert made.details["what"] == text
