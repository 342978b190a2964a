"""What one text states, finding by finding: its mentions folded into one statement a code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from radraft.reports.findings.extract import status
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, counted_as, lineage, vocabulary
from radraft.reports.values import Certainty, Laterality


class State(IntEnum):
    """What a text says of one finding. The order is that of `status`: the stronger word wins."""

    UNSTATED = 0
    ABSENT = 1
    UNCERTAIN = 2
    PRESENT = 3


class Side(IntEnum):
    """Sides a finding is stated on, as bits: both sides are `BOTH` however they were said."""

    UNKNOWN = 0
    LEFT = 1
    RIGHT = 2
    BOTH = 3


STATE = {
    Certainty.ABSENT: State.ABSENT,
    Certainty.UNCERTAIN: State.UNCERTAIN,
    Certainty.PRESENT: State.PRESENT,
}
_SIDE = {
    None: Side.UNKNOWN,
    Laterality.LEFT: Side.LEFT,
    Laterality.RIGHT: Side.RIGHT,
    Laterality.BILATERAL: Side.BOTH,
}


@dataclass(frozen=True)
class Statement:
    """One finding of one text."""

    state: State
    side: Side = Side.UNKNOWN
    implied: bool = False
    """Whether only a more specific finding of the same text says so."""


def statements(mentions: Sequence[Mention]) -> dict[str, Statement]:
    """Statements by code, parents implied; `no_finding` is a summary and not one of them.

    The side of a finding is the union of the sides of the mentions that carry its state, its own
    and those of the findings that imply it.
    """
    certainties = status(mentions)
    sides = dict.fromkeys(certainties, 0)
    named = set()
    for mention in mentions:
        code = counted_as(mention.code)
        chain = (code,) if mention.polarity is Certainty.ABSENT else lineage(mention.code)
        if certainties[code] is mention.polarity:
            named.add(code)
        for link in chain:
            if certainties[link] is mention.polarity:
                sides[link] |= _SIDE[mention.laterality]
    return {
        code: Statement(STATE[certainty], Side(sides[code]), implied=code not in named)
        for code, certainty in certainties.items()
        if code in index()
    }


def most_specific(codes: Collection[str]) -> set[str]:
    """Those of `codes` that no other of them implies."""
    implied = {parent for code in codes for parent in lineage(code)[1:]}
    return set(codes) - implied


@cache
def counted() -> tuple[str, ...]:
    """Codes that metrics count, in the vocabulary's order: no variants, no summary of normality."""
    return tuple(
        finding.code
        for finding in vocabulary().values()
        if finding.variant_of is None and finding.kind is not Kind.NORMAL
    )


@cache
def index() -> dict[str, int]:
    """Place of each counted code in `counted()`."""
    return {code: place for place, code in enumerate(counted())}


def critical(codes: Iterable[str]) -> set[str]:
    """The critical ones, each patient's problem once: without those that another implies."""
    return most_specific([code for code in codes if vocabulary()[code].critical])
