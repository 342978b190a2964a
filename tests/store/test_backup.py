"""Backups are whole, made while others write, compared by hash, and put back to an empty place."""

from __future__ import annotations

import json
import random
import resource
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from radraft.core.errors import RadraftError, SettingsError, StorageDamaged, StorageUnavailable
from radraft.core.locks import alone
from radraft.core.settings import Settings
from radraft.reports import sign
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import EntryState, NewEntry, OutgoingForm
from radraft.store import (
    arrivals,
    audit,
    backup,
    backup_database,
    backup_manifest,
    cases,
    database,
    images,
    key_images,
    outbox,
    restore,
    signatures,
    soundness,
)
from radraft.store.backup_index import BackupIndex
from radraft.store.base import Base
from radraft.store.database import Store, open_store
from radraft.store.leases import Owner
from tests import children
from tests.backup_children import add_signed, back_up_for_ever, put_back, sign_for_ever, still
from tests.builders import signed_in
from tests.postgres import Cluster
from tests.s3 import S3Service
from tests.scale import scaled
from tests.store import tampering

pytestmark = pytest.mark.slow

KILLS = scaled(6, full=50)
_numbers = count(1)


@dataclass(frozen=True)
class Site:
    """A site with three signed cases, open, and an empty place of the same kind to restore to."""

    store: Store
    settings: Settings
    empty: Settings
    case_ids: tuple[str, ...]


@pytest.fixture
def site(
    store: Store, store_settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Site]:
    case_ids = tuple(add_signed(store, number) for number in (1, 2, 3))
    (store_settings.data_dir / "adapter.key").write_bytes(b"k" * 32)
    with empty_place(store_settings, tmp_path / "new", request) as empty:
        yield Site(store, store_settings, empty, case_ids)


@contextmanager
def empty_place(like: Settings, folder: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of an empty place, in a database of the same kind."""
    if not like.database_url:
        yield like.model_copy(update={"data_dir": folder})
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = f"restored_{next(_numbers)}"
    cluster.create(name)
    yield like.model_copy(update={"data_dir": folder, "database_url": cluster.url(name)})
    cluster.drop(name)


@pytest.fixture
def small(sqlite_store: Store, tmp_path: Path) -> Site:
    """As `site`, on SQLite only: for what does not depend on the database."""
    case_ids = tuple(add_signed(sqlite_store, number) for number in (1, 2, 3))
    (tmp_path / "data" / "adapter.key").write_bytes(b"k" * 32)
    settings = Settings(data_dir=tmp_path / "data")
    return Site(sqlite_store, settings, Settings(data_dir=tmp_path / "new"), case_ids)


def contents(store: Store) -> dict[str, tuple[str, ...]]:
    """Every signed report of every case, as it is stored."""
    with store.read() as session:
        listed = [row.case_id for row in cases.worklist(session, limit=1000).rows]
        return {case_id: signatures.contents(session, case_id) for case_id in sorted(listed)}


def objects(store: Store) -> dict[str, bytes]:
    return {item.key: store.objects.get(item.key) for item in store.objects.listing()}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(RadraftError) as error:
        call()
    assert error.value.message_zh
    assert error.value.message_en
    return error.value.code


def test_what_is_put_back_is_the_same_site(site: Site, tmp_path: Path) -> None:
    made = backup.make(site.settings, tmp_path / "backups", still)
    assert made.missing == ()
    assert made.manifest.counts == {"cases": 3, "signatures": 3, "audit_events": 4}
    back = restore.restore(site.empty, tmp_path / "backups", None, still)
    assert back.faults == {}
    again = open_store(site.empty)
    assert again.secret == site.store.secret
    assert contents(again) == contents(site.store)
    assert objects(again) == objects(site.store)
    assert len(objects(again)) == 6
    for name in ("site.secret", "adapter.key"):
        kept = site.empty.data_dir / name
        assert kept.read_bytes() == (site.settings.data_dir / name).read_bytes()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(site.empty.data_dir.stat().st_mode) == 0o700
    # And it works: the next study is signed there, and all holds.
    add_signed(again, 4)
    assert soundness.faults_of(again) == {}
    again.close()


@pytest.mark.always
def test_every_table_comes_back_row_for_row(site: Site, tmp_path: Path) -> None:
    signed_in(site.store, "王芳")
    before = rows(site.store)
    assert {"audit_head", "signature_head", "report_steps", "worklist_entries"} <= before.keys()
    assert len(before["worklist_entries"]) == 3
    backup.make(site.settings, tmp_path / "backups", still)
    assert restore.restore(site.empty, tmp_path / "backups", None, still).faults == {}
    again = open_store(site.empty)
    after = rows(again)
    assert len(before.pop("sessions")) == 1
    assert after.pop("sessions") == []
    assert after == before
    # What the database itself keeps up goes on: the list's triggers came with it.
    case_id = add_signed(again, 4)
    with again.read() as session:
        listed = {row.case_id: row for row in cases.worklist(session, limit=10).rows}
    assert len(listed) == 4
    assert listed[case_id].report_state == "signed"
    again.close()


def rows(store: Store) -> dict[str, list[str]]:
    """What every table holds."""
    with store.read() as session:
        return {
            name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
            for name, table in Base.metadata.tables.items()
        }


def test_an_audit_whose_end_was_cut_off_is_put_back_so_and_nobody_signs_until_it_is_resealed(
    site: Site, tmp_path: Path
) -> None:
    tampering.unprotect(site.settings, "audit_events")
    tampering.run(site.settings, "DELETE FROM audit_events WHERE sequence = 4")
    backup.make(site.settings, tmp_path / "backups", still)
    with pytest.raises(SettingsError, match="append_only_missing"):
        open_store(site.settings)
    found = restore.restore(site.empty, tmp_path / "backups", None, still).faults
    assert found["audit_end_differs"] == 1
    assert found["signature_not_audited"] == 1


def test_an_audit_whose_end_is_not_its_own_signs_nothing_after_a_restore_until_it_is_resealed(
    site: Site, tmp_path: Path
) -> None:
    tampering.run(site.settings, "UPDATE audit_head SET sequence = 3")
    backup.make(site.settings, tmp_path / "backups", still)
    found = restore.restore(site.empty, tmp_path / "backups", None, still).faults
    assert found == {"audit_end_unsealed": 1}
    again = open_store(site.empty)
    with pytest.raises(StorageDamaged, match="audit_broken"):
        add_signed(again, 4)
    with again.begin() as session:
        now = datetime.now(UTC)
        audit.reseal(session, AuditEvent(AuditKind.RESEALED, now, AuditActor("radraft")))
    add_signed(again, 5)
    assert soundness.faults_of(again) == {}
    again.close()


def test_what_a_later_backup_has_more_is_said_when_an_older_one_is_put_back(
    site: Site, tmp_path: Path
) -> None:
    first = backup.make(site.settings, tmp_path / "backups", still)
    add_signed(site.store, 4)
    add_signed(site.store, 5)
    last = backup.make(site.settings, tmp_path / "backups", still)
    back = restore.restore(site.empty, first.folder, None, still)
    assert back.faults == {}
    assert back.later == restore.LaterBackup(last.folder, signatures=2, events=2)


def test_of_a_later_backup_of_another_site_nothing_is_said(small: Site, tmp_path: Path) -> None:
    first = backup.make(small.settings, tmp_path / "backups", still)
    other = Settings(data_dir=tmp_path / "other")
    open_store(other).close()
    backup.make(other, tmp_path / "backups", still)
    assert restore.restore(small.empty, first.folder, None, still).later is None


def test_nobody_but_its_user_reads_a_backup(small: Site, tmp_path: Path) -> None:
    backup.make(small.settings, tmp_path / "backups", still)
    for path in [tmp_path / "backups", *(tmp_path / "backups").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_backup_made_while_others_sign_holds_whole_signatures_and_all_their_images(
    site: Site, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ours, theirs = children.context.Pipe(duplex=False)
    child = children.context.Process(target=sign_for_ever, args=(site.settings, 100, theirs))
    child.start()
    theirs.close()
    known = list(site.case_ids)
    restored = []
    try:
        for number in range(3):
            known += [ours.recv(), ours.recv()]
            while ours.poll():
                known.append(ours.recv())
            sure = set(known)
            made = backup.make(site.settings, tmp_path / "backups", still)
            known.append(ours.recv())
            assert made.missing == ()
            place = tmp_path / f"new-{number}"
            with empty_place(site.settings, place, request) as empty:
                assert restore.restore(empty, made.folder, None, still).faults == {}
                store = open_store(empty)
                held = contents(store)
                # All that was sure before; of what came meanwhile nothing by half.
                assert sure <= {case_id for case_id, signed in held.items() if signed}
                for case_id, signed in held.items():
                    assert all(sign.verify(content) for content in signed)
                    with store.read() as session:
                        count_of = len(key_images.key_images(session, case_id))
                        assert count_of == len(signed)
                        images.load(session, store.objects, case_id)
                store.close()
            restored.append(len(held))
    finally:
        child.kill()
        child.join()
        ours.close()
    assert restored == sorted(restored)
    assert restored[0] < restored[-1]


def test_what_is_signed_while_the_database_or_the_objects_are_copied_is_not_in_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A database of a test is smaller than one go.
    monkeypatch.setattr(backup_database, "PAGES_AT_ONCE", 5)
    steps: list[str] = []

    def move(text: str, _part: float) -> None:
        if steps.count(text) < 3:
            add_signed(site.store, 100 + len(steps))
        steps.append(text)

    made = backup.make(site.settings, tmp_path / "backups", move)
    assert (made.missing, made.manifest.counts["cases"]) == ((), 3)
    if not site.settings.database_url:
        # And the copying never began anew.
        pages = (made.folder / "database.sqlite").stat().st_size / 4096
        assert steps.count("database") <= pages / 5 + 1
    assert steps.count("objects") >= 3
    assert restore.restore(site.empty, tmp_path / "backups", None, still).faults == {}
    store = open_store(site.empty)
    assert tuple(contents(store)) == tuple(sorted(site.case_ids))
    store.close()


def test_what_waits_in_the_inbox_and_is_taken_in_meanwhile_is_in_the_backup_too(
    small: Site, tmp_path: Path
) -> None:
    waiting = small.settings.data_dir / "inbox" / "waits.dcm"
    waiting.parent.mkdir()
    waiting.write_bytes(b"bytes")
    new = arrivals.NewArrival("1.2", "1.2.3", "0" * 64, waiting.name, "CT", "a", datetime.now(UTC))
    with small.store.begin() as session:
        arrivals.add(session, [new])

    def move(text: str, _part: float) -> None:
        if text == "database":
            waiting.unlink(missing_ok=True)

    assert backup.make(small.settings, tmp_path / "backups", move).missing == ()
    restore.restore(small.empty, tmp_path / "backups", None, still)
    assert (small.empty.data_dir / "inbox" / "waits.dcm").read_bytes() == b"bytes"


def test_the_next_backup_copies_only_what_is_new(site: Site, tmp_path: Path) -> None:
    first = backup.make(site.settings, tmp_path / "backups", still)
    again = backup.make(site.settings, tmp_path / "backups", still)
    add_signed(site.store, 4)
    third = backup.make(site.settings, tmp_path / "backups", still)
    assert (first.copied, again.copied, third.copied) == (6, 0, 2)
    assert [made.manifest.files for made in (first, again, third)] == [6, 6, 8]
    # The earlier one is still the earlier one.
    back = restore.restore(site.empty, first.folder, None, still)
    assert (back.faults, back.examined.manifest.counts["cases"]) == ({}, 3)


def test_an_object_that_was_written_anew_is_copied_anew(small: Site, tmp_path: Path) -> None:
    small.store.objects.put("notes/a", b"first")
    first = backup.make(small.settings, tmp_path / "backups", still)
    small.store.objects.put("notes/a", b"other")
    second = backup.make(small.settings, tmp_path / "backups", still)
    for made, wanted, name in ((first, b"first", "one"), (second, b"other", "two")):
        place = Settings(data_dir=tmp_path / name)
        restore.restore(place, made.folder, None, still)
        assert (place.data_dir / "objects/notes/a").read_bytes() == wanted


def test_what_lies_in_the_data_folder_comes_back_and_nothing_that_can_be_made_again(
    small: Site, tmp_path: Path
) -> None:
    kept = ("adapters/a-1/x", "trusted_keys/n.pub", "inbox/i.dcm", "quarantine/q.dcm")
    left = ("logs/radraft.log", "scratch/s/x.dcm", "run/vllm.json", "adapters/.a-1/x")
    for name in (*kept, *left):
        path = small.settings.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    backup.make(small.settings, tmp_path / "backups", still)
    restore.restore(small.empty, tmp_path / "backups", None, still)
    for name in kept:
        assert (small.empty.data_dir / name).read_text() == name
    assert [name for name in left if (small.empty.data_dir / name).exists()] == []


def test_an_object_that_the_site_has_lost_is_said_and_keeps_no_backup_from_being_made(
    small: Site, tmp_path: Path
) -> None:
    (lost, *_) = sorted(item.key for item in small.store.objects.listing())
    small.store.objects.remove(lost)
    made = backup.make(small.settings, tmp_path / "backups", still)
    assert (made.missing, made.manifest.missing) == ((f"objects/{lost}",), 1)
    assert restore.restore(small.empty, made.folder, None, still).faults == {}


@pytest.mark.scaled
def test_a_killed_backup_is_none_and_the_one_before_is_put_back(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "backups"
    first = backup.make(site.settings, target, still)
    for number in range(100, 140):
        site.store.objects.put(f"notes/{number}", random.Random(number).randbytes(50_000))
    chance = random.Random(20261129)
    confirmed = {first.folder.name}
    unfinished = 0
    for _ in range(KILLS):
        heard = children.killed(
            back_up_for_ever, site.settings, target, chance=chance, most=90, within=0.02
        )
        confirmed |= {name for what, name in heard if what == "made"}
        folders = {path for path in target.iterdir() if path.name[0] == "2"}
        whole = {path for path in folders if (path / backup_manifest.NAME).exists()}
        assert confirmed <= {path.name for path in whole}
        for folder in folders - whole:
            assert refusal(lambda: restore.examine(folder, None, still)) == "backup_none"  # noqa: B023
            unfinished += 1
        for folder in whole:
            restore.examine(folder, None, still)
    assert unfinished
    # The next one clears up, and is whole.
    last = backup.make(site.settings, target, still)
    assert not list((target / "pool").glob("part-*"))
    assert {path for path in target.iterdir() if path.name[0] == "2"} == {
        path.parent for path in target.glob("*/manifest.json")
    }
    back = restore.restore(site.empty, target, None, still)
    assert (back.examined.folder, back.faults) == (last.folder, {})


def changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def manifest_says(folder: Path, secret: bytes | None = None, **fields: object) -> None:
    """Change what the manifest says; with the secret it is sealed anew."""
    path = folder / backup_manifest.NAME
    value = json.loads(path.read_text())
    value["backup"] |= fields
    path.write_text(json.dumps(value))
    if secret is not None:
        manifest = backup_manifest.Manifest.model_validate_json(json.dumps(value["backup"]))
        path.write_bytes(backup_manifest.text_of(manifest, secret))


def in_pool(folder: Path) -> Path:
    return sorted((folder.parent / "pool").glob("*/*"))[0]


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "manifest's counts": (
        lambda folder: manifest_says(folder, counts={"cases": 2}),
        "backup_manifest_changed",
    ),
    "manifest's hashes": (
        lambda folder: manifest_says(folder, beside={}),
        "backup_manifest_changed",
    ),
    "manifest cut": (
        lambda folder: (folder / "manifest.json").write_bytes(b'{"backup": {'),
        "backup_manifest_changed",
    ),
    "manifest of something else": (
        lambda folder: (folder / "manifest.json").write_bytes(b"[1]"),
        "backup_manifest_changed",
    ),
    "manifest gone": (lambda folder: (folder / "manifest.json").unlink(), "backup_none"),
    "index": (lambda folder: changed(folder / "files.sqlite"), "backup_file_changed"),
    "database": (lambda folder: changed(next(folder.glob("database.*"))), "backup_file_changed"),
    "database gone": (
        lambda folder: next(folder.glob("database.*")).unlink(),
        "backup_file_missing",
    ),
    "adapter key": (lambda folder: changed(folder / "adapter.key"), "backup_file_changed"),
    "object": (lambda folder: changed(in_pool(folder)), "backup_file_changed"),
    "object gone": (lambda folder: in_pool(folder).unlink(), "backup_file_missing"),
    "secret": (lambda folder: changed(folder / "site.secret"), "backup_secret_other"),
    "secret gone": (lambda folder: (folder / "site.secret").unlink(), "backup_file_missing"),
    "newer schema": (
        lambda folder: manifest_says(folder, schema_number="9999"),
        "backup_newer",
    ),
    "newer format": (lambda folder: manifest_says(folder, format=2), "backup_newer"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_backup_that_is_not_what_its_manifest_says_is_not_put_back(
    small: Site, tmp_path: Path, damage: str
) -> None:
    do, code = DAMAGE[damage]
    do(backup.make(small.settings, tmp_path / "backups", still).folder)
    assert refusal(lambda: restore.examine(tmp_path / "backups", None, still)) == code
    assert refusal(lambda: restore.restore(small.empty, tmp_path / "backups", None, still)) == code
    assert not small.empty.data_dir.exists()


def test_a_damaged_backup_does_not_keep_the_next_from_being_whole(
    small: Site, tmp_path: Path
) -> None:
    first = backup.make(small.settings, tmp_path / "backups", still)
    changed(first.folder / "files.sqlite")
    in_pool(first.folder).unlink()
    second = backup.make(small.settings, tmp_path / "backups", still)
    assert second.copied == 1
    assert restore.restore(small.empty, second.folder, None, still).faults == {}


def test_without_the_secret_there_is_none_in_the_backup_and_its_own_is_asked_for(
    site: Site, tmp_path: Path
) -> None:
    made = backup.make(site.settings, tmp_path / "backups", still, with_secret=False)
    secret = site.settings.data_dir / "site.secret"
    for path in (tmp_path / "backups").rglob("*"):
        assert path.is_dir() or secret.read_bytes() not in path.read_bytes()
        assert path.name != "adapter.key"

    def with_(given: Path | None) -> Callable[[], object]:
        return lambda: restore.restore(site.empty, made.folder, given, still)

    assert refusal(with_(None)) == "backup_secret_missing"
    other = tmp_path / "other.secret"
    other.write_bytes(bytes(32))
    assert refusal(with_(other)) == "backup_secret_other"
    assert not site.empty.data_dir.exists()
    assert restore.restore(site.empty, made.folder, secret, still).faults == {}
    assert (site.empty.data_dir / "site.secret").read_bytes() == secret.read_bytes()


def test_nothing_is_put_back_over_what_is_there(site: Site, tmp_path: Path) -> None:
    backup.make(site.settings, tmp_path / "backups", still)
    before = contents(site.store)

    def onto(settings: Settings) -> Callable[[], object]:
        return lambda: restore.restore(settings, tmp_path / "backups", None, still)

    assert refusal(onto(site.settings)) == "restore_not_empty"
    # An empty folder, and a database or objects that are somebody's.
    data = tmp_path / "fresh"
    url = site.settings.database_url or f"sqlite:///{site.settings.data_dir / 'radraft.db'}"
    assert refusal(onto(Settings(data_dir=data, database_url=url))) == "restore_not_empty"
    held = (site.settings.data_dir / "objects").as_uri()
    place = site.empty.model_copy(update={"objects_url": held})
    assert refusal(onto(place)) == "restore_not_empty"
    assert contents(site.store) == before
    assert soundness.faults_of(site.store) == {}
    assert not site.empty.data_dir.exists()


def test_a_restore_that_was_broken_off_is_neither_opened_nor_written_to(
    small: Site, tmp_path: Path
) -> None:
    backup.make(small.settings, tmp_path / "backups", still)
    restore.restore(small.empty, tmp_path / "backups", None, still)
    # As it is before its last step.
    for path in small.empty.data_dir.glob("radraft.db*"):
        path.unlink()
    with pytest.raises(SettingsError) as error:
        open_store(small.empty)
    assert error.value.code == "database_lost"
    again = refusal(lambda: restore.restore(small.empty, tmp_path / "backups", None, still))
    assert again == "restore_not_empty"


@pytest.mark.scaled
def test_a_killed_restore_leaves_the_whole_site_or_a_place_that_is_not_opened(
    small: Site, tmp_path: Path
) -> None:
    for number in range(40):
        small.store.objects.put(f"notes/{number}", bytes([number]) * 5_000)
    backup.make(small.settings, tmp_path / "backups", still)
    chance = random.Random(20261129)
    refused = 0
    for number in range(KILLS):
        place = Settings(data_dir=tmp_path / f"place-{number}")
        heard = children.killed(
            put_back, place, tmp_path / "backups", chance=chance, most=95, within=0.02
        )
        if (place.data_dir / "radraft.db").exists():
            store = open_store(place)
            assert contents(store) == contents(small.store)
            assert objects(store) == objects(small.store)
            store.close()
            continue
        assert ("restored", "") not in heard
        if place.data_dir.exists() and any(place.data_dir.iterdir()):
            opened = refusal(lambda: open_store(place))  # noqa: B023
            assert opened in {"database_lost", "site_secret_damaged"}
            again = refusal(lambda: restore.restore(place, tmp_path / "backups", None, still))  # noqa: B023
            assert again == "restore_not_empty"
            refused += 1
    assert refused


def test_of_two_restores_to_one_place_one_is_refused_and_takes_nothing_from_the_other(
    small: Site, tmp_path: Path
) -> None:
    backup.make(small.settings, tmp_path / "backups", still)
    other: list[str] = []

    def move(text: str, _part: float) -> None:
        # Hashes were compared and the place was found empty: now another comes first.
        if text == "hashes" and not other:
            other.append("restored")
            restore.restore(small.empty, tmp_path / "backups", None, still)

    again = refusal(lambda: restore.restore(small.empty, tmp_path / "backups", None, move))
    assert (again, other) == ("restore_not_empty", ["restored"])
    store = open_store(small.empty)
    assert contents(store) == contents(small.store)
    assert objects(store) == objects(small.store)
    store.close()


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [1, 4_096, 100_000, 2_000_000])
def test_a_full_disk_ends_a_backup_and_loses_nothing(
    small: Site, tmp_path: Path, size: int
) -> None:
    first = backup.make(small.settings, tmp_path / "backups", still)
    small.store.objects.put("notes/large", bytes(3_000_000))
    with disk_full_at(size):
        code = refusal(lambda: backup.make(small.settings, tmp_path / "backups", still))
    assert code == "backup_disk_full"
    assert [path.parent for path in (tmp_path / "backups").glob("*/manifest.json")] == [
        first.folder
    ]
    assert not list((tmp_path / "backups" / "pool").glob("part-*"))
    assert soundness.faults_of(small.store) == {}
    assert restore.restore(small.empty, tmp_path / "backups", None, still).faults == {}


def test_a_full_disk_ends_a_restore_and_the_place_is_empty_again(
    small: Site, tmp_path: Path
) -> None:
    small.store.objects.put("notes/large", bytes(3_000_000))
    backup.make(small.settings, tmp_path / "backups", still)
    with disk_full_at(2_000_000), pytest.raises(StorageUnavailable) as error:
        restore.restore(small.empty, tmp_path / "backups", None, still)
    assert error.value.code == "disk_full"
    assert list(small.empty.data_dir.iterdir()) == []
    assert restore.restore(small.empty, tmp_path / "backups", None, still).faults == {}


def test_a_place_that_cannot_hold_a_backup_is_said(small: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    def to(target: Path) -> str:
        return refusal(lambda: backup.make(small.settings, target, still))

    assert to(tmp_path / "file") == "backup_not_writable"
    assert to(tmp_path / "file" / "below") == "backup_not_writable"
    assert to(small.settings.data_dir / "backups") == "backup_inside_data"
    assert to(tmp_path) == "backup_inside_data"
    with alone(tmp_path / "backups" / ".lock"):
        assert to(tmp_path / "backups") == "backup_running"
    nothing = Settings(data_dir=tmp_path / "nothing")
    assert refusal(lambda: backup.make(nothing, tmp_path / "b", still)) == "backup_nothing"
    assert not nothing.data_dir.exists()


def test_another_secret_in_the_data_folder_ends_a_backup(small: Site, tmp_path: Path) -> None:
    (small.settings.data_dir / "site.secret").write_bytes(bytes(32))
    code = refusal(lambda: backup.make(small.settings, tmp_path / "backups", still))
    assert code == "site_secret_mismatch"
    assert not list((tmp_path / "backups").glob("2*"))


def test_nobody_is_signed_in_at_what_was_put_back(site: Site, tmp_path: Path) -> None:
    who = signed_in(site.store, "王芳")
    backup.make(site.settings, tmp_path / "backups", still)
    restore.restore(site.empty, tmp_path / "backups", None, still)
    store = open_store(site.empty)
    from radraft.store import sign_ins

    assert who.who.id is not None
    with site.store.read() as session:
        assert len(sign_ins.of_account(session, who.who.id)) == 1
    with store.read() as session:
        assert sign_ins.of_account(session, who.who.id) == ()
    store.close()


def test_what_waited_to_be_sent_is_held_where_it_is_put_back(site: Site, tmp_path: Path) -> None:
    final, form = OutgoingStatus.FINAL, OutgoingForm.SR
    with site.store.begin() as session:
        outbox.enqueue(
            session, [NewEntry("pacs", case_id, 1, 0, final, form) for case_id in site.case_ids]
        )
        outbox.claim(session, Owner(), {"pacs": 1})
    backup.make(site.settings, tmp_path / "backups", still)
    assert restore.restore(site.empty, tmp_path / "backups", None, still).held == 3
    store = open_store(site.empty)
    with store.begin() as session:
        assert {entry.state for entry in outbox.entries(session)} == {EntryState.HELD}
        assert outbox.claim(session, Owner(), {"pacs": 3}) == ()
    store.close()


def test_a_site_with_its_objects_in_s3_is_backed_up_and_put_back_to_s3(
    s3: S3Service, migrated_folder: Path, tmp_path: Path
) -> None:
    old, new = s3.new_bucket(), s3.new_bucket()
    shutil.copytree(migrated_folder, tmp_path / "data")
    settings = Settings(data_dir=tmp_path / "data", objects_url=f"s3://{old}/site")
    store = open_store(settings)
    for number in (1, 2, 3):
        add_signed(store, number)
    made = backup.make(settings, tmp_path / "backups", still)
    assert (made.copied, made.missing) == (6, ())
    assert backup.make(settings, tmp_path / "backups", still).copied == 0
    place = Settings(data_dir=tmp_path / "new", objects_url=f"s3://{new}/else")
    assert restore.restore(place, tmp_path / "backups", None, still).faults == {}
    kept = [
        {item.key: opened.get(item.key) for item in opened.listing()}
        for opened in (database.objects_of(settings), database.objects_of(place))
    ]
    assert kept[0] == kept[1]
    assert len(kept[1]) == 6
    assert not (place.data_dir / "objects").exists()
    store.close()


@pytest.mark.postgres
@pytest.mark.parametrize("store_settings", ["postgresql"], indirect=True)
def test_postgresql_programs_that_are_not_there_or_too_old_are_named(
    store_settings: Settings, store: Store, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    settings = store_settings.model_copy(update={"postgresql_bin": programs})

    def code() -> str:
        return refusal(lambda: backup.make(settings, tmp_path / "backups", still))

    assert code() == "backup_program_missing"
    for name in ("pg_dump", "pg_restore"):
        (programs / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n")
        (programs / name).chmod(0o755)
    assert code() == "backup_program_old"
    for name in ("pg_dump", "pg_restore"):
        (programs / name).write_text(
            f"#!/bin/sh\n[ \"$1\" = --version ] && echo '{name} (PostgreSQL) 99.1' || exit 3\n"
        )
    assert code() == "backup_program_failed"
    full = "pg_dump: error: could not write to output file: No space left on device"
    (programs / "pg_dump").write_text(
        f"#!/bin/sh\n[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 99.1' && exit 0\n"
        f"echo '{full}' >&2; exit 1\n"
    )
    assert code() == "backup_disk_full"
    assert not list((tmp_path / "backups").glob("2*"))


@pytest.mark.postgres
@pytest.mark.parametrize("store_settings", ["postgresql"], indirect=True)
def test_the_databases_password_stands_in_no_list_of_processes(
    store_settings: Settings, store: Store, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (programs / name).write_text(
            "#!/bin/sh\n"
            f"[ \"$1\" = --version ] && echo '{name} (PostgreSQL) 99.1' && exit 0\n"
            f'echo "$@" > {tmp_path}/said; echo "$PGPASSWORD" > {tmp_path}/known; exit 3\n'
        )
        (programs / name).chmod(0o755)
    url = store_settings.database_url.replace("postgres@", "postgres:planted-word@", 1)
    settings = store_settings.model_copy(update={"postgresql_bin": programs, "database_url": url})
    assert refusal(lambda: backup.make(settings, tmp_path / "b", still)) == "backup_program_failed"
    assert "--snapshot=" in (tmp_path / "said").read_text()
    assert "planted-word" not in (tmp_path / "said").read_text()
    assert (tmp_path / "known").read_text() == "planted-word\n"


@pytest.mark.postgres
def test_a_backup_of_one_database_is_not_put_back_to_the_other(
    small: Site, tmp_path: Path, cluster: Cluster
) -> None:
    backup.make(small.settings, tmp_path / "backups", still)
    cluster.create("another_kind")
    place = Settings(data_dir=tmp_path / "new", database_url=cluster.url("another_kind"))
    code = refusal(lambda: restore.restore(place, tmp_path / "backups", None, still))
    assert code == "restore_other_database"
    cluster.drop("another_kind")


def test_the_index_says_what_each_file_is(small: Site, tmp_path: Path) -> None:
    made = backup.make(small.settings, tmp_path / "backups", still)
    with BackupIndex(made.folder / "files.sqlite") as index:
        found = {file.path.removeprefix("objects/"): file for file in index.files()}
    assert found.keys() == objects(small.store).keys()
    for key, data in objects(small.store).items():
        assert (
            tmp_path / "backups/pool" / found[key].sha256[:2] / found[key].sha256
        ).read_bytes() == data
