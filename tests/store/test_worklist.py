"""The worklist by pages: its order, its filters, its search, its counts, and that each uses an
index; on both databases."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, update

from radraft.bench import department_studies
from radraft.core.errors import ReportError
from radraft.core.settings import Settings
from radraft.reports.lifecycle import Move
from radraft.reports.roles import PERMISSIONS, Role
from radraft.reports.turnround import TurnroundClock, TurnroundLimits
from radraft.store import (
    cases,
    late_images,
    quality,
    report_steps,
    reports,
    worklist_filling,
    worklist_pages,
)
from radraft.store.cases import CaseState
from radraft.store.database import Store, open_store
from radraft.store.signatures import sign
from radraft.store.tables import CaseRow, WorklistEntryRow
from radraft.store.values import Stage, WorklistFilter, WorklistPlace
from radraft.store.worklist_pages import Visible
from radraft.studies.quality.values import StudyQuality, Verdict
from radraft.studies.values import CheckedStudy, Patient, StudyPriority
from tests.builders import (
    actor,
    add_case,
    add_drafted,
    make_deid,
    make_draft,
    make_report,
    make_study,
    person,
    save_draft,
)

STORES = Path(__file__).parents[1] / "fixtures" / "stores"
BEGAN = datetime(2026, 5, 1, tzinfo=UTC)
CLOCK = TurnroundClock(
    TurnroundLimits(near_share=0.5, emergency={"other": 60}, default={"CT": 60, "other": 120}),
    BEGAN + timedelta(days=30),
)


def take_in(
    session: Any,
    number: int,
    *,
    name: str = "Doe^Jane",
    patient_id: str = "",
    accession: str = "",
    day: date | None = None,
    site: str = "site-a",
    modality: str = "CR",
    body_part: str = "CHEST",
    priority: StudyPriority = StudyPriority.UNKNOWN,
) -> str:
    """A study that was received `number` hours after the beginning."""
    study = make_study(
        number,
        patient=Patient(patient_id or f"ID-{number}", name, None, "F"),
        accession=accession or f"ACC-{number}",
        study_time=None if day is None else datetime(day.year, day.month, day.day, 8),
        priority=priority,
    )
    deid = make_deid(
        number, modality=modality, body_part=body_part, patient_ref=f"p-{study.patient.patient_id}"
    )
    cases.add_study(session, site=site, study=study, deid=deid, issues=(), original_keys=())
    came = BEGAN + timedelta(hours=number)
    session.execute(update(CaseRow).where(CaseRow.case_id == deid.case_id).values(received_at=came))
    return deid.case_id


def signed_by(session: Any, case_id: str, name: str) -> None:
    """Sign what a model drafted and nobody edited."""
    save_draft(session, make_draft(case_id))
    sign(session, case_id, base_revision=1, signer=actor(name).who, now=datetime.now(UTC))


def listed(store: Store, **asked: Any) -> list[str]:
    with store.read() as session:
        return [row.case_id for row in cases.worklist(session, **asked).rows]


def pages(store: Store, size: int, **asked: Any) -> list[list[str]]:
    """All pages, first to last."""
    found: list[list[str]] = []
    after: WorklistPlace | None = None
    while True:
        with store.read() as session:
            page = cases.worklist(session, limit=size, after=after, **asked)
        found.append([row.case_id for row in page.rows])
        after = page.next
        if after is None:
            return found


def test_pages_follow_one_another_through_every_part_without_gap_or_repetition(
    store: Store,
) -> None:
    with store.begin() as session:
        ids = [take_in(session, number) for number in range(12)]
        for case_id in ids[8:]:
            signed_by(session, case_id, "王")
        # Several of one instant: the last line of a page says which of them it was.
        for case_id in ids[2:5]:
            same = update(CaseRow).where(CaseRow.case_id == case_id)
            session.execute(same.values(received_at=BEGAN))
    critical = {ids[6]: ("pneumothorax",), ids[1]: ("pneumothorax",)}
    rest = [case_id for case_id in ids[:8] if case_id not in critical]
    rest.sort(key=lambda case_id: (case_id not in {ids[0], *ids[2:5]}, case_id if case_id in
                                   {ids[0], *ids[2:5]} else str(ids.index(case_id))))  # fmt: skip
    expected = [ids[1], ids[6], *rest, *reversed(ids[8:])]
    assert listed(store, critical=critical) == expected
    for size in (1, 2, 3, 5, 11, 12, 13):
        found = pages(store, size, critical=critical)
        assert [case_id for page in found for case_id in page] == expected
        assert {len(page) for page in found[:-1]} <= {size}


def test_a_page_stays_what_it_is_while_studies_arrive_and_are_signed(store: Store) -> None:
    with store.begin() as session:
        ids = [take_in(session, number) for number in range(10)]
    with store.read() as session:
        first = cases.worklist(session, limit=4)
    with store.begin() as session:
        take_in(session, 20)
        take_in(session, -1)
        signed_by(session, ids[1], "王")
    with store.read() as session:
        second = cases.worklist(session, limit=4, after=first.next)
    assert [row.case_id for row in second.rows] == ids[4:8]


def test_a_head_that_changes_meanwhile_loses_nobody(store: Store) -> None:
    with store.begin() as session:
        ids = [take_in(session, number) for number in range(6)]
    critical = dict.fromkeys(ids[:4], ("pneumothorax",))
    with store.read() as session:
        first = cases.worklist(session, limit=2, critical=critical)
        del critical[ids[1]]
        second = cases.worklist(session, limit=2, critical=critical, after=first.next)
    assert [row.case_id for row in first.rows] == ids[:2]
    assert [row.case_id for row in second.rows] == ids[2:4]


def test_many_alerts_that_close_while_somebody_turns_pages_hide_nobody(store: Store) -> None:
    with store.begin() as session:
        ids = [take_in(session, number) for number in range(30)]
    critical = dict.fromkeys(ids[:20], ("pneumothorax",))
    with store.read() as session:
        first = cases.worklist(session, limit=5, critical=critical)
    for closed in ids[:12]:
        del critical[closed]
    with store.read() as session:
        second = cases.worklist(session, limit=5, critical=critical, after=first.next)
    assert [row.case_id for row in second.rows] == ids[12:17]


@pytest.mark.parametrize("size", [3, 100])
def test_a_busy_sites_critical_drafts_leave_places_at_the_head_to_another_site(
    store: Store, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_pages, "HEAD_LINES", 4)
    with store.begin() as session:
        busy = [take_in(session, number) for number in range(20)]
        quiet = [take_in(session, 20 + number, site="site-b") for number in range(2)]
        plain = take_in(session, -1)
    critical = dict.fromkeys([*busy, *quiet], ("pneumothorax",))
    expected = [*busy[:2], *quiet, plain, *busy[2:]]
    found = pages(store, size, critical=critical)
    assert [case_id for page in found for case_id in page] == expected
    # Whoever asks for one site has all places for it.
    wanted = WorklistFilter(site="site-b")
    assert listed(store, critical=critical, wanted=wanted) == quiet
    visible = Visible(frozenset({"site-b"}))
    assert listed(store, critical=critical, visible=visible) == quiet


@pytest.mark.parametrize("few", [worklist_pages.FEW, 0], ids=["collected", "walked"])
def test_what_waits_stands_by_priority_and_then_by_how_long_it_waits(
    store: Store, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_pages, "FEW", few)
    stat, emergency, inpatient, routine, unknown = StudyPriority
    came = [routine, unknown, inpatient, stat, emergency, routine, stat, unknown]
    day = date(2026, 5, 1)
    with store.begin() as session:
        ids = [
            take_in(session, number, priority=priority, day=day)
            for number, priority in enumerate(came)
        ]
        signed_stat = take_in(session, -1, priority=stat, day=day)
        signed_by(session, signed_stat, "王")
        signed_last = take_in(session, 20, day=day)
        signed_by(session, signed_last, "王")
    waiting = [ids[number] for number in (3, 6, 4, 2, 0, 1, 5, 7)]
    # Of what is signed nobody waits.
    expected = [*waiting, signed_last, signed_stat]
    days = WorklistFilter(since=day, until=day)
    for wanted in (WorklistFilter(), WorklistFilter(search="doe"), days):
        assert listed(store, wanted=wanted) == expected, wanted
        for size in (1, 3, 4):
            found = [case_id for page in pages(store, size, wanted=wanted) for case_id in page]
            assert found == expected, (wanted, size)
    critical = {ids[number]: ("pneumothorax",) for number in (1, 2, 6)}
    assert listed(store, critical=critical)[:4] == [ids[6], ids[2], ids[1], ids[3]]
    assert [row.priority for row in first_rows(store, 3)] == [stat, stat, emergency]
    # An order that says it later moves the study, and an emergency's limit is its own.
    with store.begin() as session:
        late = update(CaseRow).where(CaseRow.case_id == ids[7])
        session.execute(late.values(priority=stat.value))
    assert listed(store)[:3] == [ids[3], ids[6], ids[7]]


def first_rows(store: Store, limit: int) -> list[Any]:
    with store.read() as session:
        return list(cases.worklist(session, limit=limit).rows)


def test_an_emergency_is_late_by_the_limit_of_emergencies(store: Store) -> None:
    limits = TurnroundLimits(
        near_share=0.5, emergency={"CT": 60, "other": 120}, default={"other": 600}
    )
    clock = TurnroundClock(limits, BEGAN + timedelta(minutes=90))
    stat, emergency, inpatient, *_ = StudyPriority
    with store.begin() as session:
        over = take_in(session, 0, modality="CT", priority=stat)
        near = take_in(session, 0 + 1, priority=emergency)
        session.execute(update(CaseRow).where(CaseRow.case_id == near).values(received_at=BEGAN))
        take_in(session, 2, modality="CT", priority=inpatient)
        session.execute(update(CaseRow).values(received_at=BEGAN))
    with store.read() as session:
        shown = cases.worklist(session, clock=clock, wanted=WorklistFilter(stage=Stage.LATE))
    assert [row.case_id for row in shown.rows] == [over, near]
    assert (shown.over, shown.near) == (1, 1)
    assert [row.limit_minutes for row in shown.rows] == [60, 120]


ODD_TIMES = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "soon", "", "2026-01-01"]


@pytest.mark.parametrize("part", [worklist_pages.HEAD, worklist_pages.OPEN, worklist_pages.SIGNED])
def test_a_place_that_is_none_is_refused_or_has_lines_after_it(store: Store, part: int) -> None:
    with store.begin() as session:
        take_in(session, 1)
    for key in ODD_TIMES:
        for wanted in (WorklistFilter(), WorklistFilter(search="doe")):
            with store.read() as session:
                try:
                    cases.worklist(session, wanted=wanted, after=WorklistPlace(part, 0, key, "c"))
                except ReportError as error:
                    assert (error.code, key) != ("worklist_place_invalid", "2026-01-01")
                    assert error.code == "worklist_place_invalid"


SEARCHES = [
    ("张", {1, 2}),
    ("張三", {1, 2}),
    ("三", {1, 2}),
    ("zhang", {1, 2, 3}),
    ("zhang san", {1, 2}),
    ("SAN ZHANG", {1, 2}),
    ("zs", {1, 2}),
    ("müller", {4}),
    ("jorg", {4}),
    ("ID-00", {1, 3}),
    ("id001", {1}),
    ("ACC-5", {5}),
    ("2026-05-03", {5}),
    ("20260503", {5}),
    ("2026/05/04", set()),
    ("%", set()),
    ("_", set()),
    ("Zhang^San=张^三", {1}),
    ("nobody", set()),
]


@pytest.mark.parametrize("few", [worklist_pages.FEW, 0], ids=["collected", "walked"])
def test_a_search_finds_by_name_number_accession_and_day(
    store: Store, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_pages, "FEW", few)
    with store.begin() as session:
        ids = {
            1: take_in(session, 1, name="Zhang^San=张^三", patient_id="ID-001"),
            2: take_in(session, 2, name="Cheung^Sam=張^三", patient_id="X2"),
            3: take_in(session, 3, name="Zhang^Wei", patient_id="ID-003"),
            4: take_in(session, 4, name="Müller^Jörg", patient_id="4"),
            5: take_in(session, 5, accession="ACC-5", patient_id="P5", day=date(2026, 5, 3)),
        }
        signed_by(session, ids[2], "王")
    for text, numbers in SEARCHES:
        wanted = WorklistFilter(search=text)
        assert set(listed(store, wanted=wanted)) == {ids[number] for number in numbers}, text
        with store.read() as session:
            assert cases.worklist(session, wanted=wanted).total == len(numbers), text
        flat = [case_id for page in pages(store, 1, wanted=wanted) for case_id in page]
        assert flat == listed(store, wanted=wanted), text


def fill_in(store: Store) -> dict[str, str]:
    """Studies that differ in everything one can ask for."""
    day = date(2026, 5, 2)
    with store.begin() as session:
        ids = {
            "received": take_in(session, 1, modality="CT", day=day),
            "drafted": take_in(
                session, 2, site="site-b", body_part="HAND", priority=StudyPriority.STAT
            ),
            "failed": take_in(session, 3, modality="DX", priority=StudyPriority.EMERGENCY),
            "mine": take_in(session, 4, day=day + timedelta(days=1)),
            "signed": take_in(session, 5, modality="CT"),
            "untouched": take_in(session, 6, site="site-b"),
            "amended": take_in(session, 7, site="site-b"),
        }
        cases.set_state(session, (ids["drafted"],), CaseState.DRAFTED)
        cases.set_state(session, (ids["failed"],), CaseState.FAILED)
        for name in ("mine", "signed"):
            report = make_report(ids[name], 1)
            reports.save(session, ids[name], report, base_revision=0, editor=actor("李").who)
        written, now = ids["signed"], datetime.now(UTC)
        report_steps.take(session, written, Move.SUBMIT, by=actor("李").who,
                          permissions=PERMISSIONS[Role.RESIDENT], now=now)  # fmt: skip
        sign(session, written, base_revision=2, signer=actor("王").who, now=now)
        signed_by(session, ids["untouched"], "王")
        signed_by(session, ids["amended"], "赵")
        report_steps.amend(session, ids["amended"], editor=actor("赵").who, reason="更正", now=now)
        quality.save(session, ids["failed"], StudyQuality(Verdict.POOR, (), (), None))
    return ids


def account(name: str) -> str:
    who = actor(name).who.id
    assert who is not None
    return who


FILTERS: list[tuple[WorklistFilter, set[str]]] = [
    (WorklistFilter(modality="CT"), {"received", "signed"}),
    (WorklistFilter(body_part="HAND"), {"drafted"}),
    (WorklistFilter(site="site-b"), {"drafted", "untouched", "amended"}),
    (WorklistFilter(verdict="poor"), {"failed"}),
    (WorklistFilter(phase="failed"), {"failed"}),
    (WorklistFilter(phase="signed", site="site-b"), {"untouched"}),
    (WorklistFilter(author=account("李")), {"mine", "signed"}),
    (WorklistFilter(reviewer=account("王")), {"signed"}),
    (WorklistFilter(person=account("王")), {"signed", "untouched"}),
    (WorklistFilter(person=account("赵")), {"amended"}),
    (WorklistFilter(since=date(2026, 5, 2)), {"received", "mine"}),
    (WorklistFilter(until=date(2026, 5, 2)), {"received"}),
    (WorklistFilter(since=date(2026, 5, 3), until=date(2026, 5, 3)), {"mine"}),
    (WorklistFilter(stage=Stage.SIGNED), {"signed", "untouched"}),
    (WorklistFilter(stage=Stage.DRAFTING), {"received"}),
    (WorklistFilter(stage=Stage.TODO), {"drafted", "failed", "mine", "amended"}),
    (WorklistFilter(stage=Stage.LATE), {"received", "drafted", "failed", "mine"}),
    (WorklistFilter(stage=Stage.LATE, modality="CT"), {"received"}),
    (WorklistFilter(stage=Stage.SIGNED, modality="CT", search="doe"), {"signed"}),
    (WorklistFilter(search="jane", since=date(2026, 5, 3)), {"mine"}),
    (WorklistFilter(modality="MR"), set()),
    (WorklistFilter(priority="stat"), {"drafted"}),
    (WorklistFilter(priority="emergency", stage=Stage.LATE), {"failed"}),
    (WorklistFilter(priority="unknown", site="site-b"), {"untouched", "amended"}),
    (WorklistFilter(priority="stat", search="doe"), {"drafted"}),
    (WorklistFilter(priority="inpatient"), set()),
]


@pytest.mark.parametrize("few", [worklist_pages.FEW, 0], ids=["collected", "walked"])
def test_each_filter_lists_and_counts_what_it_says(
    store: Store, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_pages, "FEW", few)
    ids = fill_in(store)
    for wanted, names in FILTERS:
        with store.read() as session:
            shown = cases.worklist(session, wanted=wanted, clock=CLOCK)
        assert {row.case_id for row in shown.rows} == {ids[name] for name in names}, wanted
        assert (shown.total, len(shown.rows)) == (len(names), len(names)), wanted
        assert shown.stages[wanted.stage] == len(names), wanted


def test_counts_and_pages_hold_what_the_person_may_see_and_nothing_else(store: Store) -> None:
    ids = fill_in(store)
    asked = {
        Visible(): set(ids),
        Visible(frozenset({"site-b"})): {"drafted", "untouched", "amended"},
        # A clinician's: once signed.
        Visible(frozenset(), frozenset({"site-b"})): {"untouched", "amended"},
        Visible(frozenset(), None): {"signed", "untouched", "amended"},
        Visible(frozenset({"site-a"}), frozenset({"site-b"})): set(ids) - {"drafted"},
        Visible(frozenset({"nowhere"})): set(),
    }
    for visible, names in asked.items():
        with store.read() as session:
            shown = cases.worklist(session, visible=visible)
        assert {row.case_id for row in shown.rows} == {ids[name] for name in names}
        assert shown.total == len(names)
        search = WorklistFilter(search="doe")
        assert set(listed(store, visible=visible, wanted=search)) == {ids[n] for n in names}


def people_of(store: Store, case_id: str) -> tuple[Any, ...]:
    """The names and accounts that the list has for a study: author, then reviewer."""
    with store.read() as session:
        entry = session.get_one(WorklistEntryRow, case_id)
        return entry.author, entry.author_account, entry.reviewer, entry.reviewer_account


def test_the_list_says_who_writes_and_who_signed_as_the_report_does(store: Store) -> None:
    now = datetime.now(UTC)
    resident, attending, other = (actor(name).who for name in ("李", "王", "赵"))
    writes, signs = PERMISSIONS[Role.RESIDENT], PERMISSIONS[Role.ATTENDING]
    with store.begin() as session:
        case_id = take_in(session, 1)
        report = make_report(case_id, 1)
        reports.save(session, case_id, report, base_revision=0, editor=resident)
        report_steps.take(session, case_id, Move.SUBMIT, by=resident, permissions=writes, now=now)
        corrected = make_report(case_id, 2)
        reports.save(session, case_id, corrected, base_revision=2, editor=attending,
                     permissions=signs)  # fmt: skip
    written = (resident.name, resident.id, None, None)
    assert people_of(store, case_id) == written
    with store.begin() as session:
        sign(session, case_id, base_revision=3, signer=attending, now=now)
    signed = (resident.name, resident.id, attending.name, attending.id)
    assert people_of(store, case_id) == signed
    with store.begin() as session:
        report_steps.amend(session, case_id, editor=other, reason="更正", now=now)
    assert people_of(store, case_id) == (other.name, other.id, None, None)
    with store.begin() as session:
        report_steps.cancel(session, case_id, by=attending, permissions=signs, now=now)
    assert people_of(store, case_id) == signed
    assert listed(store, wanted=WorklistFilter(author=account("李"))) == [case_id]
    assert listed(store, wanted=WorklistFilter(person=account("赵"))) == []


def test_whoever_takes_a_report_over_is_its_author_in_the_list(store: Store) -> None:
    with store.begin() as session:
        case_id = take_in(session, 1)
        report = make_report(case_id, 1)
        reports.save(session, case_id, report, base_revision=0, editor=actor("李").who)
        report_steps.take(
            session,
            case_id,
            Move.TAKE_OVER,
            by=actor("赵").who,
            permissions=PERMISSIONS[Role.RESIDENT],
            now=datetime.now(UTC),
        )
    assert people_of(store, case_id) == ("赵", account("赵"), None, None)


def entries(store: Store) -> list[Any]:
    with store.read() as session:
        table = WorklistEntryRow.__table__
        return list(session.execute(sa.select(table).order_by(table.c.case_id)))


def test_the_list_is_kept_whatever_happens_to_a_study_and_filling_it_anew_changes_nothing(
    store: Store,
) -> None:
    ids = fill_in(store)
    with store.begin() as session:
        drafted = add_drafted(session, 30)
        report = make_report(drafted, 1)
        reports.save(session, drafted, report, base_revision=1, editor=person("typed"))
        again = make_study(1, patient=Patient("NEW-1", "Roe^Rita", None, "F"))
        late_images.renew(
            session, CheckedStudy(again, ()), make_deid(1, patient_ref="p-new", modality="MR"), ()
        )
    kept = entries(store)
    assert {entry.phase for entry in kept} >= {"received", "failed", "amended", "signed"}
    assert listed(store, wanted=WorklistFilter(search="Roe")) == [ids["received"]]
    assert listed(store, wanted=WorklistFilter(search="NEW1", modality="MR")) == [ids["received"]]
    with store.begin() as session:
        worklist_filling.begin_anew(session)
    assert [filling.changed for filling in worklist_filling.fill(store)] == [0]
    refilled = entries(store)
    assert [entry._mapping for entry in refilled] == [entry._mapping for entry in kept]


@pytest.mark.parametrize("name", ["1588ca4-first", "3adb275-flywheel", "b9e49d5-today"])
def test_studies_that_were_taken_in_before_are_listed_and_found(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(STORES / name, tmp_path / "data")
    with sqlite3.connect(folder / "radraft.db") as connection:
        known = connection.execute("SELECT case_id, patient_name FROM study_identities").fetchall()
    connection.close()
    store = open_store(Settings(data_dir=folder))
    try:
        assert sorted(listed(store)) == sorted(case_id for case_id, _ in known)
        found = 0
        for case_id, patient_name in known:
            found += case_id in listed(store, wanted=WorklistFilter(search=patient_name))
        assert found == len(known) > 0
    finally:
        store.close()


def test_a_name_no_index_takes_is_kept_and_found(store: Store) -> None:
    long = "王" * 3000
    with store.begin() as session:
        case_id = take_in(session, 1, name=long, accession="9" * 3000, body_part="B" * 3000)
    assert listed(store, wanted=WorklistFilter(search="王王")) == [case_id]
    assert listed(store, wanted=WorklistFilter(search="9" * 70)) == [case_id]


@contextmanager
def asked_of(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are sent meanwhile by who reads, with their values."""
    sent: list[tuple[str, Any]] = []
    engine = store._reading

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        sent.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plan(session: Any, statement: str, values: Any) -> list[str]:
    connection = session.connection()
    if store_is_sqlite := connection.dialect.name == "sqlite":
        explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    else:
        explained = connection.exec_driver_sql(f"EXPLAIN {statement}", values)
    return [row[3] if store_is_sqlite else row[0] for row in explained]


ASKED = [
    WorklistFilter(),
    *(wanted for wanted, _ in FILTERS),
    *(WorklistFilter(search=text) for text, _ in SEARCHES),
]


@pytest.mark.parametrize("few", [worklist_pages.FEW, 0], ids=["collected", "walked"])
def test_no_page_of_the_list_reads_all_of_it_or_sorts_what_it_walks(
    store: Store, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_pages, "FEW", few)
    fill_in(store)
    views = [
        Visible(),
        Visible(frozenset({"site-a", "site-b"})),
        Visible(frozenset(), frozenset({"site-b"})),
    ]
    after = WorklistPlace(worklist_pages.OPEN, 0, "", "")
    for wanted in ASKED:
        for visible in views:
            with store.read() as session, asked_of(store) as sent:
                first = cases.worklist(session, wanted=wanted, visible=visible, limit=1,
                                       clock=CLOCK)  # fmt: skip
                if first.next is not None:
                    after = first.next
                    cases.worklist(session, wanted=wanted, visible=visible, limit=1,
                                   clock=CLOCK, after=after)  # fmt: skip
            with store.read() as session:
                for statement, values in list(sent):
                    if "worklist_entries" not in statement:
                        continue
                    if store.engine.dialect.name == "postgresql":
                        # So small a table is read faster than its index: whether one could be used.
                        bitmaps = "off" if "ORDER BY" in statement else "on"
                        for way in ("seqscan = off", "sort = off", f"bitmapscan = {bitmaps}"):
                            session.execute(sa.text(f"SET LOCAL enable_{way}"))
                    steps = plan(session, statement, values)
                    whole = [
                        step
                        for step in steps
                        if ("SCAN worklist_entries" in step and "INDEX" not in step)
                        or "Seq Scan on worklist_entries" in step
                    ]
                    assert whole == [], (wanted, visible, statement, steps)
                    ordered = "ORDER BY" in statement
                    if any("One-Time Filter: false" in step for step in steps):
                        continue
                    sorts = [s for s in steps if "TEMP B-TREE FOR ORDER" in s or "Sort" in s]
                    assert not (ordered and sorts), (wanted, visible, statement, steps)


@pytest.mark.slow
def test_the_lines_of_a_search_cost_no_more_where_more_studies_match(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that PostgreSQL's plans touch, steps that SQLite's programs take: of the lines, and of
    counting the same, which looks at each match. For who sees all sites, and for who sees some."""
    monkeypatch.setattr(worklist_pages, "FEW", 20)
    department_studies.fill(store, 3000)
    department_studies.settle(store)
    for visible in (Visible(), Visible(frozenset({"site-0", "site-1"}))):
        asked: dict[str, Any] = {
            "wanted": WorklistFilter(search="li"), "visible": visible, "limit": 10, "clock": CLOCK
        }  # fmt: skip
        with store.read() as session, asked_of(store) as sent:
            shown = cases.worklist(session, counting=False, **asked)
        assert (len(shown.rows), shown.total, shown.stages) == (10, None, {})
        with store.read() as session, asked_of(store) as counting:
            matches = cases.worklist(session, **asked).total
        assert matches is not None and matches > 400
        lines = [statement for statement in sent if "worklist_entries" in statement[0]]
        both = [statement for statement in counting if "worklist_entries" in statement[0]]
        with store.read() as session:
            assert 4 * cost(session, lines) < cost(session, both), visible
            if session.get_bind().dialect.name == "postgresql":
                assert cost(session, lines) < matches / 2, visible


@pytest.mark.slow
@pytest.mark.postgres
def test_a_page_of_who_sees_some_sites_is_sorted_by_nobody(store: Store) -> None:
    """As PostgreSQL plans it by what it knows of its tables, with nothing forbidden."""
    if store.engine.dialect.name != "postgresql":
        pytest.skip("SQLite walks what it is told to")
    department_studies.fill(store, 3000)
    department_studies.settle(store)
    visible = Visible(frozenset({"site-0", "site-1"}))
    with store.read() as session, asked_of(store) as sent:
        cases.worklist(session, visible=visible, limit=10, counting=False)
    walks = [said for said in sent if "ORDER BY worklist_entries" in said[0]]
    assert len(walks) > 3
    with store.read() as session:
        for statement, values in walks:
            steps = plan(session, statement, values)
            assert not [step for step in steps if "Sort" in step], steps


def cost(session: Any, statements: list[tuple[str, Any]]) -> int:
    """How much the database does for these statements, the same on every machine."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        explained = (
            connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {said}", values)
            for said, values in statements
        )
        return sum(rows_read(plan.scalar()[0]["Plan"]) for plan in explained)
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    raw = connection.connection.driver_connection
    raw.set_progress_handler(step, 100)
    for said, values in statements:
        connection.exec_driver_sql(said, values).all()
    raw.set_progress_handler(None, 0)
    return steps


def rows_read(node: dict[str, Any]) -> int:
    """Rows that the scans of a plan looked at."""
    below = sum(map(rows_read, node.get("Plans", ())))
    if "Scan" not in node["Node Type"]:
        return below
    looked_at = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return below + int(looked_at * node["Actual Loops"])


def test_what_a_column_holds_is_asked_value_by_value(store: Store) -> None:
    fill_in(store)
    with store.read() as session:
        kinds = worklist_pages.kinds(session, Visible())
        assert kinds == (("CR", "CT", "DX"), ("CHEST", "HAND"))
        assert worklist_pages.kinds(session, Visible(frozenset({"site-b"}))) == (
            ("CR",),
            ("CHEST", "HAND"),
        )


def test_the_states_that_are_waited_for_are_counted_alone(store: Store) -> None:
    with store.begin() as session:
        add_case(session, 1)
        add_drafted(session, 2)
    with store.read() as session:
        counted = cases.state_counts(session, CaseState.RECEIVED, CaseState.FAILED)
    assert counted == {CaseState.RECEIVED: 1, CaseState.FAILED: 0}
