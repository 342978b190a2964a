"""How much memory a model takes, from its configuration, and how much this machine has."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

import psutil

from radraft.llm.launch import has_gpu
from radraft.llm.profile_check.values import ModelFacts
from radraft.llm.profiles import Engine

GIB = 1 << 30
BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
"""Of one number."""


@dataclass(frozen=True)
class Memory:
    """Bytes that vLLM needs for a model, without its own few hundred megabytes."""

    weights: int
    cache_token: int
    """Keys and values of one token in all layers."""
    cache_least: int
    """Of one context at its full length: with less vLLM does not start."""
    cache_most: int
    """Of as many full contexts as are drafted at once; with less, some wait for others."""

    @property
    def least(self) -> int:
        """Return what it cannot start without."""
        return self.weights + self.cache_least


def needed(facts: ModelFacts, engine: Engine, context_tokens: int) -> Memory:
    """Return the memory of a model served with `engine`'s number type.

    Keys and values of every layer are counted at full length. A model whose layers look back over a
    window alone needs less.
    """
    size = BYTES[engine.dtype]
    weights = facts.stored_bytes if facts.parameters is None else round(facts.parameters * size)
    if facts.config.get("quantization_config"):
        weights = facts.stored_bytes
    token = 2 * facts.layers * facts.kv_heads * facts.head_dim * size
    least = token * context_tokens
    return Memory(weights, token, least, least * engine.max_num_seqs)


@dataclass(frozen=True)
class Machine:
    """What this machine has."""

    gpu: int | None
    """Bytes of its largest GPU; None where there is none."""
    main: int


def machine() -> Machine:
    """Return this machine's memory, as nvidia-smi and the system tell it."""
    return Machine(_gpu() if has_gpu() else None, psutil.virtual_memory().total)


def _gpu() -> int | None:
    if shutil.which("nvidia-smi") is None:
        return None
    done = subprocess.run(
        ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    found = [int(word) for word in done.stdout.split() if word.isdigit()]
    return max(found) << 20 if found else None
