"""What may be loaded: safetensors under one root, of the registered hash, and nothing else."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from radraft.core.errors import AdapterError
from radraft.llm.adapter import Adapter
from radraft.store import adapter_files
from tests.store.adapter_builders import make_adapter, write_adapter


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "source")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


def placed(source: Path, root: Path) -> Adapter:
    adapter = make_adapter(adapter_files.hashes(source))
    adapter_files.install(source, root, adapter.adapter_id)
    return adapter


def refused(call: Callable[[], object]) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        call()
    return caught.value


def test_an_installed_adapter_is_verified_where_it_lies(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    folder = adapter_files.verified(root, adapter)
    assert folder == root / adapter.adapter_id
    assert adapter_files.hashes(folder) == adapter_files.hashes(source) == adapter.files
    assert adapter_files.rank_of(folder) == 2


def test_the_id_names_site_base_and_weights(source: Path, tmp_path: Path) -> None:
    same = adapter_files.hashes(source)
    other = adapter_files.hashes(write_adapter(tmp_path / "other", seed=1))
    ids = {
        adapter_files.id_of("a", "base", same),
        adapter_files.id_of("b", "base", same),
        adapter_files.id_of("a", "other", same),
        adapter_files.id_of("a", "base", other),
    }
    assert len(ids) == 4
    assert all(adapter_files.ADAPTER_ID.fullmatch(one) for one in ids)


@pytest.mark.parametrize("name", ["adapter_model.bin", "training_args.pt", ".hidden", "code.py"])
def test_any_other_file_is_refused(source: Path, name: str) -> None:
    (source / name).write_bytes(pickle.dumps({"weights": 1}))
    error = refused(lambda: adapter_files.hashes(source))
    assert (error.code, error.details) == ("adapter_files_refused", {"name": name})


def test_a_pickle_that_calls_itself_safetensors_is_refused(source: Path) -> None:
    (source / adapter_files.WEIGHTS).write_bytes(pickle.dumps({"weights": 1}))
    assert refused(lambda: adapter_files.hashes(source)).details == {"name": adapter_files.WEIGHTS}


def test_a_folder_in_the_adapter_is_refused(source: Path) -> None:
    (source / adapter_files.PROJECTOR).mkdir()
    assert refused(lambda: adapter_files.hashes(source)).details == {
        "name": adapter_files.PROJECTOR
    }


@pytest.mark.parametrize("name", sorted(adapter_files.NEEDED))
def test_a_symlink_is_refused(source: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (source / name).rename(elsewhere)
    (source / name).symlink_to(elsewhere)
    assert refused(lambda: adapter_files.hashes(source)).details == {"name": name}
    assert refused(
        lambda: adapter_files.install(source, tmp_path / "root", "a-" + "0" * 16)
    ).code == ("adapter_files_refused")
    assert not (tmp_path / "root" / ("a-" + "0" * 16)).exists()


@pytest.mark.parametrize("name", sorted(adapter_files.NEEDED))
def test_a_missing_file_is_refused(source: Path, name: str) -> None:
    (source / name).unlink()
    assert refused(lambda: adapter_files.hashes(source)).details == {"name": name}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"r": "many"}', "\xff"])
def test_a_configuration_without_a_rank_is_refused(source: Path, text: str) -> None:
    (source / adapter_files.CONFIG).write_bytes(text.encode("latin-1"))
    assert refused(lambda: adapter_files.hashes(source)).details == {"name": adapter_files.CONFIG}


@pytest.mark.parametrize(
    "name",
    ["../a-0123456789abcdef", "a-0123456789abcdef/..", "/etc", "", "a-0123", "a-../../../.."],
)
def test_a_name_that_leaves_the_root_is_no_adapter(root: Path, name: str) -> None:
    assert refused(lambda: adapter_files.folder(root, name)).code == "adapter_unknown"


def test_a_changed_byte_is_seen(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    path = root / adapter.adapter_id / adapter_files.WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert refused(lambda: adapter_files.verified(root, adapter)).code == "adapter_files_changed"


def test_a_changed_configuration_is_seen(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    path = root / adapter.adapter_id / adapter_files.CONFIG
    path.write_text(json.dumps({"r": 2, "lora_alpha": 400}), encoding="utf-8")
    assert refused(lambda: adapter_files.verified(root, adapter)).code == "adapter_files_changed"


def test_an_added_projector_is_seen(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    folder = root / adapter.adapter_id
    (folder / adapter_files.PROJECTOR).write_bytes((folder / adapter_files.WEIGHTS).read_bytes())
    assert refused(lambda: adapter_files.verified(root, adapter)).code == "adapter_files_changed"


def test_a_folder_that_is_gone_or_a_link_is_seen(source: Path, root: Path, tmp_path: Path) -> None:
    adapter = placed(source, root)
    moved = (root / adapter.adapter_id).rename(tmp_path / "moved")
    assert refused(lambda: adapter_files.verified(root, adapter)).code == "adapter_files_changed"
    (root / adapter.adapter_id).symlink_to(moved)
    assert refused(lambda: adapter_files.verified(root, adapter)).code == "adapter_files_changed"


def test_installing_again_changes_nothing(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    before = (root / adapter.adapter_id).stat().st_ino
    adapter_files.install(source, root, adapter.adapter_id)
    assert (root / adapter.adapter_id).stat().st_ino == before


def test_what_a_killed_installation_left_is_replaced(source: Path, root: Path) -> None:
    adapter = make_adapter(adapter_files.hashes(source))
    half = root / f".{adapter.adapter_id}"
    half.mkdir(parents=True)
    (half / "adapter_model.safetensors").write_bytes(b"half")
    adapter_files.install(source, root, adapter.adapter_id)
    assert adapter_files.verified(root, adapter)
    assert not half.exists()
