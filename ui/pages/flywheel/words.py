"""Words and numbers of the trend in Chinese and English."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from radraft.eval.report.words import Both
from radraft.finetune.trend.values import Spread
from radraft.reports.findings.vocabulary import vocabulary

MINUS = "\u2212"


def word(key: str) -> Both:
    """A text of `words.yaml`. KeyError where there is none."""
    entry = _words()[key]
    return Both(entry["zh"], entry["en"])


def finding(code: str) -> Both:
    """A finding's names; the code itself where an older vocabulary had it."""
    entry = vocabulary().get(code)
    return Both(code, code) if entry is None else Both(entry.zh, entry.en)


def percent(share: float | None) -> str:
    """A share of 0 to 1 as whole percent; a dash for None."""
    return "—" if share is None else f"{100 * share:.0f}%"


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    # Adding zero makes of a rounded -0.0 a plain 0.
    return f"{round(100 * share, 1) + 0.0:+.1f}".replace("-", MINUS)


def decimal(value: float | None, places: int = 2) -> str:
    """A number; a dash for None."""
    return "—" if value is None else f"{value:.{places}f}"


def median(spread: Spread | None, places: int = 2) -> str:
    """A median; a dash for None."""
    return decimal(None if spread is None else spread.median, places)


def quartiles(spread: Spread | None, places: int = 2) -> str:
    """`0.10-0.32` with an en dash; empty for None."""
    return "" if spread is None else f"{spread.low:.{places}f}–{spread.high:.{places}f}"


@cache
def _words() -> dict[str, dict[str, str]]:
    import yaml

    text = files("radraft.ui.pages.flywheel").joinpath("words.yaml").read_text(encoding="utf-8")
    words: dict[str, dict[str, str]] = yaml.safe_load(text)
    return words
