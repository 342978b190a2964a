"""LoRA on a CPU by groups of tokens, against one token at a time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from radraft.llm.engine.cpu_lora import expand, runs, shrink

SLOTS, RANK, IN, OUT = 3, 4, 8, 6

slots = st.lists(st.integers(-1, SLOTS - 1), min_size=1, max_size=24)


@given(slots)
def test_every_token_with_an_adapter_is_in_one_group(chosen: list[int]) -> None:
    import torch

    seen = torch.full((len(chosen),), -1)
    for slot, rows in runs(torch.tensor(chosen)):
        assert (seen[rows] == -1).all()
        seen[rows] = slot
    assert seen.tolist() == chosen


@pytest.mark.parametrize("chosen", [[0, 0, 1, 1], [-1, 1, 1, -1]])
def test_tokens_that_lie_together_are_not_copied(chosen: list[int]) -> None:
    import torch

    assert all(isinstance(rows, slice) for _, rows in runs(torch.tensor(chosen)))


@given(slots, st.integers(0, 2**31), st.sampled_from(["float32", "bfloat16"]))
def test_each_token_goes_through_its_own_adapter_and_none_through_none(
    chosen: Sequence[int], seed: int, dtype: str
) -> None:
    import torch

    kind = getattr(torch, dtype)
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(len(chosen), IN, generator=random).to(kind)
    a = torch.randn(SLOTS, 1, RANK, IN, generator=random).to(kind)
    b = torch.randn(SLOTS, 1, OUT, RANK, generator=random).to(kind)
    before = torch.randn(len(chosen), OUT + 5, generator=random).to(kind)
    y, buffer = before.clone(), torch.zeros(len(chosen), RANK)
    groups = runs(torch.tensor(chosen))
    shrink(buffer, x, a, 0.5, groups)
    expand(y, buffer, b, 2, groups, add=True)
    for row, slot in enumerate(chosen):
        wanted = before[row].float()
        if slot >= 0:
            wanted[2 : 2 + OUT] += (
                0.5 * (x[row].float() @ a[slot, 0].float().T) @ b[slot, 0].float().T
            )
        close = 1e-4 if kind is torch.float32 else 0.5
        assert torch.allclose(y[row].float(), wanted, atol=close, rtol=0.05)
        if slot < 0:
            assert torch.equal(y[row], before[row])


def test_a_slice_can_be_written_in_place_of_added() -> None:
    import torch

    y = torch.ones(2, OUT)
    b = torch.ones(SLOTS, 1, OUT, RANK)
    expand(y, torch.ones(2, RANK), b, 0, runs(torch.tensor([1, -1])), add=False)
    assert y.tolist() == [[RANK] * OUT, [1.0] * OUT]
