"""Numbers as pages, tables and terminals write them."""

from __future__ import annotations

from radraft.finetune.trend.values import Spread

MINUS = "\u2212"


def percent(share: float | None) -> str:
    """Return a share of 0 to 1 as whole percent; a dash for None."""
    return "—" if share is None else f"{100 * share:.0f}%"


def points(share: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    # Adding zero makes of a rounded -0.0 a plain 0.
    return f"{round(100 * share, 1) + 0.0:+.1f}".replace("-", MINUS)


def decimal(value: float | None, places: int = 2) -> str:
    """Return a number; a dash for None."""
    return "—" if value is None else f"{value:.{places}f}"


def median(spread: Spread | None, places: int = 2) -> str:
    """Return a median; a dash for None."""
    return decimal(None if spread is None else spread.median, places)


def quartiles(spread: Spread | None, places: int = 2) -> str:
    """Return `0.10-0.32` with an en dash; empty for None."""
    return "" if spread is None else f"{spread.low:.{places}f}–{spread.high:.{places}f}"
