"""Adapters between sites: exported and imported."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from radraft.core import canonical
from radraft.core.errors import AdapterError
from radraft.finetune.adapt import archive, keys, travel
from radraft.llm.adapter import Adapter, AdapterState
from radraft.store import adapter_files, adapters
from radraft.store.pairs import pairs

from .sites import Site, adapters_in
from .world import contents, tiny_profile

pytestmark = pytest.mark.slow


def test_an_adapter_travels_and_becomes_a_candidate(
    home: tuple[Site, Adapter], parcel: Path, away: Site
) -> None:
    site, made = home
    assert parcel.name == "chest.radapter"
    assert parcel.stat().st_mode & 0o777 == 0o600
    got = away.brings_in(parcel)
    assert got.files == made.files == contents(away.settings, got)
    assert (got.site, got.base, got.rank) == ("site-b", made.base, made.rank)
    assert got.adapter_id != made.adapter_id
    assert got.state is AdapterState.CANDIDATE
    assert got.card["kind"] == "imported"
    origin = got.card["origin"]
    assert (origin["site"], origin["adapter_id"]) == (made.site, made.adapter_id)
    assert (origin["name"], origin["key"]) == ("home", keys.public(site.settings.data_dir))
    assert away.brings_in(parcel) == got
    assert adapters_in(away.settings) == [got.adapter_id]


def test_no_data_travels(home: tuple[Site, Adapter], parcel: Path) -> None:
    site, made = home
    content = parcel.read_bytes()
    with site.store.read() as session:
        every = list(pairs(session))
    assert len(every) == 8
    for pair in every:
        for name in (pair.case_id, pair.pair_id, *pair.image_ids):
            assert name.encode() not in content
    with zipfile.ZipFile(parcel) as opened:
        about = json.loads(opened.read(archive.CARD))
    assert about["pairs"] == {
        "count": len(made.card["pairs"]),
        "sha256": canonical.sha256(sorted(made.card["pairs"])),
    }
    assert about["counts"] == made.card["counts"]


def test_the_same_adapter_gives_the_same_file(
    home: tuple[Site, Adapter], parcel: Path, tmp_path: Path
) -> None:
    site, made = home
    again = travel.export(
        made.adapter_id, tmp_path / "again.radapter", store=site.store, settings=site.settings
    )
    assert again.read_bytes() == parcel.read_bytes()


def test_what_a_killed_export_left_behind_goes(home: tuple[Site, Adapter], tmp_path: Path) -> None:
    site, made = home
    left = site.settings.adapters_dir / ".travel"
    left.mkdir()
    (left / "extra.txt").write_text("x", encoding="utf-8")
    travel.export(made.adapter_id, tmp_path / "x", store=site.store, settings=site.settings)
    with zipfile.ZipFile(tmp_path / "x.radapter") as opened:
        assert "extra.txt" not in opened.namelist()
    assert not left.exists()


def test_an_untrusted_key_is_refused_by_name(
    home: tuple[Site, Adapter], parcel: Path, tmp_path: Path
) -> None:
    stranger = Site(tmp_path / "stranger")
    error = stranger.refuses(parcel, "adapter_import_untrusted")
    assert error.details["key"] == keys.public(home[0].settings.data_dir)
    keys.trust(stranger.settings.data_dir, "other", "ab" * 32)
    stranger.refuses(parcel, "adapter_import_untrusted")
    stranger.store.close()


def test_another_base_is_refused(parcel: Path, away: Site) -> None:
    profile = tiny_profile().model_copy(update={"name": "other"})
    away.refuses(parcel, "adapter_import_base", profile=profile)


def test_export_goes_only_where_it_can_be_written(
    home: tuple[Site, Adapter], tmp_path: Path
) -> None:
    site, made = home
    with pytest.raises(AdapterError) as caught:
        travel.export(
            made.adapter_id, tmp_path / "no" / "x", store=site.store, settings=site.settings
        )
    assert caught.value.code == "adapter_export_failed"


def test_a_changed_adapter_is_not_exported(home: tuple[Site, Adapter], tmp_path: Path) -> None:
    site, made = home
    copy = Site(tmp_path / "copy")
    shutil.copytree(site.settings.adapters_dir, copy.settings.adapters_dir)
    with copy.store.begin() as session:
        adapters.register(session, made, by="test")
    with (copy.settings.adapters_dir / made.adapter_id / adapter_files.WEIGHTS).open(
        "ab"
    ) as stream:
        stream.write(b"x")
    with pytest.raises(AdapterError) as caught:
        travel.export(made.adapter_id, tmp_path / "x", store=copy.store, settings=copy.settings)
    assert caught.value.code in {"adapter_files_changed", "adapter_files_refused"}
    assert not (tmp_path / "x.radapter").exists()
    copy.store.close()


def test_the_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    one = keys.public(tmp_path)
    assert keys.public(tmp_path) == one
    assert len(one) == 64
    assert (tmp_path / keys.KEY_FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / keys.KEY_FILE).write_bytes(b"short")
    with pytest.raises(AdapterError) as caught:
        keys.public(tmp_path)
    assert caught.value.code == "adapter_key_damaged"


@pytest.mark.parametrize(
    ("name", "key"), [("../x", "ab" * 32), ("", "ab" * 32), ("x", "ab"), ("x", "zz" * 32)]
)
def test_what_is_no_key_is_not_trusted(tmp_path: Path, name: str, key: str) -> None:
    with pytest.raises(AdapterError) as caught:
        keys.trust(tmp_path, name, key)
    assert caught.value.code == "adapter_key_invalid"
    assert keys.trusted(tmp_path) == {}


def test_a_name_stands_for_one_key(tmp_path: Path) -> None:
    keys.trust(tmp_path, "home", "AB" * 32)
    keys.trust(tmp_path, "home", "ab" * 32)
    with pytest.raises(AdapterError) as caught:
        keys.trust(tmp_path, "home", "cd" * 32)
    assert caught.value.code == "adapter_key_known"
    assert keys.trusted(tmp_path) == {"ab" * 32: "home"}
