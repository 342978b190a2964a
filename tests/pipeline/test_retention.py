"""A retention rule moves and drops images of old studies, and nothing else, at whatever moment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select, text

from radraft.core.errors import NotFound, RadraftError, StorageUnavailable
from radraft.core.settings import Settings
from radraft.pipeline import retention as runs
from radraft.pipeline.retention import RetentionSum
from radraft.reports.audit import AuditKind
from radraft.reports.retention import HeldBack, parse
from radraft.store import (
    alerts,
    audit,
    backup,
    cases,
    images,
    key_images,
    priors,
    report_steps,
    restore,
    retention,
    retention_rules,
    soundness,
)
from radraft.store.base import Base
from radraft.store.database import Store, open_store
from radraft.store.priors import LinkState
from radraft.store.retention import RetentionStep
from radraft.store.sql import insert_new
from radraft.store.tables import PriorLinkRow, RetentionRuleRow, RetentionStepRow
from tests import children
from tests.backup_children import still
from tests.builders import actor, make_images, person
from tests.reports.test_alerts import LEFT, finding
from tests.retention_site import (
    BY,
    FROZEN,
    KEPT,
    SITE,
    add_study,
    apply_once,
    apply_to,
    derived,
    files,
    later,
    put_original,
    set_rule,
)
from tests.scale import on_both, scaled
from tests.store import tampering

pytestmark = [
    pytest.mark.slow,
    on_both(
        "test_of_two_runs_at_once_one_works_and_the_other_is_told",
        "test_a_run_that_is_killed_at_any_moment_loses_nothing_and_the_next_one_finishes",
        "test_what_is_moved_is_read_as_before_and_nothing_else_changes",
        "test_images_are_dropped_while_a_new_study_of_the_patient_comes",
        "test_an_image_that_comes_with_a_new_study_while_it_is_dropped_is_there_afterwards",
        "test_what_is_dropped_is_gone_recorded_and_said_and_nothing_else_changes",
        "test_a_run_on_another_machine_keeps_others_out",
        "test_a_damaged_rule_keeps_its_sites_images_and_stops_no_other_site",
    ),
]

KILLS = scaled(6, full=50)
UNTOUCHED = {
    "retention_steps", "audit_events", "audit_head"
}  # fmt: skip
"""The only tables that a run may write to."""


@dataclass(frozen=True)
class Site:
    """A site with an archive."""

    store: Store
    settings: Settings
    archive: Path
    objects: Path


@pytest.fixture
def site(store_settings: Settings, tmp_path: Path) -> Iterator[Site]:
    archive = tmp_path / "archive"
    archive.mkdir()
    settings = store_settings.model_copy(update={"archive_dir": archive})
    store = open_store(settings)
    yield Site(store, settings, archive, settings.data_dir / "objects")
    store.close()


def rows(store: Store) -> dict[str, list[str]]:
    """What every table holds that a run may not write to."""
    with store.read() as session:
        return {
            name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
            for name, table in Base.metadata.tables.items()
            if name not in UNTOUCHED
        }


def steps(store: Store, case_id: str) -> list[str]:
    with store.read() as session:
        wanted = select(RetentionStepRow.step).where(RetentionStepRow.case_id == case_id)
        return list(session.scalars(wanted.order_by(RetentionStepRow.number)))


def image_id(number: int) -> str:
    return make_images("c-0", seed=number).images[0].image_id


def shown(store: Store, case_id: str) -> tuple[str, ...]:
    with store.read() as session:
        return tuple(
            image.image_id for image in images.load(session, store.objects, case_id).images
        )


def test_a_dry_run_says_how_much_is_concerned_and_changes_nothing(site: Site) -> None:
    old = add_study(site.store, 1)
    add_study(site.store, 2, modality="CT")
    set_rule(site.store, "CR: move after 365 days, drop after 3650 days")
    for days, moved, dropped in ((364, 0, 0), (400, 1, 0), (4000, 0, 1)):
        now = later(site.store, days)
        before = (rows(site.store), files(site.objects))
        (result,) = runs.plan(site.store, now, still)
        assert (result.moved.studies, result.dropped.studies) == (moved, dropped)
        assert (rows(site.store), files(site.objects)) == before
    assert steps(site.store, old) == []
    # Two files and a key image, then also what was made of it.
    assert result.dropped.objects == 2 + 2 + 3
    assert result.dropped.bytes == sum(
        len(content)
        for name, content in files(site.objects).items()
        if old in name or image_id(1) in name
    )


def test_what_is_moved_is_read_as_before_and_nothing_else_changes(site: Site) -> None:
    old, young = add_study(site.store, 1), add_study(site.store, 2, modality="CT")
    set_rule(site.store, "CR: move after 365 days")
    now = later(site.store, 400)
    before, there = rows(site.store), files(site.objects)
    seen = shown(site.store, old)
    (result,) = runs.apply(site.store, site.settings, BY, now, still)
    assert rows(site.store) == before
    moved = {
        name
        for name in there
        if name.startswith("originals/" + old)
        or (name.startswith("images/") and image_id(1) in name)
    }
    assert len(moved) == 4
    assert files(site.archive) == {name: there[name] for name in moved}
    assert files(site.objects) == {k: v for k, v in there.items() if k not in moved}
    assert {name: site.store.objects.get(name) for name in there} == there
    assert shown(site.store, old) == seen
    size = sum(len(there[name]) for name in moved)
    assert result.moved == RetentionSum(1, 4, size)
    assert (steps(site.store, old), steps(site.store, young)) == (["moved"], [])
    with site.store.read() as session:
        (entry,) = audit.search(session, _retention()).entries
    assert (entry.event.actor, entry.event.site) == (BY, SITE)
    assert entry.event.details["bytes"] == str(size)
    # Once.
    (again,) = runs.apply(site.store, site.settings, BY, now, still)
    assert again.moved == RetentionSum()
    assert soundness.faults_of(site.store) == {}


def test_what_is_dropped_is_gone_recorded_and_said_and_nothing_else_changes(site: Site) -> None:
    old, young = add_study(site.store, 1), add_study(site.store, 2, modality="CT")
    set_rule(site.store, "CR: move after 365 days, drop after 3650 days")
    runs.apply(site.store, site.settings, BY, later(site.store, 400), still)
    now = later(site.store, 4000)
    before, there = rows(site.store), {**files(site.archive), **files(site.objects)}
    (result,) = runs.apply(site.store, site.settings, BY, now, still)
    assert rows(site.store) == before
    gone = {name for name in there if old in name or image_id(1) in name}
    assert len(gone) == 7
    assert files(site.archive) == {}
    assert files(site.objects) == {name: there[name] for name in there if name not in gone}
    size = sum(len(there[name]) for name in gone)
    assert result.dropped == RetentionSum(1, 7, size)
    assert (steps(site.store, old), steps(site.store, young)) == (
        ["moved", "dropped", "removed"], []
    )  # fmt: skip
    with site.store.read() as session:
        entry = audit.search(session, _retention()).entries[0]
        recorded = retention.dropped(session, old)
    assert (entry.event.case_id, entry.event.at, entry.event.actor) == (old, now, BY)
    assert entry.event.details == {
        "step": "dropped", "rule": "1", "studies": "1", "objects": "7", "bytes": str(size)
    }  # fmt: skip
    assert recorded == retention.DroppedImages(now, 1, ())
    with pytest.raises(NotFound, match="images_dropped") as error:
        shown(site.store, old)
    assert f"{now:%Y-%m-%d}" in error.value.message_zh
    assert soundness.faults_of(site.store) == {}


def test_an_image_that_a_younger_study_shows_stays(site: Site) -> None:
    old = add_study(site.store, 1)
    young = add_study(site.store, 2, shown=1, modality="CT")
    set_rule(site.store, "CR: move after 365 days, drop after 3650 days")
    for days in (400, 4000):
        runs.apply(site.store, site.settings, BY, later(site.store, days), still)
        for key in images.keys(image_id(1)):
            assert key in files(site.objects)
    assert shown(site.store, young) == (image_id(1),)
    with site.store.read() as session:
        recorded = retention.dropped(session, old)
    assert recorded is not None
    assert recorded.kept == (image_id(1),)


def test_an_image_that_two_old_studies_show_goes_with_the_last_of_them(site: Site) -> None:
    add_study(site.store, 1)
    add_study(site.store, 2, shown=1)
    set_rule(site.store, "*: drop after 100 days")
    first, second = make_case(1), make_case(2)
    runs.apply(site.store, site.settings, BY, later(site.store, 101), still)
    assert files(site.objects) == {}
    with site.store.read() as session:
        for case_id in (first, second):
            recorded = retention.dropped(session, case_id)
            assert recorded is not None
            assert recorded.kept == ()
    assert backup.make(site.settings, site.archive.with_name("backups"), still).missing == ()


def test_what_a_training_pair_was_made_with_stays_and_its_originals_go(site: Site) -> None:
    old = add_study(site.store, 1, patient_ref=KEPT)
    set_rule(site.store, "*: move after 100 days, drop after 1000 days")
    runs.apply(site.store, site.settings, BY, later(site.store, 101), still)
    assert all(name.startswith("originals/") for name in files(site.archive))
    assert len(files(site.archive)) == 2
    runs.apply(site.store, site.settings, BY, later(site.store, 1001), still)
    left = set(files(site.objects))
    assert left == {*images.keys(image_id(1)), *derived(make_images(old, seed=1))[:2]}
    assert shown(site.store, old) == (image_id(1),)


def test_a_damaged_rule_keeps_its_sites_images_and_stops_no_other_site(site: Site) -> None:
    old = add_study(site.store, 1)
    set_rule(site.store, "*: drop after 100 days")
    with site.store.begin() as session:
        burn = RetentionRuleRow(
            site="a-damaged-one", number=1, terms=("CR: burn",), by="x", at=datetime.now(UTC)
        )
        session.add(burn)
    now = later(site.store, 200)
    damaged, sound = runs.apply(site.store, site.settings, BY, now, still)
    assert (damaged.rule.site, damaged.rule.damaged) == ("a-damaged-one", True)
    assert (damaged.moved, damaged.dropped) == (RetentionSum(), RetentionSum())
    assert (sound.rule.damaged, sound.dropped.studies) == (False, 1)
    assert steps(site.store, old)[-1] == "removed"
    with site.store.begin() as session:
        rule = parse(["CR: move after 3 days"])
        again = retention_rules.change(session, "a-damaged-one", rule, by="x", now=now)
    assert (again.number, again.damaged) == (2, False)


def test_a_frozen_case_and_one_with_an_open_alert_keep_everything(site: Site) -> None:
    add_study(site.store, 1, patient_ref=FROZEN)
    alerted = add_study(site.store, 2)
    with site.store.begin() as session:
        alerts.update(
            session, alerted, [finding(LEFT)], actor=actor("王发现"), now=datetime.now(UTC)
        )
    set_rule(site.store, "*: move after 100 days, drop after 1000 days")
    before = files(site.objects)
    for days in (101, 1001):
        (result,) = runs.apply(site.store, site.settings, BY, later(site.store, days), still)
        assert result.held_back == {HeldBack.ALERT: 1, HeldBack.FROZEN: 1}
        assert (result.moved, result.dropped) == (RetentionSum(), RetentionSum())
    assert files(site.objects) == before


def test_a_study_without_a_signed_report_is_moved_where_the_rule_says_so_and_never_dropped(
    site: Site,
) -> None:
    unsigned = add_study(site.store, 1, signed=False)
    reopened = add_study(site.store, 2)
    with site.store.begin() as session:
        report_steps.amend(
            session, reopened, editor=person("李"), reason="更正", now=datetime.now(UTC)
        )
    set_rule(site.store, "*: drop after 100 days")
    before = files(site.objects)
    runs.apply(site.store, site.settings, BY, later(site.store, 5000), still)
    assert files(site.objects) == before
    set_rule(site.store, "*: drop after 100 days; * unsigned: move after 500 days")
    (result,) = runs.apply(site.store, site.settings, BY, later(site.store, 5000), still)
    assert result.moved.studies == 2
    assert (steps(site.store, unsigned), steps(site.store, reopened)) == (["moved"], ["moved"])
    assert shown(site.store, unsigned) == (image_id(1),)


def test_images_of_a_signed_report_that_does_not_hold_stay(site: Site) -> None:
    old = add_study(site.store, 1)
    set_rule(site.store, "*: drop after 100 days")
    before = files(site.objects)
    tampering.change_text(site.settings, old, "所见f1", "大量气胸")
    runs.apply(site.store, site.settings, BY, later(site.store, 200), still)
    assert files(site.objects) == before
    assert steps(site.store, old) == []


def test_a_run_that_is_killed_at_any_moment_loses_nothing_and_the_next_one_finishes(
    site: Site, tmp_path: Path
) -> None:
    chance = Random(5)
    moving = [add_study(site.store, number, modality="CT") for number in range(1, 9)]
    dropping = [add_study(site.store, number) for number in range(11, 19)]
    shared = add_study(site.store, 21, shown=11, modality="MR")
    set_rule(site.store, "CT: move after 100 days", "CR: drop after 100 days")
    now = later(site.store, 200)
    before, there = rows(site.store), files(site.objects)
    for _ in range(KILLS):
        children.killed(apply_to, site.settings, now, chance=chance, most=8, within=0.2)
        _nothing_referenced_is_lost(site, there, before)
    runs.apply(site.store, site.settings, BY, now, still)
    _nothing_referenced_is_lost(site, there, before)
    assert [steps(site.store, case_id) for case_id in moving] == [["moved"]] * 8
    assert [steps(site.store, case_id) for case_id in dropping] == [["dropped", "removed"]] * 8
    assert shown(site.store, shared) == (image_id(11),)
    left = {name for name in there if not any(case_id in name for case_id in dropping)}
    left = {n for n in left if not any(image_id(number) in n for number in range(12, 19))}
    assert set(files(site.objects)) | set(files(site.archive)) == left
    assert set(files(site.objects)) & set(files(site.archive)) == set()
    assert list((site.archive / ".staged").glob("*")) == []
    with site.store.read() as session:
        entries = audit.search(session, _retention()).entries
    told = [entry.event.case_id for entry in entries if entry.event.details["step"] == "dropped"]
    assert sorted(filter(None, told)) == sorted(dropping)
    assert soundness.faults_of(site.store) == {}


def _nothing_referenced_is_lost(
    site: Site, there: dict[str, bytes], before: dict[str, list[str]]
) -> None:
    """Every object is read as it was, but of studies that are recorded as dropped."""
    assert rows(site.store) == before
    with site.store.read() as session:
        wanted = select(RetentionStepRow.case_id).where(
            RetentionStepRow.step == RetentionStep.DROPPED.value
        )
        dropped = set(session.scalars(wanted))
        gone = {one for case_id in dropped for one in retention.image_ids(session, case_id)}
        gone -= {image_id(11)}
    for name, content in there.items():
        if any(word in name for word in (*dropped, *gone)):
            continue
        assert site.store.objects.get(name) == content, name


def test_of_two_runs_at_once_one_works_and_the_other_is_told(site: Site) -> None:
    for number in range(1, 40):
        add_study(site.store, number)
    set_rule(site.store, "*: move after 100 days")
    now = later(site.store, 200)
    codes = children.together(apply_once, site.settings, now, processes=2)
    assert set(codes) <= {"", "retention_running"}
    assert "" in codes
    assert len(files(site.archive)) == 39 * 4
    assert [steps(site.store, make_case(number)) for number in range(1, 40)] == [["moved"]] * 39


def make_case(number: int) -> str:
    from tests.builders import make_deid

    return make_deid(number).case_id


@pytest.mark.postgres
def test_a_run_on_another_machine_keeps_others_out(site: Site, tmp_path: Path) -> None:
    if not site.settings.database_url:
        pytest.skip("one machine")
    with retention.only_run(site.store, tmp_path / "here"):
        assert apply_once(site.settings, later(site.store, 1)) == "retention_running"
    assert apply_once(site.settings, later(site.store, 1)) == ""


def test_an_image_that_comes_with_a_new_study_while_it_is_dropped_is_there_afterwards(
    site: Site,
) -> None:
    """The new study's pixels are stored, the old ones removed, and only then its row is written."""
    old = add_study(site.store, 1)
    set_rule(site.store, "*: drop after 100 days")
    new = add_study(site.store, 2, modality="CT")
    now = later(site.store, 200)
    made = make_images(new, seed=1)
    images.save(site.store.objects, made)
    runs.apply(site.store, site.settings, BY, now, still)
    assert steps(site.store, old)[-1] == "removed"
    with site.store.begin() as session:
        cases.lock(session, new)
        key_images.add_key_images(session, made)
        images.save_missing(site.store.objects, made)
    assert shown(site.store, new) == (image_id(1),)


@pytest.mark.postgres
def test_images_are_dropped_while_a_new_study_of_the_patient_comes(site: Site) -> None:
    """The new study has its key images recorded and is then tied to the old one, which the run
    holds while it waits for the key images: neither is given up."""
    if not site.settings.database_url:
        pytest.skip("one writer at a time")
    old = add_study(site.store, 1)
    set_rule(site.store, "CR: drop after 100 days")
    new = add_study(site.store, 2, modality="CT")
    now = later(site.store, 200)
    made = make_images(new, seed=3)
    images.save(site.store.objects, made)
    with ThreadPoolExecutor(1) as pool:
        with site.store.begin() as session:
            cases.lock(session, new)
            key_images.add_key_images(session, made)
            run = pool.submit(apply_once, site.settings, now)
            wait_for_a_lock(site.store, "key_images", unless=run.done)
            insert_new(
                session,
                PriorLinkRow,
                case_id=new,
                prior_case_id=old,
                confidence=1.0,
                reasons=(),
                state=LinkState.FOUND.value,
                at=now,
            )
        assert run.result() == ""
    assert steps(site.store, old)[-1] == "removed"
    assert shown(site.store, new) == (image_id(3),)


def wait_for_a_lock(store: Store, table: str, *, unless: Callable[[], bool]) -> None:
    """Return once somebody waits for the whole table."""
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE relation = :name ::regclass AND NOT granted"
    )
    while not unless():
        with store.read() as session:
            if session.scalar(waiting, {"name": table}):
                return


def test_images_that_came_after_the_decision_stay(site: Site) -> None:
    old = add_study(site.store, 1)
    set_rule(site.store, "*: drop after 100 days")
    now = later(site.store, 200)
    runs.apply(site.store, site.settings, BY, now, still)
    # As if it came by the storage's clock after the decision.
    key = put_original(site.store, old, b"late")
    stamp = now.timestamp() + 60
    os.utime(site.objects / key, (stamp, stamp))
    with site.store.begin() as session:
        cases.lock(session, old)
        retention.record(
            session, old, RetentionStep.DROPPED, rule=1, objects=0, size=0, by="x", now=now
        )
    runs.apply(site.store, site.settings, BY, now, still)
    assert set(files(site.objects)) == {key}


def test_an_archive_that_is_away_is_said_and_nothing_is_moved_to_its_place(site: Site) -> None:
    old = add_study(site.store, 1)
    set_rule(site.store, "CR: move after 100 days, drop after 1000 days")
    runs.apply(site.store, site.settings, BY, later(site.store, 200), still)
    young = add_study(site.store, 2)
    away = site.archive.with_name("away")
    site.archive.rename(away)
    for folder_is_there in (False, True):
        if folder_is_there:
            site.archive.mkdir()
        with pytest.raises(StorageUnavailable, match="archive_unreachable"):
            shown(site.store, old)
        assert shown(site.store, young) == (image_id(2),)
        for days in (200, 2000):
            with pytest.raises(StorageUnavailable, match="archive_unreachable"):
                runs.apply(site.store, site.settings, BY, later(site.store, days), still)
        with pytest.raises(StorageUnavailable, match="archive_unreachable"):
            runs.plan(site.store, later(site.store, 200), still)
        with pytest.raises(StorageUnavailable, match="archive_unreachable"):
            backup.make(site.settings, site.archive.with_name("backups"), still)
    assert files(site.archive) == {}
    site.archive.rmdir()
    away.rename(site.archive)
    assert shown(site.store, old) == (image_id(1),)


def test_a_rule_that_moves_needs_an_archive_outside_the_data_folder(site: Site) -> None:
    add_study(site.store, 1)
    set_rule(site.store, "*: move after 100 days")
    now = later(site.store, 200)
    inside = site.settings.data_dir / "archive"
    inside.mkdir()
    for folder, code in (
        (None, "retention_archive_unset"),
        (inside, "retention_archive_inside"),
        (site.archive / "not there", "archive_unreachable"),
    ):
        settings = site.settings.model_copy(update={"archive_dir": folder})
        store = open_store(settings)
        with pytest.raises(RadraftError) as error:
            runs.apply(store, settings, BY, now, still)
        assert error.value.code == code
        store.close()


def test_a_clock_that_is_years_ahead_of_the_audit_drops_nothing(site: Site) -> None:
    old = add_study(site.store, 1)
    set_rule(site.store, "*: drop after 100 days")
    now = later(site.store, 0)
    with pytest.raises(RadraftError, match="retention_clock"):
        runs.apply(site.store, site.settings, BY, now.replace(year=now.year + 20), still)
    assert steps(site.store, old) == []


def test_a_full_archive_ends_a_run_and_loses_nothing(site: Site) -> None:
    old = add_study(site.store, 1)
    key = put_original(site.store, old, bytes(200_000))
    set_rule(site.store, "*: move after 100 days")
    now = later(site.store, 200)
    there = files(site.objects)
    import resource

    most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageUnavailable, match="disk_full"):
            site.store.objects.move_to_archive(key) if (
                site.store.objects.archive is not None and not site.store.objects.archive.begin()
            ) else None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    assert files(site.objects) == there
    assert list((site.archive / ".staged").iterdir()) == []
    runs.apply(site.store, site.settings, BY, now, still)
    assert site.store.objects.get(key) == bytes(200_000)


def test_a_backup_holds_both_places_and_misses_nothing_that_was_dropped(
    site: Site, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from tests.store.test_backup import empty_place

    moved = add_study(site.store, 1, modality="CT")
    add_study(site.store, 2)
    paired = add_study(site.store, 3, patient_ref=KEPT)
    set_rule(site.store, "CT: move after 100 days", "CR: drop after 100 days")
    runs.apply(site.store, site.settings, BY, later(site.store, 200), still)
    made = backup.make(site.settings, tmp_path / "backups", still)
    assert made.missing == ()
    there = {**files(site.objects), **files(site.archive)}
    archive = tmp_path / "new-archive"
    with empty_place(site.settings, tmp_path / "new", request) as empty:
        empty = empty.model_copy(update={"archive_dir": archive})
        with pytest.raises(StorageUnavailable, match="archive_unreachable"):
            restore.restore(empty, tmp_path / "backups", None, still)
        archive.mkdir()
        assert restore.restore(empty, tmp_path / "backups", None, still).faults == {}
        assert files(archive) == files(site.archive)
        assert files(empty.data_dir / "objects") == files(site.objects)
        again = open_store(empty)
        assert shown(again, moved) == (image_id(1),)
        assert shown(again, paired) == (image_id(3),)
        again.close()
    # And where there is no slower storage any more, to one place.
    with empty_place(site.settings, tmp_path / "one", request) as empty:
        empty = empty.model_copy(update={"archive_dir": None})
        restore.restore(empty, tmp_path / "backups", None, still)
        assert files(empty.data_dir / "objects") == there
    # What the archive lost is named.
    shutil.rmtree(site.archive / "originals")
    assert len(backup.make(site.settings, tmp_path / "backups", still).missing) == 2


def test_what_is_moved_while_a_backup_is_made_is_in_it(site: Site, tmp_path: Path) -> None:
    add_study(site.store, 1, modality="CT")
    add_study(site.store, 2, modality="CT")
    set_rule(site.store, "CT: move after 100 days")
    now = later(site.store, 200)
    told: list[str] = []

    def move(text: str, _part: float) -> None:
        if text == "objects" and "objects" not in told:
            runs.apply(site.store, site.settings, BY, now, still)
        told.append(text)

    site.store.objects.archive.begin()  # type: ignore[union-attr]
    assert backup.make(site.settings, tmp_path / "backups", move).missing == ()
    assert "objects" in told


def test_a_new_study_whose_prior_lost_its_images_is_drafted_with_the_priors_text(
    site: Site,
) -> None:
    old = add_study(site.store, 1)
    set_rule(site.store, "*: drop after 100 days")
    runs.apply(site.store, site.settings, BY, later(site.store, 200), still)
    with site.store.read() as session:
        assert priors._images(session, site.store.objects, old) == ()


def _retention() -> audit.AuditQuery:
    return audit.AuditQuery(kinds=frozenset({AuditKind.RETENTION}))
