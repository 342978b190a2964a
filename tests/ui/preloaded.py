"""Imported before the servers of the browser tests are forked, so that each starts at once."""

from __future__ import annotations

import gradio

from tests import words_read
from tests.ui import serve

__all__ = ["gradio", "serve", "words_read"]
