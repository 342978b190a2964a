"""Parcels that were changed by someone who is trusted are refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radraft.core import canonical
from radraft.core.file_hash import file_sha256
from radraft.finetune.adapt import archive, keys, travel
from radraft.llm.adapter import Adapter
from radraft.store import adapter_files

from .sites import Site

pytestmark = pytest.mark.slow

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
            name: file_sha256(folder / name) for name in travel.SIGNED if (folder / name).exists()
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

        state = load_file(folder / adapter_files.WEIGHTS)
        change(state)
        save_file(state, folder / adapter_files.WEIGHTS)

    return apply


def config(**values: Any) -> Change:
    def apply(folder: Path) -> None:
        known = json.loads((folder / adapter_files.CONFIG).read_text("utf-8"))
        (folder / adapter_files.CONFIG).write_text(json.dumps(known | values), encoding="utf-8")

    return apply


def write(name: str, content: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content) and None


def first(state: dict[str, Any]) -> str:
    return min(state)


def widened(state: dict[str, Any]) -> None:
    """One more input, which the base's layer does not have."""
    name = first(state)
    assert "lora_A" in name
    state[name] = np.pad(state[name], ((0, 0), (0, 1)))


def moved(state: dict[str, Any]) -> None:
    """A layer's A and B under a number that the base does not go up to."""
    for name in [name for name in state if ".layers.0." in name]:
        state[name.replace(".layers.0.", ".layers.99.")] = state.pop(name)


TRUSTED_BUT_WRONG: dict[str, tuple[Change, str]] = {
    "pickle": (write(adapter_files.WEIGHTS, b"\x80\x04K\x01."), "adapter_files_refused"),
    "not a number": (
        weights(lambda state: state[first(state)].fill(np.nan)),
        "adapter_files_refused",
    ),
    "another layer": (
        weights(lambda state: state.update({"model.embed_tokens.weight": np.ones((2, 2))})),
        "adapter_files_refused",
    ),
    "a wider layer": (weights(lambda state: widened(state)), "adapter_files_refused"),
    "a layer that the base has not": (weights(lambda state: moved(state)), "adapter_files_refused"),
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
    "no projector": (write(adapter_files.PROJECTOR, b"nothing"), "adapter_files_refused"),
}


@pytest.mark.parametrize("what", TRUSTED_BUT_WRONG)
def test_a_trusted_signature_does_not_excuse_the_content(
    home: tuple[Site, Adapter], parcel: Path, away: Site, tmp_path: Path, what: str
) -> None:
    change, code = TRUSTED_BUT_WRONG[what]
    bad = forged(home[0], parcel, tmp_path / "forged", change)
    away.refuses(bad, code)


def test_another_models_layers_are_refused(
    home: tuple[Site, Adapter], parcel: Path, tmp_path: Path
) -> None:
    """The parcel is in order, and its layers are the tiny base's, not the starter's."""
    site = Site(tmp_path / "away")
    keys.trust(site.settings.data_dir, "home", keys.public(home[0].settings.data_dir))
    site.refuses(parcel, "adapter_files_refused")
    site.store.close()


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
