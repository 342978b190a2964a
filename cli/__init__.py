"""The `radraft` command. Modules are imported inside commands, so that `--help` answers at once."""

from __future__ import annotations

from radraft.cli.main import main

__all__ = ["main"]
