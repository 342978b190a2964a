"""An upgrade is tried on a copy first: of every database that earlier versions left."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from radraft.core.errors import BackupError, RadraftError
from radraft.core.settings import Settings
from radraft.store import backup, backup_database, migrations, restore, signatures, upgrade
from radraft.store.database import Store, open_store
from tests.backup_children import add_signed, still
from tests.postgres import Cluster
from tests.store import tampering

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stores"
STORES = ("1588ca4-first", "dc31f9e-kept", "3adb275-flywheel", "e340048-empty-migrations",
          "b9e49d5-today", "3895a5f-accounts")  # fmt: skip
POSTGRESQL = "b9e49d5-postgresql"


@dataclass(frozen=True)
class Kept:
    """A copy of a fixture that nothing opened yet, and an empty place of the same kind."""

    settings: Settings
    empty: Settings
    signed: dict[str, list[str]]
    """Case id -> its signed versions, as they are stored."""


@pytest.fixture(params=[*STORES, pytest.param(POSTGRESQL, marks=pytest.mark.postgres)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    name: str = request.param
    folder = shutil.copytree(FIXTURES / name, tmp_path / "data")
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    signed: dict[str, list[str]] = {}
    for case in expected["cases"].values():
        for content in case["signed"]:
            signed.setdefault(json.loads(content)["case_id"], []).append(content)
    new = tmp_path / "new"
    if name != POSTGRESQL:
        yield Kept(Settings(data_dir=folder), Settings(data_dir=new), signed)
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    old, fresh = f"kept_{tmp_path.name}", f"empty_{tmp_path.name}"
    cluster.create(old)
    cluster.create(fresh)
    settings = Settings(data_dir=folder, database_url=cluster.url(old))
    load = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    url = tampering.postgresql_url(settings)
    subprocess.run([*load, f"--dbname={url}", f"--file={folder / 'store.sql'}"], check=True)
    yield Kept(settings, Settings(data_dir=new, database_url=cluster.url(fresh)), signed)
    cluster.drop(old)
    cluster.drop(fresh)


def content_of(settings: Settings, folder: Path) -> str:
    """What the database holds, as a hash."""
    file = folder / "content"
    if not settings.database_url:
        with backup_database.copied(settings, file, lambda _done, _whole: None):
            pass
        content = file.read_bytes()
        file.unlink()
    else:
        url = tampering.postgresql_url(settings)
        command = ["pg_dump", "--no-owner", "--restrict-key=x", f"--dbname={url}"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            command.remove("--restrict-key=x")
            done = subprocess.run(command, capture_output=True, check=True)
        content = done.stdout
    return hashlib.sha256(content).hexdigest()


def databases(settings: Settings) -> set[str]:
    if not settings.database_url:
        return {path.name for path in (settings.data_dir / "scratch").iterdir() if path.is_dir()}
    with psycopg.connect(tampering.postgresql_url(settings)) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def signed_of(store: Store, case_ids: dict[str, list[str]]) -> dict[str, list[str]]:
    with store.read() as session:
        return {case_id: list(signatures.contents(session, case_id)) for case_id in case_ids}


def test_a_copy_is_upgraded_first_and_says_how_long_it_took_and_the_database_is_as_it_was(
    kept: Kept, tmp_path: Path
) -> None:
    (kept.settings.data_dir / "scratch").mkdir()
    before = content_of(kept.settings, tmp_path)
    there = databases(kept.settings)
    found = upgrade.rehearse(kept.settings, still)
    assert (found.faults, found.newest) == ({}, migrations.newest())
    assert found.before < found.newest
    assert found.seconds > 0
    assert found.counts["signatures"] == sum(map(len, kept.signed.values()))
    assert content_of(kept.settings, tmp_path) == before
    assert databases(kept.settings) == there


@pytest.mark.always
def test_what_was_signed_is_the_same_after_the_upgrade(kept: Kept) -> None:
    assert upgrade.upgrade(kept.settings) > 0
    found = upgrade.rehearse(kept.settings, still)
    assert (found.before, found.faults) == (migrations.newest(), {})
    store = open_store(kept.settings)
    assert signed_of(store, kept.signed) == kept.signed
    store.close()


@pytest.mark.always
def test_a_database_of_an_earlier_version_is_backed_up_as_it_is_and_put_back(
    kept: Kept, tmp_path: Path
) -> None:
    before = content_of(kept.settings, tmp_path)
    made = backup.make(kept.settings, tmp_path / "backups", still)
    assert made.manifest.schema_number < migrations.newest()
    assert made.missing == ()
    assert content_of(kept.settings, tmp_path) == before
    assert restore.restore(kept.empty, tmp_path / "backups", None, still).faults == {}
    store = open_store(kept.empty)
    assert signed_of(store, kept.signed) == kept.signed
    store.close()


def test_a_copy_in_which_a_signature_does_not_hold_shows_it(
    store: Store, store_settings: Settings
) -> None:
    case_id = add_signed(store, 1)
    tampering.change_text(store_settings, case_id, "所见f1", "大量气胸")
    assert "content_changed" in upgrade.rehearse(store_settings, still).faults


def test_a_copy_in_which_the_audits_end_does_not_hold_shows_it(
    store: Store, store_settings: Settings
) -> None:
    add_signed(store, 1)
    tampering.run(store_settings, "UPDATE audit_head SET sequence = 1")
    assert upgrade.rehearse(store_settings, still).faults == {"audit_end_unsealed": 1}


@pytest.mark.postgres
def test_a_user_who_may_make_no_database_is_told_so(
    cluster: Cluster, migrated: tuple[str, Path], tmp_path: Path
) -> None:
    template, made_with = migrated
    cluster.create("no_copies", template)
    shutil.copytree(made_with, tmp_path / "data")
    url = cluster.url("no_copies")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE ROLE reader_alone LOGIN")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_alone")
        connection.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader_alone")
    settings = Settings(
        data_dir=tmp_path / "data", database_url=url.replace("postgres@", "reader_alone@", 1)
    )
    with pytest.raises(BackupError) as error:
        upgrade.rehearse(settings, still)
    assert error.value.code == "upgrade_copy_refused"
    cluster.drop("no_copies")
    with psycopg.connect(
        cluster.url("postgres").replace("+psycopg", ""), autocommit=True
    ) as connection:
        connection.execute("DROP ROLE reader_alone")


def test_where_nothing_is_nothing_is_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with pytest.raises(RadraftError) as error:
        upgrade.rehearse(settings, still)
    assert error.value.code == "backup_nothing"
    assert not settings.data_dir.exists()
