"""Adapters' files: under one root, in safetensors, of the registered hash, or refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from radraft.core import canonical
from radraft.core.errors import AdapterError
from radraft.core.file_hash import file_sha256
from radraft.core.locks import locked
from radraft.llm.adapter import Adapter

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
PROJECTOR = "projector.safetensors"
NEEDED = frozenset({WEIGHTS, CONFIG})
ALLOWED = NEEDED | {PROJECTOR}
ADAPTER_ID = re.compile(r"a-[0-9a-f]{16}")


def folder(root: Path, adapter_id: str) -> Path:
    """Where the adapter's files belong. AdapterError `adapter_unknown` for a name that is none."""
    if not ADAPTER_ID.fullmatch(adapter_id):
        raise AdapterError("adapter_unknown")
    return root / adapter_id


def hashes(source: Path) -> dict[str, str]:
    """Name -> SHA-256 of the adapter in `source`.

    AdapterError `adapter_files_refused` naming the first file that is missing, is no plain file of
    `ALLOWED`, or is not what its name says. Nothing else may lie in the folder.
    """
    try:
        found = {path.name: path for path in sorted(source.iterdir())}
        for name in sorted(NEEDED - found.keys()):
            raise AdapterError("adapter_files_refused", name=name)
        for name, path in found.items():
            if name not in ALLOWED or path.is_symlink() or not path.is_file():
                raise AdapterError("adapter_files_refused", name=name)
            _readable(path)
        return {name: file_sha256(path) for name, path in found.items()}
    except OSError:
        raise AdapterError("adapter_files_refused", name=source.name) from None


def rank_of(source: Path) -> int:
    """The adapter's rank, from its configuration."""
    try:
        return int(json.loads((source / CONFIG).read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError):
        raise AdapterError("adapter_files_refused", name=CONFIG) from None


def changes_tower(source: Path) -> bool:
    """Whether the adapter changes layers of a vision tower, or of what connects one."""
    try:
        targets = json.loads((source / CONFIG).read_text(encoding="utf-8")).get("target_modules")
    except (OSError, ValueError, AttributeError):
        raise AdapterError("adapter_files_refused", name=CONFIG) from None
    return isinstance(targets, str) and r"model\.visual" in targets


def id_of(site: str, base: str, files: Mapping[str, str]) -> str:
    """`Adapter.adapter_id`."""
    return "a-" + canonical.sha256({"site": site, "base": base, "files": dict(files)})[:16]


def install(source: Path, root: Path, adapter_id: str) -> None:
    """Copies the adapter in `source` to its place, whole or not at all; once for the same id.

    AdapterError as `hashes`, of the copy: what is installed is what was looked at.
    """
    target = folder(root, adapter_id)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(root / ".install.lock"):
        if target.exists():
            return
        staging = root / f".{adapter_id}"
        # What a killed installation left behind; the lock is held, so nobody uses it.
        shutil.rmtree(staging, ignore_errors=True)
        try:
            shutil.copytree(source, staging, symlinks=True)
            hashes(staging)
            staging.replace(target)
        except OSError:
            raise AdapterError("adapter_files_refused", name=source.name) from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def verified(root: Path, adapter: Adapter) -> Path:
    """The adapter's folder, its files checked against what was registered, and its name against
    both: vLLM keeps what it computed under the name (vllm#30931), so no other weights may have it.

    AdapterError `adapter_files_changed` where they are not the same, or more or fewer.
    """
    if adapter.adapter_id != id_of(adapter.site, adapter.base, adapter.files):
        raise AdapterError("adapter_files_changed", adapter=adapter.adapter_id)
    path = folder(root, adapter.adapter_id)
    if path.is_symlink() or not path.is_dir():
        raise AdapterError("adapter_files_changed", adapter=adapter.adapter_id)
    if hashes(path) != dict(adapter.files):
        raise AdapterError("adapter_files_changed", adapter=adapter.adapter_id)
    return path


def _readable(path: Path) -> None:
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="np") as tensors:
                tensors.keys()
        except (SafetensorError, ValueError):
            raise AdapterError("adapter_files_refused", name=path.name) from None
    else:
        rank_of(path.parent)
