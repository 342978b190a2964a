"""The processes that train one model together, each holding a share of every weight (FSDP2).

The same calls train alone and together: alone there is nothing to share and nothing to wait for.
torch's own `fully_shard` over `gloo` on CPUs and over `nccl` on GPUs, one process a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core.errors import TrainingError

if TYPE_CHECKING:
    import torch

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others before it takes them for hung."""


@dataclass(frozen=True)
class ProcessGroup:
    """One process's place among those that train together."""

    rank: int
    """0 writes the run."""
    count: int
    device: str
    mesh: Any = None
    """torch's `DeviceMesh` over all of them; None alone."""

    @property
    def writes(self) -> bool:
        """Whether this process writes the run."""
        return self.rank == 0

    def share(self, tuned: torch.nn.Module) -> None:
        """Move `tuned` to the device; of several processes each keeps its share of every weight
        and has those of one layer whole at a time."""
        if self.mesh is None:
            tuned.to(self.device)
        else:
            _shard(tuned, self.mesh)

    def syncs(self, tuned: torch.nn.Module, *, now: bool) -> None:
        """Say whether the next way back adds up the gradients of all processes: once a step, not
        once a micro-batch."""
        if self.mesh is not None:
            model: Any = tuned
            model.set_requires_gradient_sync(now)

    def sums(self, values: Sequence[float]) -> list[float]:
        """Return the sums over all processes, the same to the bit in each."""
        if self.mesh is None:
            return list(values)
        import torch

        own = torch.tensor(values, dtype=torch.float64, device=self.device)
        every = [torch.empty_like(own) for _ in range(self.count)]
        torch.distributed.all_gather(every, own)
        return [float(value) for value in sum(every[1:], every[0])]

    def pieces(self, count: int, size: int) -> Iterator[tuple[slice, bool]]:
        """Yield this process's pieces of `count` things, each of up to `size`, and whether it
        counts: all processes get as many, so the last may be one that another has."""
        starts = range(0, count, size)
        for first in range(0, len(starts), self.count):
            place = first + self.rank
            counts = place < len(starts)
            start = starts[place if counts else first]
            yield slice(start, min(start + size, count)), counts

    def together(self, own: Mapping[int, Any]) -> dict[int, Any]:
        """Return what all processes have, by number; plain values alone."""
        if self.mesh is None:
            return dict(own)
        import torch

        every: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(every, dict(own))
        return {number: value for one in every for number, value in one.items()}

    def waits(self) -> None:
        """Wait until every process is here."""
        if self.mesh is not None:
            import torch

            torch.distributed.barrier()


def alone() -> ProcessGroup:
    """Return the group of a process that trains by itself, on a GPU where there is one."""
    import torch

    return ProcessGroup(0, 1, "cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def joined(rank: int, count: int, meeting: Path) -> Iterator[ProcessGroup]:
    """Join `count` processes of this machine that meet at the file `meeting`, a new one."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh

    has_gpu = torch.cuda.is_available()
    device = f"cuda:{rank}" if has_gpu else "cpu"
    if has_gpu:
        torch.cuda.set_device(rank)
    # A hospital's machine need not find its own name in any network, and nobody else is to join.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.distributed.init_process_group(
        "nccl" if has_gpu else "gloo",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=count,
        timeout=PATIENCE,
    )
    mesh = init_device_mesh("cuda" if has_gpu else "cpu", (count,))
    yield ProcessGroup(rank, count, device, mesh)
    # Not where something failed: it would wait for those that will not come.
    torch.distributed.destroy_process_group()


def require_shares(batch: int, processes: int) -> None:
    """TrainingError `training_batch_not_shared` unless `processes` get equal shares of a batch."""
    if batch % processes:
        raise TrainingError("training_batch_not_shared", batch=batch, processes=processes)


def require_devices(processes: int) -> None:
    """TrainingError `training_too_few_gpus` where there are GPUs, but not one for each process."""
    import torch

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if there and processes > there:
        raise TrainingError("training_too_few_gpus", processes=processes, gpus=there)


def whole(value: torch.Tensor) -> torch.Tensor:
    """Return a weight or its state as one process would have it. All processes must call it for
    the same tensors in the same order."""
    from torch.distributed.tensor import DTensor

    return value.full_tensor() if isinstance(value, DTensor) else value


def own_share(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return this process's share of `value`, divided as `like` is."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value
    on = value.to(like.device_mesh.device_type)
    # Every process has read the whole of it.
    return distribute_tensor(on, like.device_mesh, like.placements, src_data_rank=None)


def _shard(tuned: torch.nn.Module, mesh: Any) -> None:
    from torch.distributed.fsdp import fully_shard

    # The layers of a model say themselves that they belong together.
    names = {
        name
        for module in tuned.modules()
        for name in getattr(module, "_no_split_modules", None) or ()
    }
    # Inner ones first, as `fully_shard` wants it.
    for module in reversed(list(tuned.modules())):
        if type(module).__name__ in names:
            fully_shard(module, mesh=mesh)
    fully_shard(tuned, mesh=mesh)
