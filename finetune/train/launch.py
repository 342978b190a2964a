"""Training in this process, or in several that begin with it and end with it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from radraft.core.errors import RadraftError, TrainingError
from radraft.core.run_folder import Step
from radraft.finetune.train import process_group, run
from radraft.finetune.train.process_group import ProcessGroup
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.values import Trained

if TYPE_CHECKING:
    import torch

log = logging.getLogger("radraft.finetune.train")
GRACE_S = 5.0
"""How long the others may take to say why they end, once one has ended."""


class ModelSource(Protocol):
    """Where a model to train comes from; goes to other processes."""

    def build(self, recipe: LanguageRecipe) -> torch.nn.Module:
        """The model as training begins, in main memory."""


@dataclass(frozen=True)
class TextModel:
    """Projector and language model of `tuned.build`."""

    base: Path
    projector: Path
    adapter: Path | None = None

    def build(self, recipe: LanguageRecipe) -> torch.nn.Module:
        """As `tuned.build`."""
        from radraft.finetune.train import tuned

        return tuned.build(self.base, self.projector, recipe, self.adapter)


@dataclass(frozen=True)
class NativeModel:
    """A native vision-language model of `native.build`."""

    base: Path
    adapter: Path | None = None

    def build(self, recipe: LanguageRecipe) -> torch.nn.Module:
        """As `native.build`."""
        from radraft.finetune.train import native

        return native.build(self.base, recipe, self.adapter)


@dataclass(frozen=True)
class Job:
    """A training as it goes to each process."""

    model: ModelSource
    pairs: run.PairBatches
    recipe: LanguageRecipe
    folder: Path
    seed: int

    def train(self, group: ProcessGroup, on_step: Callable[[Step], None]) -> Trained:
        """As `run.train`; the same seed gives every process the same beginning."""
        import torch

        torch.manual_seed(self.seed)
        model = self.model.build(self.recipe)
        return run.train(
            model,
            self.pairs,
            self.recipe,
            self.folder,
            seed=self.seed,
            on_step=on_step,
            group=group,
        )


def train(
    job: Job, processes: int = 1, on_step: Callable[[Step], None] = lambda step: None
) -> Trained:
    """Trains as `run.train` does, in this process or in `processes` of their own on this machine.

    They share the model and each batch (FSDP2); the first alone writes the run. Where one of them
    dies the others are ended, and the same call goes on from the last checkpoint, with as many
    processes as it is given. TrainingError `training_batch_not_shared`, `training_too_few_gpus`,
    `training_process_lost` saying what a process died of, and what `run.train` raises.
    """
    process_group.require_shares(job.recipe.batch, processes)
    if processes == 1:
        return job.train(process_group.alone(), on_step)
    process_group.require_devices(processes)
    with tempfile.TemporaryDirectory(prefix="radraft-train-") as folder:
        return _Workers(job, processes, Path(folder) / "meeting").all(on_step)


@dataclass(frozen=True)
class _Failed:
    """Why a process ended, as it says itself."""

    kind: type[RadraftError] | None
    """None for an error that nobody raised on purpose."""
    code: str
    """Of the error, else the name of its class: what it says may quote a report."""
    file: str | None
    details: dict[str, str | int | float]
    where: str = ""
    """In the code, for an error that nobody raised on purpose."""


class _Workers:
    """The processes of one training, as the one sees them that began them."""

    def __init__(self, job: Job, count: int, meeting: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._told: dict[Connection, int] = {}
        self._all = []
        for rank in range(count):
            hears, tells = context.Pipe(duplex=False)
            process = context.Process(
                target=_work,
                args=(rank, count, meeting, job, tells),
                name=f"radraft-train-{rank}",
                daemon=True,
            )
            self._all.append(process)
            self._told[hears] = rank
            process.start()
            tells.close()
        self._failed: dict[int, _Failed] = {}
        self._trained: Trained | None = None

    def all(self, on_step: Callable[[Step], None]) -> Trained:
        try:
            while self._told and not self._lost():
                self._hear(on_step, None)
            if self._failed or self._lost():
                # The one that failed first is not always the one that is seen first.
                self._hear_out(on_step)
                raise self._error()
            for process in self._all:
                process.join()
            if self._trained is None or self._lost():
                raise self._error()
            return self._trained
        finally:
            for process in self._all:
                process.kill()
                process.join()
            for end in self._told:
                end.close()

    def _lost(self) -> list[int]:
        """Ranks of those that ended otherwise than by being done."""
        return [rank for rank, one in enumerate(self._all) if one.exitcode not in (None, 0)]

    def _hear(self, on_step: Callable[[Step], None], seconds: float | None) -> bool:
        """Take what was told, or wait for it; whether there was anything."""
        watched: Sequence[Any] = [*self._told, *(one.sentinel for one in self._all
                                                 if one.exitcode is None)]  # fmt: skip
        ready = wait(watched, timeout=seconds)
        for end in ready:
            if not isinstance(end, Connection):
                continue
            try:
                said = end.recv()
            except (EOFError, OSError):
                self._told.pop(end)
                end.close()
                continue
            if isinstance(said, Step):
                on_step(said)
            elif isinstance(said, Trained):
                self._trained = said
            else:
                self._failed[self._told[end]] = said
        return bool(ready)

    def _hear_out(self, on_step: Callable[[Step], None]) -> None:
        while self._told and self._hear(on_step, GRACE_S):
            pass

    def _error(self) -> RadraftError:
        for known in self._failed.values():
            if known.kind is not None:
                return known.kind(known.code, file=known.file, **known.details)
        lost = self._lost()
        # One that was killed is the cause; the others fail because they wait for it.
        killed = [rank for rank in lost if (self._all[rank].exitcode or 0) < 0]
        rank = next(iter((*killed, *self._failed, *lost)), 0)
        code = self._all[rank].exitcode
        if code is not None and code < 0:
            reason = signal.Signals(-code).name
        else:
            reason = f"exit {code}"
            if (failed := self._failed.get(rank)) is not None:
                reason = failed.code
                log.error(
                    "process %d of %d: %s\n%s", rank + 1, len(self._all), reason, failed.where
                )
        return TrainingError(
            "training_process_lost", number=rank + 1, processes=len(self._all), reason=reason
        )


def _work(rank: int, count: int, meeting: Path, job: Job, tells: Connection) -> None:
    """One of the processes, from its beginning to its end."""
    # At once, wherever it is: what is being written is whole or not there.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_ends_with_parent, daemon=True).start()
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // count))
    try:
        with process_group.joined(rank, count, meeting) as group:
            trained = job.train(group, tells.send if group.writes else lambda step: None)
        if rank == 0:
            tells.send(trained)
    except RadraftError as error:
        tells.send(_Failed(type(error), error.code, error.file, error.details))
        os._exit(1)
    except Exception as error:  # noqa: BLE001 - the process ends here, and says of what
        where = "".join(traceback.format_tb(error.__traceback__))
        tells.send(_Failed(None, type(error).__name__, None, {}, where))
        os._exit(1)
    tells.close()


def _ends_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
