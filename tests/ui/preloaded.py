"""What every server of the browser tests is forked with: Gradio imported, and the words of the
proofreader read, which takes a process of its own several seconds."""

from __future__ import annotations

import gradio  # noqa: F401

from radraft.reports.checks.run import forget, proofread
from tests.ui import seed, serve

__all__ = ["serve"]

proofread(seed.report("c-0000000000000000"))
forget()
