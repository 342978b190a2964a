"""Adapters between sites: merged, exported, imported, and everything that is refused."""

from __future__ import annotations

import json
import random
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radraft import canonical
from radraft.errors import AdapterError
from radraft.finetune.adapt import archive, keys, peft_files, travel
from radraft.finetune.adapt.merge import merge
from radraft.finetune.adapt.values import Base
from radraft.finetune.pairs import pairs
from radraft.finetune.registry import files, registry
from radraft.finetune.registry.values import Adapter, AdapterState
from radraft.llm.profiles import Profile
from radraft.settings import Settings
from radraft.store.database import Store, open_store
from radraft.vision_encoder.weights import file_sha

from .world import add_signed, contents, go, recipe, tiny_profile

QUICK = recipe(sft={"epochs": 1, "batch": 4, "learning_rate": 0.01}, dpo=None)


class Site:
    """One hospital with its store."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder)
        self.store: Store = open_store(self.settings)

    def brings_in(self, path: Path, profile: Profile | None = None) -> Adapter:
        return travel.bring_in(
            path,
            site="site-b",
            store=self.store,
            settings=self.settings,
            profile=profile or tiny_profile(),
            by="test",
        )

    def refuses(self, path: Path, *codes: str, profile: Profile | None = None) -> AdapterError:
        """With one of the codes, and nothing is left behind."""
        with pytest.raises(AdapterError) as caught:
            self.brings_in(path, profile)
        assert caught.value.code in codes
        assert self.nothing()
        return caught.value

    def nothing(self) -> bool:
        with self.store.read() as session:
            known = registry.adapters(session)
        return known == () and adapters_in(self.settings) == []


def adapters_in(settings: Settings) -> list[str]:
    """Folders under the root, those of work in progress included."""
    root = settings.adapters_dir
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.exists() else []


@pytest.fixture(scope="module")
def home(ground: Base, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Adapter]]:
    site = Site(tmp_path_factory.mktemp("home"))
    add_signed(site.store, range(8))
    made = go(site.settings, ground, site.settings.data_dir / "run", QUICK)
    yield site, made
    site.store.close()


@pytest.fixture(scope="module")
def parcel(home: tuple[Site, Adapter], tmp_path_factory: pytest.TempPathFactory) -> Path:
    site, made = home
    target = tmp_path_factory.mktemp("parcel") / "chest"
    return travel.export(made.adapter_id, target, store=site.store, settings=site.settings)


@pytest.fixture
def away(home: tuple[Site, Adapter], tmp_path: Path) -> Iterator[Site]:
    """A site that trusts home."""
    site = Site(tmp_path / "away")
    keys.trust(site.settings.data_dir, "home", keys.public(home[0].settings.data_dir))
    yield site
    site.store.close()


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


def test_any_flipped_byte_is_refused(parcel: Path, away: Site, tmp_path: Path) -> None:
    whole = parcel.read_bytes()
    dice = random.Random(1)
    # Every structure of a zip lies in its first and last bytes and before each member.
    with zipfile.ZipFile(parcel) as opened:
        heads = [info.header_offset + n for info in opened.infolist() for n in range(0, 60, 7)]
    ends = [len(whole) - 1 - n for n in range(0, 400, 9)]
    for place in (*heads, *ends, *(dice.randrange(len(whole)) for _ in range(60))):
        changed = bytearray(whole)
        changed[place] ^= 1 << dice.randrange(8)
        bad = tmp_path / "bad.radapter"
        bad.write_bytes(changed)
        error = away.refuses(bad, *IMPORT_CODES)
        assert error.code != "adapter_import_base"


IMPORT_CODES = (
    "adapter_import_unreadable",
    "adapter_import_too_large",
    "adapter_import_members",
)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_cut_file_is_refused(parcel: Path, away: Site, tmp_path: Path, share: float) -> None:
    whole = parcel.read_bytes()
    bad = tmp_path / "bad.radapter"
    bad.write_bytes(whole[: int(len(whole) * share)])
    away.refuses(bad, "adapter_import_unreadable")


def test_a_missing_file_is_refused(away: Site, tmp_path: Path) -> None:
    away.refuses(tmp_path / "none.radapter", "adapter_import_unreadable")
    away.refuses(tmp_path, "adapter_import_unreadable")


def test_bytes_beside_the_members_are_refused(parcel: Path, away: Site, tmp_path: Path) -> None:
    bad = tmp_path / "bad.radapter"
    for content in (b"#!/bin/sh\n" + parcel.read_bytes(), parcel.read_bytes() + b"more"):
        bad.write_bytes(content)
        away.refuses(bad, "adapter_import_unreadable")


Change = Callable[[Path], None]


def forged(site: Site, parcel: Path, folder: Path, change: Change, *, sign: bool = True) -> Path:
    """A parcel whose members were changed by someone who is trusted, manifest and all."""
    folder.mkdir()
    with zipfile.ZipFile(parcel) as opened:
        opened.extractall(folder)
    change(folder)
    manifest = json.loads((folder / archive.MANIFEST).read_text("utf-8"))
    if sign:
        manifest["files"] = {
            name: file_sha(folder / name) for name in travel.SIGNED if (folder / name).exists()
        }
    content = canonical.dumps(manifest).encode()
    (folder / archive.MANIFEST).write_bytes(content)
    signature = keys.own(site.settings.data_dir).sign(content)
    (folder / archive.SIGNATURE).write_bytes(signature)
    target = folder.with_suffix(".radapter")
    archive.pack(folder, target)
    return target


def weights(change: Callable[[dict[str, Any]], None]) -> Change:
    def apply(folder: Path) -> None:
        from safetensors.numpy import load_file, save_file

        state = load_file(folder / files.WEIGHTS)
        change(state)
        save_file(state, folder / files.WEIGHTS)

    return apply


def config(**values: Any) -> Change:
    def apply(folder: Path) -> None:
        known = json.loads((folder / files.CONFIG).read_text("utf-8"))
        (folder / files.CONFIG).write_text(json.dumps(known | values), encoding="utf-8")

    return apply


def write(name: str, content: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content) and None


def first(state: dict[str, Any]) -> str:
    return min(state)


TRUSTED_BUT_WRONG: dict[str, tuple[Change, str]] = {
    "pickle": (write(files.WEIGHTS, b"\x80\x04K\x01."), "adapter_files_refused"),
    "not a number": (
        weights(lambda state: state[first(state)].fill(np.nan)),
        "adapter_files_refused",
    ),
    "another layer": (
        weights(lambda state: state.update({"model.embed_tokens.weight": np.ones((2, 2))})),
        "adapter_files_refused",
    ),
    "half a pair": (
        weights(lambda state: state.__delitem__(first(state))),
        "adapter_files_refused",
    ),
    "another rank": (config(r=5), "adapter_files_refused"),
    "too large a rank": (config(r=64), "adapt_rank_too_large"),
    "code": (config(auto_mapping={"parent_library": "os"}), "adapter_files_refused"),
    "modules to save": (config(modules_to_save=["lm_head"]), "adapter_files_refused"),
    "dora": (config(use_dora="yes"), "adapter_files_refused"),
    "a card of a list": (write(archive.CARD, b"[1]"), "adapter_import_manifest"),
    "a card without end": (write(archive.CARD, b"[" * 100_000), "adapter_import_manifest"),
    "a large card": (write(archive.CARD, b" " * (1 << 20) + b"{}"), "adapter_import_too_large"),
    "no projector": (write(files.PROJECTOR, b"nothing"), "adapter_files_refused"),
}


@pytest.mark.parametrize("what", TRUSTED_BUT_WRONG)
def test_a_trusted_signature_does_not_excuse_the_content(
    home: tuple[Site, Adapter], parcel: Path, away: Site, tmp_path: Path, what: str
) -> None:
    change, code = TRUSTED_BUT_WRONG[what]
    bad = forged(home[0], parcel, tmp_path / "forged", change)
    away.refuses(bad, code)


def manifest(**values: Any) -> Change:
    def apply(folder: Path) -> None:
        known = json.loads((folder / archive.MANIFEST).read_text("utf-8"))
        (folder / archive.MANIFEST).write_text(json.dumps(known | values), encoding="utf-8")

    return apply


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (manifest(format=2), "adapter_import_manifest"),
        (manifest(more=1), "adapter_import_manifest"),
        (manifest(files={}), "adapter_import_changed"),
        (manifest(files={"../x": "ab" * 32}), "adapter_import_manifest"),
        (manifest(site="x" * 300), "adapter_import_manifest"),
        (manifest(key="zz"), "adapter_import_manifest"),
        (manifest(key="ab" * 32), "adapter_import_untrusted"),
        (config(lora_alpha=9), "adapter_import_changed"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    home: tuple[Site, Adapter], parcel: Path, away: Site, tmp_path: Path, change: Change, code: str
) -> None:
    away.refuses(forged(home[0], parcel, tmp_path / "forged", change, sign=False), code)


def test_another_signature_under_a_trusted_key_is_refused(
    parcel: Path, away: Site, tmp_path: Path
) -> None:
    # Signed by the importer's own key, in the name of the trusted one.
    bad = forged(away, parcel, tmp_path / "forged", lambda folder: None)
    away.refuses(bad, "adapter_import_signature")


def member_names() -> list[list[str]]:
    order = [name for name in archive.ORDER if name != files.PROJECTOR]
    return [
        [*order, "extra.txt"],
        [*order, "../adapter_config.json"],
        [*order, "/etc/passwd"],
        [*order, files.CONFIG],
        order[:-1],
        list(reversed(order)),
        [*order[:-1], "sub/" + files.WEIGHTS],
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", member_names())
def test_other_members_are_refused(
    parcel: Path, away: Site, tmp_path: Path, names: list[str]
) -> None:
    bad = tmp_path / "bad.radapter"
    with zipfile.ZipFile(parcel) as known, zipfile.ZipFile(bad, "w") as made:
        for name in names:
            plain = name.rpartition("/")[2]
            content = known.read(plain) if plain in known.namelist() else b"x"
            made.writestr(zipfile.ZipInfo(name), content)
    away.refuses(bad, "adapter_import_members")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["away", "bad.radapter"]


def test_a_compressed_member_is_refused(parcel: Path, away: Site, tmp_path: Path) -> None:
    bad = tmp_path / "bad.radapter"
    with zipfile.ZipFile(parcel) as known, zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as made:
        for name in known.namelist():
            made.writestr(name, known.read(name))
    away.refuses(bad, "adapter_import_members", "adapter_import_too_large")


def test_huge_declared_sizes_are_refused(parcel: Path, away: Site, tmp_path: Path) -> None:
    content = bytearray(parcel.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    # Both sizes in the last entry of the central directory.
    struct.pack_into("<II", content, at + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    bad = tmp_path / "bad.radapter"
    bad.write_bytes(content)
    away.refuses(bad, "adapter_import_too_large")


def test_a_file_of_endless_length_is_not_read(away: Site, tmp_path: Path) -> None:
    bad = tmp_path / "bad.radapter"
    with bad.open("wb") as stream:
        stream.truncate(sum(archive.LARGEST.values()) + archive.OVERHEAD + 1)
    away.refuses(bad, "adapter_import_too_large")


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
        registry.register(session, made, by="test")
    with (copy.settings.adapters_dir / made.adapter_id / files.WEIGHTS).open("ab") as stream:
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


def changes(folder: Path) -> dict[str, np.ndarray]:
    """What the adapter adds to each layer."""
    lora = peft_files.shape(folder)
    state = {name: value.float().numpy() for name, value in peft_files.state(folder).items()}
    return {
        name: lora.alpha / lora.rank * state[name.replace("lora_A", "lora_B")] @ state[name]
        for name in state
        if "lora_A" in name
    }


@pytest.fixture
def two(home: tuple[Site, Adapter], ground: Base, tmp_path: Path) -> tuple[Site, Adapter, Adapter]:
    site, one = home
    add_two = recipe(lora={"rank": 2, "alpha": 2}, sft=QUICK.sft.model_dump(), dpo=None)
    other = go(site.settings, ground, tmp_path / "other", add_two, seed=9, start="base")
    return site, one, other


def merged(site: Site, ids: list[str], shares: list[float], ground: Base, **more: Any) -> Adapter:
    usual: dict[str, Any] = {"profile": tiny_profile(), "site": "site-c"}
    return merge(
        ids,
        shares,
        store=site.store,
        settings=site.settings,
        by="test",
        base=ground,
        **usual | more,
    )


def test_a_merged_adapter_is_the_weighted_sum_cut_to_the_largest_rank(
    two: tuple[Site, Adapter, Adapter], ground: Base
) -> None:
    site, one, other = two
    made = merged(site, [one.adapter_id, other.adapter_id], [0.75, 0.25], ground)
    assert (made.site, made.rank, made.parent) == ("site-c", 4, None)
    assert made.state is AdapterState.CANDIDATE
    assert made.card["kind"] == "merged"
    assert made.card["parents"] == [one.adapter_id, other.adapter_id]
    assert made.card["weights"] == [0.75, 0.25]
    root = site.settings.adapters_dir
    a, b, got = (changes(root / x.adapter_id) for x in (one, other, made))
    for name, value in got.items():
        u, s, v = np.linalg.svd(0.75 * a[name] + 0.25 * b[name], full_matrices=False)
        wanted = (u[:, :4] * s[:4]) @ v[:4]
        np.testing.assert_allclose(value, wanted, atol=2e-3 * max(1.0, np.abs(wanted).max()))
    assert max(np.abs(value).max() for value in got.values()) > 0.01
    again = merged(site, [one.adapter_id, other.adapter_id], [0.75, 0.25], ground)
    assert again.adapter_id == made.adapter_id


@pytest.mark.parametrize("shares", [[1.0], [0.5, float("nan")], [0.5, 0.25, 0.25]])
def test_weights_that_do_not_fit_are_refused(
    two: tuple[Site, Adapter, Adapter], ground: Base, shares: list[float]
) -> None:
    site, one, other = two
    code = "adapter_merge_parts"
    refuses_merge(code, site, [one.adapter_id, other.adapter_id], shares, ground)
    refuses_merge(code, site, [one.adapter_id, one.adapter_id], [0.5, 0.5], ground)
    refuses_merge(code, site, [one.adapter_id], [1.0], ground)
    refuses_merge("adapter_unknown", site, [one.adapter_id, "a-0"], [0.5, 0.5], ground)


def refuses_merge(
    code: str, site: Site, ids: list[str], shares: list[float], ground: Base, **more: Any
) -> None:
    with pytest.raises(AdapterError) as caught:
        merged(site, ids, shares, ground, **more)
    assert caught.value.code == code


def test_only_adapters_of_one_base_and_projector_are_merged(
    two: tuple[Site, Adapter, Adapter], ground: Base, tmp_path: Path
) -> None:
    site, one, other = two
    ids = [one.adapter_id, other.adapter_id]
    profile = tiny_profile().model_copy(update={"name": "other"})
    refuses_merge("adapter_merge_bases_differ", site, ids, [0.5, 0.5], ground, profile=profile)
    sft = QUICK.sft.model_dump() | {"projector_rate": 0.01}
    own = go(site.settings, ground, tmp_path / "own", recipe(sft=sft, dpo=None), seed=10)
    ids = [one.adapter_id, own.adapter_id]
    refuses_merge("adapter_merge_projectors_differ", site, ids, [0.5, 0.5], ground)
