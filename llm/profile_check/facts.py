"""What a model folder's own files say: its configuration and the headers of its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from radraft.core.errors import SettingsError
from radraft.llm.profile_check.values import ModelFacts
from radraft.llm.profiles import Published

LANGUAGE_PARTS = ("text_config", "llm_config", "language_config")
"""What models of several parts call the configuration of their language model."""
HEADER_BYTES = 100 << 20
"""Longest header of a safetensors file."""
OLDER_WEIGHTS = ("*.bin", "*.pt")


def read(folder: Path) -> ModelFacts:
    """Return the facts of the model in `folder`; no tensor is read.

    SettingsError `checkpoint_not_found`, `checkpoint_incomplete` without weights or configuration,
    `profile_config_unreadable` where the configuration does not say what has to be known, or a
    weight file has no header that can be read.
    """
    if not folder.is_dir():
        raise SettingsError("checkpoint_not_found", path=str(folder))
    config = configuration(folder)
    text = language_config(config)
    try:
        heads = int(text["num_attention_heads"])
        kv_heads = int(text.get("num_key_value_heads") or heads)
        width = int(text["hidden_size"])
        head_dim = int(text.get("head_dim") or width // heads)
        layers, positions = int(text["num_hidden_layers"]), int(text["max_position_embeddings"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        raise SettingsError("profile_config_unreadable", path=str(folder)) from None
    tensors, parameters, stored = _weights(folder)
    return ModelFacts(
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        context_tokens=positions,
        parameters=parameters,
        stored_bytes=stored,
        width=width,
        config=config,
        tensors=tensors,
        folder=folder,
    )


def of_published(published: Published) -> ModelFacts:
    """Return the facts of a model that is not here, as its makers published them."""
    return ModelFacts(
        layers=published.layers,
        kv_heads=published.kv_heads,
        head_dim=published.head_dim,
        context_tokens=published.context_tokens,
        parameters=published.parameters * 1e9,
        stored_bytes=0,
    )


def configuration(folder: Path) -> dict[str, Any]:
    """Return the model's configuration, with the defaults of its kind where transformers knows it:
    published files leave them out.

    SettingsError `checkpoint_incomplete`, `profile_config_unreadable`.
    """
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            "checkpoint_incomplete", path=str(folder), missing="config.json"
        ) from None
    except (OSError, ValueError, RecursionError):
        raise SettingsError("profile_config_unreadable", path=str(folder)) from None
    if not isinstance(raw, dict):
        raise SettingsError("profile_config_unreadable", path=str(folder))
    try:
        from transformers import AutoConfig

        whole: dict[str, Any] = AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        ).to_dict()
    except (ImportError, OSError, ValueError, KeyError, TypeError, AttributeError):
        # A kind with code of its own, which is not run here.
        return raw
    return whole


def architecture(config: Mapping[str, Any]) -> str:
    """Return the class that `config` is of, as transformers names it; empty where it names
    none."""
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def language_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of the language model in `config`."""
    for name in LANGUAGE_PARTS:
        if isinstance(config.get(name), dict):
            return dict(config[name])
    return config


def _weights(folder: Path) -> tuple[frozenset[str], float | None, int]:
    """Return the tensors' names, the number of their values, and the files' bytes."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        older = [file for pattern in OLDER_WEIGHTS for file in folder.glob(pattern)]
        if not older:
            raise SettingsError("checkpoint_incomplete", path=str(folder), missing="*.safetensors")
        return frozenset(), None, sum(file.stat().st_size for file in older)
    names: set[str] = set()
    values = 0
    for file in files:
        for name, about in _header(file, folder).items():
            names.add(name)
            values += prod(about["shape"])
    _all_there(folder, names)
    return frozenset(names), float(values), sum(file.stat().st_size for file in files)


def _header(file: Path, folder: Path) -> dict[str, Any]:
    """Return name -> about of each tensor in a safetensors file."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > HEADER_BYTES:
                raise ValueError(length)
            header: dict[str, Any] = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        # A download that was broken off has a whole header and too few bytes.
        needed = (
            8 + length + max((about["data_offsets"][1] for about in header.values()), default=0)
        )
        if file.stat().st_size < needed:
            raise SettingsError("checkpoint_incomplete", path=str(folder), missing=file.name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SettingsError("profile_config_unreadable", path=str(folder)) from None
    return header


def _all_there(folder: Path, names: set[str]) -> None:
    """Raise SettingsError `checkpoint_incomplete` where the weights' index names what is not
    there."""
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        named: dict[str, str] = index["weight_map"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError("profile_config_unreadable", path=str(folder)) from None
    for name, file in sorted(named.items()):
        if name not in names:
            raise SettingsError("checkpoint_incomplete", path=str(folder), missing=file)
