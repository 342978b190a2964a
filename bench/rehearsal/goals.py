"""What the rehearsal must show, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from radraft.reports.values import LANGS

FALL = 0.30
"""Least fall of the edit distance from the base to the last own adapter."""


class Met(StrEnum):
    """Whether a goal is reached."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"
    """The value falls short and the interval holds what would do."""


@dataclass(frozen=True)
class Goal:
    """One of them."""

    what: str
    wanted: str
    found: str
    met: Met


def goals(result: Mapping[str, Any]) -> tuple[Goal, ...]:
    """All goals that `result` has the figures for."""
    found: list[Goal] = []
    for site, final in result["final"].items():
        found += _site(site, final["changes"])
    for name, poison in result["poisons"].items():
        decisions = {stage: poison[stage] for stage in ("batch", "gate") if poison[stage]}
        stopped = [stage for stage, one in decisions.items() if not one["passed"]]
        by = "; ".join(f"{s}: {', '.join(decisions[s]['failed'])}" for s in stopped)
        met = Met.YES if stopped else Met.NO
        found.append(Goal(f"poison {name}", "stopped", by or "went through", met))
    return tuple(found)


def shown(figure: Mapping[str, float | None], percent: bool = False) -> str:
    """A value with its interval."""
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if value is None:
        return "undefined"
    parts = [f"{100 * number:.0f}%" if percent else f"{number:.3f}" for number in (value,)]
    if low is not None and high is not None:
        ends = [f"{100 * end:.0f}%" if percent else f"{end:.3f}" for end in (low, high)]
        parts.append(f"({ends[0]} to {ends[1]})")
    return " ".join(parts)


def _site(site: str, changes: Mapping[str, Mapping[str, float | None]]) -> Iterator[Goal]:
    fall = changes["fall_distance"]
    yield Goal(
        f"{site}: edit distance falls from the base to the last adapter",
        f"at least {FALL:.0%}",
        shown(fall, percent=True),
        _at_least(fall, FALL),
    )
    for lang in LANGS:
        rise = changes[f"rise_f1_{lang}"]
        yield Goal(
            f"{site}: finding F1 ({lang}) does not fall", "0 or more", shown(rise), _at_least(rise)
        )
    worse = changes["other_worse_distance"]
    low = worse["low"]
    yield Goal(
        f"{site}: the other site's adapter is worse here",
        "interval above 0",
        shown(worse),
        Met.YES if low is not None and low > 0 else Met.NO,
    )


def _at_least(figure: Mapping[str, float | None], least: float = 0.0) -> Met:
    value, high = figure["value"], figure["high"]
    if value is not None and value >= least:
        return Met.YES
    return Met.UNDECIDED if high is not None and high >= least else Met.NO
