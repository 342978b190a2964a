"""Tensors written without torch are the ones torch would have written."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from radraft.vision_encoder import torch_file

DTYPES: tuple[torch_file.Dtype, ...] = ("bfloat16", "float16", "float32")


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    values=arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 7)),
        elements=st.floats(width=32, allow_nan=False),
    )
)
def test_every_number_is_rounded_as_torch_rounds_it(
    dtype: torch_file.Dtype, values: npt.NDArray[np.float32]
) -> None:
    import torch

    loaded = torch.load(io.BytesIO(torch_file.dump(values, dtype)), weights_only=True)
    expected = torch.from_numpy(values).to(getattr(torch, dtype))
    assert loaded.dtype == expected.dtype
    assert loaded.shape == expected.shape
    assert loaded.is_contiguous()
    whole = torch.int32 if dtype == "float32" else torch.int16
    # As whole numbers: equal to the last bit, the sign of zero too.
    assert torch.equal(loaded.view(whole), expected.view(whole))


def test_ties_go_to_the_even_number_and_what_is_too_large_to_infinity() -> None:
    import torch

    bits = np.array([[0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF, 0xFF7FFFFF]], dtype=np.uint32)
    values = bits.view(np.float32)
    loaded = torch.load(io.BytesIO(torch_file.dump(values, "bfloat16")), weights_only=True)
    found = [number & 0xFFFF for number in loaded.view(torch.int16)[0].tolist()]
    assert found == [0x3F80, 0x3F82, 0x3F81, 0x7F80, 0xFF80]


def test_what_is_no_number_stays_none() -> None:
    import torch

    values = np.array([[np.nan, -np.nan, 1.0]], dtype=np.float32)
    for dtype in DTYPES:
        loaded = torch.load(io.BytesIO(torch_file.dump(values, dtype)), weights_only=True)
        assert torch.isnan(loaded).tolist() == [[True, True, False]]


def test_the_same_values_give_the_same_bytes() -> None:
    values = np.random.default_rng(1).standard_normal((17, 640), dtype=np.float32)
    columns_first = np.asfortranarray(values)
    for dtype in DTYPES:
        assert torch_file.dump(values, dtype) == torch_file.dump(columns_first, dtype)
