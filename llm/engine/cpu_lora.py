"""LoRA on a CPU, in vLLM's worker: `vllm serve --worker-extension-cls cpu_lora.GroupedLora`.

vLLM 0.32's own CPU kernels (`vllm/lora/ops/torch_ops/lora_ops.py`) take each token's adapter by
`weights[index]`. The index of a token that has no adapter is -1, which is the last slot: a request
to the base model that shares a step with one to an adapter is written by whatever adapter lies in
that slot. They also copy an adapter's weights once for every token. Here the tokens of one adapter
are multiplied with it at once, and those of none are left alone.

vLLM's Python runs this file with only its own folder on the path.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NAME = "cpu_lora.GroupedPunica"


class GroupedLora:
    """Mixed into vLLM's worker, which imports this module before it loads the model."""


def runs(indices: Any) -> tuple[tuple[int, Any], ...]:
    """Return (slot, rows) of each slot in `indices`, (n,) slot of each token; -1 is none and left
    out.

    `rows` is a slice where the slot's tokens lie together, an index tensor otherwise.
    """
    found = []
    for slot in indices.unique().tolist():
        if slot < 0:
            continue
        rows = (indices == slot).nonzero().flatten()
        first, last = int(rows[0]), int(rows[-1])
        together = last - first + 1 == len(rows)
        found.append((int(slot), slice(first, last + 1) if together else rows))
    return tuple(found)


def shrink(y: torch.Tensor, x: torch.Tensor, a: torch.Tensor, scale: float, groups: Any) -> None:
    """`y[rows] = scale * x[rows] @ a[slot].T`: y (n, rank) float32, x (n, in), a (slots, 1, rank,
    in)."""
    for slot, rows in groups:
        y[rows] = scale * (x[rows].to(y.dtype) @ a[slot, 0].to(y.dtype).T)


def expand(
    y: torch.Tensor, x: torch.Tensor, b: torch.Tensor, start: int, groups: Any, *, add: bool
) -> None:
    """`y[rows, start:start + out] += x[rows] @ b[slot].T`: x (n, rank), b (slots, 1, out, rank)."""
    for slot, rows in groups:
        part = x[rows].to(y.dtype) @ b[slot, 0].to(y.dtype).T
        columns = slice(start, min(start + part.shape[1], y.shape[1]))
        part = part[:, : columns.stop - columns.start]
        if add:
            y[rows, columns] += part
        else:
            y[rows, columns] = part


def _install() -> None:
    """Have vLLM's CPU platform use `GroupedPunica`. ImportError in a vLLM of another build: one
    that does not start is better than one that mixes adapters up."""
    from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU  # type: ignore[import-not-found]
    from vllm.platforms.cpu import CpuPlatform  # type: ignore[import-not-found]

    class GroupedPunica(PunicaWrapperCPU):  # type: ignore[misc]
        """vLLM's wrapper with the products above."""

        groups: tuple[tuple[int, Any], ...] = ()

        def update_metadata(self, *args: Any, **named: Any) -> None:
            super().update_metadata(*args, **named)
            self.groups = runs(self.token_lora_indices)

        def _apply_shrink(self, y: Any, x: Any, w_t_all: Any, scale: float) -> None:
            shrink(y.view(-1, y.shape[-1]), x, w_t_all, scale, self.groups)

        def _apply_expand(
            self, y: Any, x: Any, w_t_all: Any, y_offset: int, y_slice_size: int,
            add_inputs: bool = True,
        ) -> None:  # fmt: skip
            del y_slice_size
            expand(y.view(-1, y.shape[-1]), x, w_t_all, y_offset, self.groups, add=add_inputs)

        def add_lora_embedding(
            self, y: Any, x: Any, lora_b_stacked: Any, add_inputs: bool = True, **named: Any
        ) -> None:
            expand(y, x, lora_b_stacked, 0, self.groups, add=add_inputs)

        def add_lora_logits(
            self, y: Any, x: Any, lora_a_stacked: Any, lora_b_stacked: Any, scale: float,
            *, buffer: Any = None, **named: Any,
        ) -> None:  # fmt: skip
            import torch

            rows, flat = y.view(-1, y.shape[-1]), x.view(-1, x.shape[-1])
            groups = runs(self.sampler_indices)
            if buffer is None:
                size = (len(flat), lora_b_stacked.size(-1))
                buffer = torch.zeros(size, dtype=torch.float32)
            shrink(buffer, flat, lora_a_stacked, scale, groups)
            expand(rows, buffer, lora_b_stacked, 0, groups, add=True)

    globals()["GroupedPunica"] = GroupedPunica
    CpuPlatform.get_punica_wrapper = classmethod(lambda cls: NAME)


# Tests of the products above run where there is no vLLM.
if find_spec("vllm") is not None:
    _install()
