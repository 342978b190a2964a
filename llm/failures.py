"""Why vLLM did not start, told from its log by category: the text itself stays in the log."""

from __future__ import annotations

import re
from pathlib import Path

TAIL = 64 * 1024
CATEGORIES = (
    ("out_of_memory", r"out of memory|Cannot allocate memory|MemoryError|No available memory"),
    ("port_in_use", r"Address already in use"),
    ("broken_install", r"ModuleNotFoundError|ImportError|cannot open shared object"),
    ("model_files", r"does not appear to have a file|is not a valid model|SafetensorError"
     r"|LocalEntryNotFound|Repository Not Found|not a local folder|does not recognize this"),
    ("gpu", r"CUDA error|NCCL|no CUDA-capable device"),
    ("bad_arguments", r"unrecognized arguments|invalid choice|ValidationError|ValueError"),
)  # fmt: skip


def start_failure(log: Path) -> str:
    """Return the category of the first known failure in the end of `log`; `unknown` otherwise."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return "unknown"
    return next((name for name, words in CATEGORIES if re.search(words, text)), "unknown")
