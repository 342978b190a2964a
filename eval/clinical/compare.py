"""A reference's statements against a hypothesis': one event for each finding that either states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radraft.reports.findings.statements import (
    Side,
    State,
    Statement,
    critical,
    index,
    most_specific,
)

EVENT = np.dtype(
    [
        ("report", np.int32),
        ("code", np.int16),
        ("ref", np.int8),
        ("hyp", np.int8),
        ("ref_side", np.int8),
        ("hyp_side", np.int8),
        ("flags", np.uint8),
    ]
)
Events: TypeAlias = NDArray[Any]
"""Array of `EVENT`, sorted by report. 11 bytes an event, so that 100,000 reports stay small."""


class Flag(IntFlag):
    """What an event counts as, each patient's problem once (see `most_specific`)."""

    HALLUCINATED = 1
    """Present in the hypothesis; the reference neither states nor suspects it."""
    MISSED = 2
    """Present in the reference; the hypothesis neither states nor suspects it."""
    SIDED = 4
    """Present in both with a side in both."""
    WRONG_SIDE = 8
    """Sided, and the sides differ (left or right against both counts as different)."""
    CRITICAL = 16
    """A critical finding present in the reference."""
    FALSE_ALARM = 32
    """A critical finding hallucinated."""
    IMPLIED = 64
    """No text names it: it follows from a more specific finding wherever it is stated."""


@dataclass(frozen=True)
class Breakdown:
    """Errors of one report, as codes, for a table of the worst cases."""

    hallucinated: tuple[str, ...]
    missed: tuple[str, ...]
    wrong_side: tuple[str, ...]
    claims_absent_prior: bool | None
    """Whether the hypothesis compares with a prior where there is none; None if that is unknown."""


_NOTHING = Statement(State.UNSTATED)
Row: TypeAlias = tuple[int, int, int, int, int, int, int]


def compare(report: int, ref: Mapping[str, Statement], hyp: Mapping[str, Statement]) -> list[Row]:
    """Events of report number `report`, in the vocabulary's order."""
    flags = _flags(ref, hyp)
    rows = []
    for code in sorted(ref.keys() | hyp.keys(), key=index().__getitem__):
        mine, other = ref.get(code, _NOTHING), hyp.get(code, _NOTHING)
        rows.append(
            (
                report,
                index()[code],
                int(mine.state),
                int(other.state),
                int(mine.side),
                int(other.side),
                flags.get(code, 0),
            )
        )
    return rows


def events(rows: Sequence[Row]) -> Events:
    """Rows of `compare` as one array."""
    return np.array(list(rows), dtype=EVENT)


def _flags(ref: Mapping[str, Statement], hyp: Mapping[str, Statement]) -> dict[str, int]:
    ref_present, ref_possible = _present(ref), _possible(ref)
    hyp_present, hyp_possible = _present(hyp), _possible(hyp)
    invented = hyp_present - ref_possible
    flags: dict[str, int] = {}
    _mark(flags, most_specific(invented), Flag.HALLUCINATED)
    _mark(flags, most_specific(ref_present - hyp_possible), Flag.MISSED)
    _mark(flags, critical(ref_present), Flag.CRITICAL)
    _mark(flags, critical(invented), Flag.FALSE_ALARM)
    sided = most_specific(
        {code for code in ref_present & hyp_present if ref[code].side and hyp[code].side}
    )
    _mark(flags, sided, Flag.SIDED)
    _mark(flags, {code for code in sided if ref[code].side != hyp[code].side}, Flag.WRONG_SIDE)
    implied = {
        code
        for code in ref_possible | hyp_possible
        if ref.get(code, _IMPLIED).implied and hyp.get(code, _IMPLIED).implied
    }
    _mark(flags, implied, Flag.IMPLIED)
    return flags


_IMPLIED = Statement(State.UNSTATED, Side.UNKNOWN, implied=True)


def _present(stated: Mapping[str, Statement]) -> set[str]:
    return {code for code, one in stated.items() if one.state is State.PRESENT}


def _possible(stated: Mapping[str, Statement]) -> set[str]:
    return {code for code, one in stated.items() if one.state >= State.UNCERTAIN}


def _mark(flags: dict[str, int], codes: set[str], flag: Flag) -> None:
    # A plain number: `|` of flags takes a microsecond, and this runs for every finding.
    bit = flag.value
    for code in codes:
        flags[code] = flags.get(code, 0) | bit
