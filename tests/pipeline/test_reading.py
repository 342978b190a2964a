"""Studies go by rule to the readers of another site, and what is begun stays with its reader."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from radraft.core.errors import NotFound, ReportError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.reading import decide_new, decide_waiting
from radraft.pipeline.service import Service
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.reports.reading_rule import ReadingRule
from radraft.reports.roles import Role
from radraft.store import audit, cases, reading
from radraft.store.database import Store
from radraft.store.tables import ReadingRulesRow
from radraft.store.values import WorklistFilter
from radraft.store.worklist_pages import Visible
from radraft.studies.values import StudyPriority
from tests.builders import actor, make_report, person
from tests.scale import on_both
from tests.ui import seed
from tests.ui.people import account_of

pytestmark = [
    pytest.mark.slow,
    on_both(
        "test_a_study_goes_where_a_rule_sends_it_and_once",
        "test_of_two_who_change_rules_one_does_and_both_sites_are_in_the_audit",
        "test_no_sql_changes_rules_or_who_reads",
        "test_the_list_of_a_reading_site_has_what_was_sent_to_it_and_no_more",
        "test_a_damaged_row_of_rules_keeps_its_sites_studies_at_home_and_nobody_elses",
    ),
]

CENTRE = ReadingRule("centre")
BY = person("管理员")


@pytest.fixture
def service(store: Store, tmp_path: Path) -> Service:
    """With people at `centre` and at `city`; studies are seeded at `test`."""
    for site in ("centre", "city"):
        account_of(store, f"{site}的医师", (Role.ATTENDING,), site)
    return Service(store, Settings(data_dir=tmp_path / "data"), load_profile("starter"))


def ruled(service: Service, *rules: ReadingRule) -> int:
    number = service.reading.rules("test").number
    return service.reading.set_rules("test", rules, base_number=number, by=BY).number


def places(store: Store, *case_ids: str) -> list[str]:
    """Where each is read, as the store decided and as the worklist has it."""
    with store.read() as session:
        found = []
        for case_id in case_ids:
            (row,) = (row for row in cases.worklist(session).rows if row.case_id == case_id)
            decided = reading.of_case(session, case_id)
            assert row.reading_site == ("" if decided is None else decided.reading_site)
            found.append(row.reading_site)
    return found


def test_without_rules_every_site_reads_its_own(service: Service, store: Store) -> None:
    case_id = seed.add(store)
    assert decide_waiting(store, "test", datetime.now(UTC)) == 0
    assert places(store, case_id) == [""]


def test_a_study_goes_where_a_rule_sends_it_and_once(service: Service, store: Store) -> None:
    case_id = seed.add(store)
    number = ruled(
        service, replace(CENTRE, modalities=("MR",)), replace(CENTRE, modalities=("CR",))
    )
    assert places(store, case_id) == ["centre"]
    with store.read() as session:
        decided = reading.of_case(session, case_id)
    assert decided is not None
    assert (decided.number, decided.rules_number, decided.rule) == (1, number, 2)
    for hours in (0, 1, 24):
        now = datetime.now(UTC) + timedelta(hours=hours)
        assert decide_waiting(store, "test", now) == 0
    with store.read() as session:
        assert reading.of_case(session, case_id) == decided


def test_the_priority_of_a_study_decides_where_a_rule_asks_for_it(
    service: Service, store: Store
) -> None:
    urgent = seed.add(store, priority=StudyPriority.STAT)
    other = seed.add(store, 2)
    ruled(service, replace(CENTRE, priorities=(StudyPriority.STAT,)))
    assert places(store, urgent, other) == ["centre", ""]


def test_a_study_that_comes_in_is_sent_at_once(service: Service, store: Store) -> None:
    seed.add(store)
    ruled(service, replace(CENTRE, more_than=1))
    case_id = seed.add(store, 2)
    with store.begin() as session:
        decide_new(session, "test", case_id, datetime.now(UTC))
    assert places(store, case_id) == ["centre"]


def test_what_is_more_than_a_site_can_read_is_sent_away_the_newest_first(
    service: Service, store: Store
) -> None:
    case_ids = [seed.add(store, number) for number in range(1, 5)]
    ruled(service, replace(CENTRE, more_than=3))
    assert places(store, *case_ids) == ["", "", "", "centre"]
    case_ids += [seed.add(store, number) for number in range(5, 7)]
    assert decide_waiting(store, "test", datetime.now(UTC)) == 2
    assert places(store, *case_ids) == ["", "", "", "centre", "centre", "centre"]


def test_the_hour_sends_what_waits_and_calls_nothing_back(service: Service, store: Store) -> None:
    case_id = seed.add(store)
    now = datetime.now(UTC)
    later = now + timedelta(hours=2)
    at = later.astimezone().hour
    ruled(service, replace(CENTRE, from_hour=at, to_hour=at + 1))
    assert decide_waiting(store, "test", now) == 0
    assert places(store, case_id) == [""]
    assert decide_waiting(store, "test", later) == 1
    assert places(store, case_id) == ["centre"]
    assert decide_waiting(store, "test", later + timedelta(hours=3)) == 0
    assert places(store, case_id) == ["centre"]


def test_revoked_rules_bring_back_what_nobody_has_begun(service: Service, store: Store) -> None:
    waiting, written, opened = (seed.add(store, number) for number in (1, 2, 3))
    ruled(service, CENTRE)
    reader = actor("读片人")
    report = make_report(written, 2)
    service.save(written, report, base_revision=1, actor=reader)
    service.opened(opened, reader)
    ruled(service)
    assert places(store, waiting, written, opened) == ["", "centre", "centre"]
    ruled(service, replace(CENTRE, reading_site="city"))
    assert places(store, waiting, written, opened) == ["city", "centre", "centre"]


def test_what_its_own_site_has_begun_is_sent_nowhere(service: Service, store: Store) -> None:
    opened, written = seed.add(store), seed.add(store, 2)
    service.opened(opened, actor("本院"))
    service.save(written, make_report(written, 2), base_revision=1, actor=actor("本院"))
    ruled(service, CENTRE)
    assert places(store, opened, written) == ["", ""]


def test_of_two_who_change_rules_one_does_and_both_sites_are_in_the_audit(
    service: Service, store: Store
) -> None:
    seed.add(store)
    ruled(service, CENTRE)
    with pytest.raises(ReportError, match="reading_rules_changed_meanwhile"):
        service.reading.set_rules("test", (), base_number=0, by=BY)
    for site, rule in (("test", replace(CENTRE, reading_site="nowhere")), ("nowhere", CENTRE)):
        with pytest.raises(NotFound, match="site_unknown"):
            service.reading.set_rules(site, (rule,), base_number=0, by=BY)
    assert service.trail.drain()
    with store.read() as session:
        query = AuditQuery(kinds=frozenset({AuditKind.CONFIGURATION}))
        events = [entry.event for entry in audit.search(session, query, 10).entries]
        assert [held.number for held in reading.history(session, "test")] == [1]
    assert (events[-1].site, events[-1].details["reading_sites"]) == ("test", "centre")
    assert [event.outcome.value for event in events[:-1]] == ["refused"] * 3


def test_no_sql_changes_rules_or_who_reads(service: Service, store: Store) -> None:
    seed.add(store)
    ruled(service, CENTRE)
    for statement in (
        "UPDATE reading_rules SET rules = '[]'",
        "DELETE FROM reading_rules",
        "UPDATE reading_assignments SET reading_site = 'x'",
        "DELETE FROM reading_assignments",
    ):
        with pytest.raises(DBAPIError, match="append-only"), store.begin() as session:
            session.execute(sa.text(statement))


def test_the_list_of_a_reading_site_has_what_was_sent_to_it_and_no_more(
    service: Service, store: Store
) -> None:
    sent, kept = seed.add(store), seed.add(store, 2)
    service.opened(kept, actor("本院"))
    ruled(service, CENTRE)

    def listed(sites: str, **wanted: str) -> list[str]:
        visible = Visible(frozenset({sites}), frozenset({sites}))
        with store.read() as session:
            found = cases.worklist(session, visible=visible, wanted=WorklistFilter(**wanted))
        assert found.total == len(found.rows)
        return sorted(row.case_id for row in found.rows)

    assert listed("centre") == [sent]
    assert listed("centre", site="test") == [sent]
    assert listed("centre", search="PLANTED") == [sent]
    assert listed("city") == listed("city", search="PLANTED") == []
    assert listed("test") == sorted([sent, kept])
    assert service.listing.choices(Visible(frozenset({"centre"}), frozenset())).sites == ("test",)


def test_a_damaged_row_of_rules_keeps_its_sites_studies_at_home_and_nobody_elses(
    service: Service, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    sent = seed.add(store, 1)
    ruled(service, CENTRE)
    with store.begin() as session:
        damaged = ReadingRulesRow(
            site="test", number=2, rules="{", by="x", by_account=None, at=datetime.now(UTC)
        )
        session.add(damaged)
    kept = seed.add(store, 2)
    with store.begin() as session:
        decide_new(session, "test", kept, datetime.now(UTC))
    assert places(store, sent, kept) == ["centre", ""]
    assert f"rules of reading of site test are damaged: case {kept} stays there" in caplog.text
    rules, _ = service.reading.overview(None)
    assert {held.site: held.damaged for held in rules}["test"]
    assert not any(held.damaged for held in rules if held.site != "test")
    # Setting them again is all that it takes.
    assert ruled(service, CENTRE) == 3
    assert places(store, sent, kept) == ["centre", "centre"]
