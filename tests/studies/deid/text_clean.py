"""Clinical sentences without identity, whose words look like names, numbers or dates."""

from __future__ import annotations

from pathlib import Path

_LINES = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
CLEAN = tuple(line for line in _LINES if not line.startswith("#"))
"""One sentence or a few a line."""
