"""What every training run has: a folder that knows which run it is, a log that fits its checkpoint,
and a learning rate over time."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import radraft
from radraft.core import canonical
from radraft.core.errors import TrainingError
from radraft.core.locks import alone

LOG = "log.jsonl"
CHECKPOINT = "checkpoint.pt"
RUN_FILE = "run.json"
LOCK = "training.lock"
PACKAGES = (
    "accelerate",
    "numpy",
    "open-clip-torch",
    "peft",
    "pillow",
    "safetensors",
    "timm",
    "torch",
    "transformers",
)


@dataclass(frozen=True)
class Step:
    """Where a run is."""

    done: int
    total: int
    loss: float
    """Of the last step."""
    seconds: float
    """A step, on average since the start or resumption."""


def begin(folder: Path, identity: Mapping[str, Any]) -> None:
    """Makes `folder` the folder of the run that `identity` (recipe, seed, data...) describes, or
    finds that it is already.

    TrainingError `training_run_differs`, naming the fields, where the folder holds another run or
    one that nothing is known of.
    """
    wanted = canonical.plain(dict(identity))
    path = folder / RUN_FILE
    if path.exists():
        differing = _differing(read(folder)["identity"], wanted)
        if differing:
            raise TrainingError("training_run_differs", path=str(folder), fields=differing)
        return
    # A run killed while it wrote its record for the first time is no other run.
    if folder.exists() and any(path.name != f".{RUN_FILE}" for path in folder.iterdir()):
        raise TrainingError("training_run_differs", path=str(folder), fields=RUN_FILE)
    folder.mkdir(parents=True, exist_ok=True)
    versions = {"radraft": radraft.__version__, "python": platform.python_version()}
    versions |= {package: version(package) for package in PACKAGES}
    _write_record(
        path, {"identity": wanted, "versions": versions, "started": _now(), "finished": None}
    )


def finish(folder: Path, **results: Any) -> None:
    """Adds when the run ended, where that is not known yet, and what came of it."""
    record = read(folder)
    record["finished"] = record["finished"] or _now()
    _write_record(folder / RUN_FILE, record | canonical.plain(results))


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Be the one process that trains in `folder`, which is made where it is not there.

    TrainingError `training_run_busy` where another does; the kernel forgets one that was killed.
    """
    with alone(folder / LOCK) as held:
        if not held:
            raise TrainingError("training_run_busy", path=str(folder))
        yield


def read(folder: Path) -> dict[str, Any]:
    """What `run.json` of a run folder says."""
    record: dict[str, Any] = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    return record


def log(folder: Path, record: Mapping[str, Any]) -> None:
    """Adds one step's figures; `record` holds its number as `step`."""
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def read_log(folder: Path) -> list[dict[str, Any]]:
    """All steps' figures; a line that a killed run left half is not one."""
    path = folder / LOG
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def cut_log(folder: Path, done: int) -> None:
    """Forgets what came after step `done`: a resumed run does it again."""
    kept = [record for record in read_log(folder) if record["step"] <= done]
    staging = folder / f".{LOG}"
    staging.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
    staging.replace(folder / LOG)


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Replaces the run's checkpoint: a reader sees the old one or the new one."""
    import torch

    staging = folder / f".{CHECKPOINT}"
    torch.save(dict(state), staging)
    staging.replace(folder / CHECKPOINT)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The state last saved, None for a run at its start. Holds tensors and plain values only."""
    import torch

    path = folder / CHECKPOINT
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def cosine(step: int, steps: int, warm_up: int) -> float:
    """Share of the learning rate at a step: up in a line, down along a cosine to a hundredth."""
    warm = min(1.0, (step + 1) / max(1, warm_up))
    return warm * (0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))) + 0.01)


def _differing(one: dict[str, Any], other: dict[str, Any], above: str = "") -> str:
    """Names of the fields that differ, the innermost of nested ones."""
    names = []
    for key in sorted(one.keys() | other.keys()):
        mine, theirs = one.get(key), other.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            names.append(_differing(mine, theirs, f"{above}{key}."))
        elif mine != theirs:
            names.append(f"{above}{key}")
    return ", ".join(name for name in names if name)


def _write_record(path: Path, record: dict[str, Any]) -> None:
    staging = path.with_name(f".{path.name}")
    text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    staging.write_text(text, encoding="utf-8")
    staging.replace(path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
