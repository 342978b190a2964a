"""Adapters between sites: one signed file out, and one in that is trusted, whole and of this base.

The data stays where it is; what travels are weights and a card of counts and hashes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from radraft.core import canonical
from radraft.core.errors import AdapterError, EncodingError
from radraft.core.file_hash import file_sha256
from radraft.core.locks import locked
from radraft.core.settings import Settings
from radraft.core.yaml_files import Strict
from radraft.finetune.adapt import archive, card, keys, peft_files
from radraft.finetune.register import enter
from radraft.llm import pins, text_base
from radraft.llm.adapter import Adapter
from radraft.llm.profiles import Profile, StarterCheckpoint
from radraft.store import adapter_files as files, adapters
from radraft.store.database import Store
from radraft.vision_encoder.projector import Projector

SUFFIX = ".radapter"
SIGNED = (archive.CARD, *sorted(files.ALLOWED))
"""What the manifest lists."""

Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Short = Annotated[str, Field(min_length=1, max_length=200)]


class Manifest(Strict):
    """`manifest.json`: what is signed."""

    format: Literal[1]
    adapter_id: str = Field(pattern=r"^a-[0-9a-f]{16}$")
    site: Short
    base: Short
    data_sha: Sha
    made_at: datetime
    files: dict[str, Sha]
    key: Sha
    """Public key of who signed it."""


def export(adapter_id: str, target: Path, *, store: Store, settings: Settings) -> Path:
    """Writes the adapter to `target`, its name ended by `.radapter`, signed by this site's key.

    AdapterError `adapter_unknown`, `adapter_files_changed`, `adapter_export_failed`.
    """
    with store.read() as session:
        adapter = adapters.get(session, adapter_id)
    source = files.verified(settings.adapters_dir, adapter)
    path = target if target.suffix == SUFFIX else target.with_name(target.name + SUFFIX)
    try:
        with _workplace(settings.adapters_dir) as folder:
            for name in adapter.files:
                os.link(source / name, folder / name)
            _describe(adapter, folder, settings.data_dir)
            fresh = path.with_name(f".{path.name}")
            archive.pack(folder, fresh)
            fresh.chmod(0o600)
            fresh.replace(path)
    except OSError:
        raise AdapterError("adapter_export_failed") from None
    return path


def bring_in(
    source: Path, *, site: str, store: Store, settings: Settings, profile: Profile, by: str
) -> Adapter:
    """Registers the adapter in `source` as a candidate of `site`: it has to pass the gate there.

    AdapterError `adapter_import_...` for a file that is too large, not whole, changed, of an
    untrusted key or another base; `adapter_files_refused` for one that holds anything but an
    adapter's tensors; `adapt_rank_too_large`.
    """
    root = settings.adapters_dir
    with _workplace(root) as folder:
        archive.unpack(source, folder)
        manifest, name = _trusted(folder, settings.data_dir)
        about = _card(folder)
        _fits(folder, manifest, profile)
        for extra in (archive.MANIFEST, archive.SIGNATURE, archive.CARD):
            (folder / extra).unlink()
        origin = manifest.model_dump(mode="json", include={"site", "adapter_id", "key", "made_at"})
        return enter(
            folder,
            root,
            store,
            site=site,
            base=profile.model_id,
            parent=None,
            data_sha=manifest.data_sha,
            card={"kind": "imported", "origin": {**origin, "name": name}, "card": about},
            by=by,
        )


@contextmanager
def _workplace(root: Path) -> Iterator[Path]:
    """An empty folder beside the adapters, for one that comes or goes."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = root / ".travel"
    with locked(root / ".travel.lock"):
        # What a killed one left behind; the lock is held, so nobody uses it.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _describe(adapter: Adapter, folder: Path, data_dir: Path) -> None:
    """Card, manifest and signature beside the weights."""
    about = card.travelling(adapter.card, adapter.data_sha)
    (folder / archive.CARD).write_text(canonical.dumps(about), encoding="utf-8")
    key = keys.own(data_dir)
    manifest = {
        "format": 1,
        "adapter_id": adapter.adapter_id,
        "site": adapter.site,
        "base": adapter.base,
        "data_sha": adapter.data_sha,
        "made_at": adapter.made_at,
        "files": dict(_hashes(folder)),
        "key": keys.public(data_dir),
    }
    content = canonical.dumps(manifest).encode()
    (folder / archive.MANIFEST).write_bytes(content)
    (folder / archive.SIGNATURE).write_bytes(key.sign(content))


def _hashes(folder: Path) -> Iterator[tuple[str, str]]:
    for name in SIGNED:
        if (folder / name).exists():
            yield name, file_sha256(folder / name)


def _trusted(folder: Path, data_dir: Path) -> tuple[Manifest, str]:
    """The manifest and the name of who signed it; signature before anything else is read."""
    content = (folder / archive.MANIFEST).read_bytes()
    with _expected():
        manifest = Manifest.model_validate_json(content)
    name = keys.trusted(data_dir).get(manifest.key)
    if name is None:
        raise AdapterError("adapter_import_untrusted", key=manifest.key)
    signature = (folder / archive.SIGNATURE).read_bytes()
    if not keys.signed_by(manifest.key, signature, content):
        raise AdapterError("adapter_import_signature")
    found = dict(_hashes(folder))
    for part in sorted(found.keys() | manifest.files.keys()):
        if part not in SIGNED:
            raise AdapterError("adapter_import_manifest")
        if found.get(part) != manifest.files.get(part):
            raise AdapterError("adapter_import_changed", name=part)
    return manifest, name


def _card(folder: Path) -> dict[str, Any]:
    with _expected():
        about = json.loads((folder / archive.CARD).read_bytes())
        if not isinstance(about, dict):
            raise ValueError("no object")
        canonical.dumps(about)
    return about


def _fits(folder: Path, manifest: Manifest, profile: Profile) -> None:
    """Over the base that runs here, and nothing but an adapter's tensors."""
    if not profile.is_base(manifest.base):
        raise AdapterError("adapter_import_base", base=manifest.base, running=profile.model_id)
    rank = peft_files.shape(folder).rank
    if rank > profile.vllm.max_lora_rank:
        raise AdapterError("adapt_rank_too_large", rank=rank, most=profile.vllm.max_lora_rank)
    state = peft_files.state(folder, whole=profile.image_way == "pixels")
    shapes = {name: value.shape for name, value in state.items()}
    if isinstance(profile.checkpoint, StarterCheckpoint):
        shipped = pins.files(profile.edition)
        _fits_files(shapes, folder, shipped["lora"], shipped["projector"])
    elif profile.projector is not None:
        trained = text_base.trained_folder(profile)
        _fits_files(shapes, folder, trained / pins.LORA_FILE, trained / pins.PROJECTOR_FILE)


def _fits_files(
    shapes: Mapping[str, Sequence[int]], folder: Path, lora: Path, projector: Path
) -> None:
    """Layers and projector of the sizes that were trained with the base; vLLM would learn of others
    while it serves."""
    known = peft_files.sizes_of(lora)
    if any(known.get(layer) != size for layer, size in peft_files.sizes(shapes).items()):
        raise AdapterError("adapter_files_refused", name=files.WEIGHTS)
    own = folder / files.PROJECTOR
    if own.exists():
        try:
            given, right = Projector.load(own), Projector.load(projector)
        except EncodingError:
            raise AdapterError("adapter_files_refused", name=files.PROJECTOR) from None
        if (given.dim, given.width, given.parts) != (right.dim, right.width, right.parts):
            raise AdapterError("adapter_files_refused", name=files.PROJECTOR)


@contextmanager
def _expected() -> Iterator[None]:
    """What is not of the expected form, as one refusal."""
    try:
        yield
    except (ValidationError, ValueError, TypeError, RecursionError):
        raise AdapterError("adapter_import_manifest") from None
