"""What may be loaded: safetensors under one root, of the registered hash, and nothing else."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from radraft.errors import AdapterError
from radraft.finetune.registry import files
from radraft.finetune.registry.values import Adapter
from tests.finetune.registry.builders import make_adapter, write_adapter


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "source")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


def placed(source: Path, root: Path) -> Adapter:
    adapter = make_adapter(files.hashes(source))
    files.install(source, root, adapter.adapter_id)
    return adapter


def refused(call: Callable[[], object]) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        call()
    return caught.value


def test_an_installed_adapter_is_verified_where_it_lies(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    folder = files.verified(root, adapter)
    assert folder == root / adapter.adapter_id
    assert files.hashes(folder) == files.hashes(source) == adapter.files
    assert files.rank_of(folder) == 2


def test_the_id_names_site_base_and_weights(source: Path, tmp_path: Path) -> None:
    same = files.hashes(source)
    other = files.hashes(write_adapter(tmp_path / "other", seed=1))
    ids = {
        files.id_of("a", "base", same),
        files.id_of("b", "base", same),
        files.id_of("a", "other", same),
        files.id_of("a", "base", other),
    }
    assert len(ids) == 4
    assert all(files.ADAPTER_ID.fullmatch(one) for one in ids)


@pytest.mark.parametrize("name", ["adapter_model.bin", "training_args.pt", ".hidden", "code.py"])
def test_any_other_file_is_refused(source: Path, name: str) -> None:
    (source / name).write_bytes(pickle.dumps({"weights": 1}))
    error = refused(lambda: files.hashes(source))
    assert (error.code, error.details) == ("adapter_files_refused", {"name": name})


def test_a_pickle_that_calls_itself_safetensors_is_refused(source: Path) -> None:
    (source / files.WEIGHTS).write_bytes(pickle.dumps({"weights": 1}))
    assert refused(lambda: files.hashes(source)).details == {"name": files.WEIGHTS}


def test_a_folder_in_the_adapter_is_refused(source: Path) -> None:
    (source / files.PROJECTOR).mkdir()
    assert refused(lambda: files.hashes(source)).details == {"name": files.PROJECTOR}


@pytest.mark.parametrize("name", sorted(files.NEEDED))
def test_a_symlink_is_refused(source: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (source / name).rename(elsewhere)
    (source / name).symlink_to(elsewhere)
    assert refused(lambda: files.hashes(source)).details == {"name": name}
    assert refused(lambda: files.install(source, tmp_path / "root", "a-" + "0" * 16)).code == (
        "adapter_files_refused"
    )
    assert not (tmp_path / "root" / ("a-" + "0" * 16)).exists()


@pytest.mark.parametrize("name", sorted(files.NEEDED))
def test_a_missing_file_is_refused(source: Path, name: str) -> None:
    (source / name).unlink()
    assert refused(lambda: files.hashes(source)).details == {"name": name}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"r": "many"}', "\xff"])
def test_a_configuration_without_a_rank_is_refused(source: Path, text: str) -> None:
    (source / files.CONFIG).write_bytes(text.encode("latin-1"))
    assert refused(lambda: files.hashes(source)).details == {"name": files.CONFIG}


@pytest.mark.parametrize(
    "name",
    ["../a-0123456789abcdef", "a-0123456789abcdef/..", "/etc", "", "a-0123", "a-../../../.."],
)
def test_a_name_that_leaves_the_root_is_no_adapter(root: Path, name: str) -> None:
    assert refused(lambda: files.folder(root, name)).code == "adapter_unknown"


def test_a_changed_byte_is_seen(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    path = root / adapter.adapter_id / files.WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert refused(lambda: files.verified(root, adapter)).code == "adapter_files_changed"


def test_a_changed_configuration_is_seen(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    path = root / adapter.adapter_id / files.CONFIG
    path.write_text(json.dumps({"r": 2, "lora_alpha": 400}), encoding="utf-8")
    assert refused(lambda: files.verified(root, adapter)).code == "adapter_files_changed"


def test_an_added_projector_is_seen(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    folder = root / adapter.adapter_id
    (folder / files.PROJECTOR).write_bytes((folder / files.WEIGHTS).read_bytes())
    assert refused(lambda: files.verified(root, adapter)).code == "adapter_files_changed"


def test_a_folder_that_is_gone_or_a_link_is_seen(source: Path, root: Path, tmp_path: Path) -> None:
    adapter = placed(source, root)
    moved = (root / adapter.adapter_id).rename(tmp_path / "moved")
    assert refused(lambda: files.verified(root, adapter)).code == "adapter_files_changed"
    (root / adapter.adapter_id).symlink_to(moved)
    assert refused(lambda: files.verified(root, adapter)).code == "adapter_files_changed"


def test_installing_again_changes_nothing(source: Path, root: Path) -> None:
    adapter = placed(source, root)
    before = (root / adapter.adapter_id).stat().st_ino
    files.install(source, root, adapter.adapter_id)
    assert (root / adapter.adapter_id).stat().st_ino == before


def test_what_a_killed_installation_left_is_replaced(source: Path, root: Path) -> None:
    adapter = make_adapter(files.hashes(source))
    half = root / f".{adapter.adapter_id}"
    half.mkdir(parents=True)
    (half / "adapter_model.safetensors").write_bytes(b"half")
    files.install(source, root, adapter.adapter_id)
    assert files.verified(root, adapter)
    assert not half.exists()
