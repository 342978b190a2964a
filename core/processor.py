"""What this machine calculates in."""

from __future__ import annotations


def training_precision(wanted: str) -> str:
    """Return `wanted`, or fp32 where that is bf16 and the machine does not calculate in it.

    On a processor without AVX-512 torch makes products of bf16 number by number: a matrix product
    takes a hundred times as long as in fp32 (docs/log.md).
    """
    import torch

    known = torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return wanted if known else "fp32"
