from __future__ import annotations

from pathlib import Path

import pytest
import torch

from radraft.core.processor import training_precision

NEEDED = {"avx512vl", "avx512bw", "avx512dq"}


def test_fp32_stays() -> None:
    assert training_precision("fp32") == "fp32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU calculates in bf16")
def test_bf16_is_for_processors_that_calculate_in_it() -> None:
    """Held against what the kernel says of the processor."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    flags = {
        word for line in info.splitlines() if line.startswith("flags") for word in line.split()
    }
    if not flags:
        pytest.skip("no processor of Intel's kind")
    able = flags >= NEEDED or "avx_ne_convert" in flags
    assert training_precision("bf16") == ("bf16" if able else "fp32")
