"""Tensors as the file that `torch.load` reads, written without torch.

vLLM takes image embeddings in this form. Writing it with torch would give each thread that does so
an OpenMP team of its own, whose spinning takes the cores from vLLM's threads.

The format is a ZIP archive of stored (not compressed) records: `data.pkl`, a pickle that names the
tensor's storage by a persistent id, and `data/0`, the storage's bytes (torch's
`torch/serialization.py`, `_save`, as of torch 2.13).
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt

Dtype = Literal["bfloat16", "float16", "float32"]

_STORAGES: dict[Dtype, bytes] = {
    "bfloat16": b"BFloat16Storage",
    "float16": b"HalfStorage",
    "float32": b"FloatStorage",
}
_FOLDER = "archive"


def dump(values: npt.NDArray[np.float32], dtype: Dtype) -> bytes:
    """Return (rows, columns) `values` as a contiguous CPU tensor of `dtype` in a file; the same
    values give the same bytes.

    Numbers are rounded to the nearest, ties to even, as torch rounds them.
    """
    rows, columns = values.shape
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {
            "data.pkl": _pickle(rows, columns, dtype),
            "byteorder": b"little",
            "data/0": _storage(values, dtype),
            "version": b"3\n",
        }.items():
            # A ZipInfo of its own has a fixed date.
            archive.writestr(zipfile.ZipInfo(f"{_FOLDER}/{name}"), data)
    return out.getvalue()


def _storage(values: npt.NDArray[np.float32], dtype: Dtype) -> bytes:
    """Return the numbers of `values`, row by row, little-endian."""
    match dtype:
        case "float32":
            return np.ascontiguousarray(values, dtype="<f4").tobytes()
        case "float16":
            # What is too large becomes infinity, in torch too.
            with np.errstate(over="ignore"):
                return np.ascontiguousarray(values).astype("<f2").tobytes()
        case "bfloat16":
            return _bfloat16(values).tobytes()
        case _:
            assert_never(dtype)


def _bfloat16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Return the upper halves of float32 numbers, rounded to the nearest, ties to even."""
    bits = np.ascontiguousarray(values, dtype="<f4").view("<u4").astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet_nan = 0x7FC0
    result: npt.NDArray[np.uint16] = np.where(np.isnan(values), quiet_nan, rounded).astype("<u2")
    return result


def _pickle(rows: int, columns: int, dtype: Dtype) -> bytes:
    """Return the pickle (protocol 2) of `torch._utils._rebuild_tensor_v2(storage, 0, size, stride,
    False, OrderedDict())`.

    Written by its opcodes: pickling a function by name would import torch.
    """
    storage = b"".join(
        (
            b"(",
            _text(b"storage"),
            b"ctorch\n" + _STORAGES[dtype] + b"\n",
            _text(b"0") + _text(b"cpu") + _number(rows * columns),
            b"tQ",
        )
    )
    size = _number(rows) + _number(columns) + b"\x86"
    stride = _number(columns) + _number(1) + b"\x86"
    return b"".join(
        (
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n",
            b"(" + storage + _number(0) + size + stride,
            b"\x89ccollections\nOrderedDict\n)Rt",
            b"R.",
        )
    )


def _text(text: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text


def _number(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)
