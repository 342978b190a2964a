"""What the sentences that speak of a question say to it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radraft.llm.asking.cases import Case, quote_sentence
from radraft.llm.asking.evidence import Match, Place
from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.premises import LENGTH, contradicted, measured
from radraft.llm.asking.questions import Asked
from radraft.llm.asking.reading import stated
from radraft.llm.asking.values import Finding, Kind, Outcome, Polarity, SizeAt, SourceSentence

QUOTED = 6
"""Most sentences that one answer quotes of a report."""
_CORRECTS = re.compile(r"更正|误写|in error|correction", re.IGNORECASE)
_OPEN_KINDS = (Kind.PRESENCE, Kind.CERTAINTY, Kind.CAUSE)


def outcome_of(case: Case, found: Sequence[Match]) -> Finding | None:
    """Return what matching sentences say; None where they do not answer the question."""
    if not found:
        return None
    here = [m for m in found if m.here]
    if not here:
        return _elsewhere(case, found)
    if astray := _on_another_side(case.asked, found, here):
        return finding(case, Outcome.CORRECTED, [*astray, *here])
    placed = _named_there(case.asked, here)
    # What an addendum says of it counts before what it was added to.
    added = [m for m in placed or here if m.own and m.sentence.id.startswith("a")]
    state = _state(added or placed or here)
    if placed and state is Polarity.ABSENT:
        here = placed
    doubts = [m for m in here if m.polarity is Polarity.UNCERTAIN]
    if doubts and not case.asked.subjects and case.asked.kind in (Kind.CAUSE, Kind.CERTAINTY):
        return finding(case, Outcome.UNCERTAIN, doubts, Polarity.UNCERTAIN)
    bearing = sorted(here, key=lambda m: (m.polarity is not state, not m.whole, -m.place))
    if state is Polarity.ABSENT:
        return _denied(case, found, bearing)
    if not any(m.whole for m in here):
        return _said_in_part(case, here, bearing)
    return _affirmed(case, here, bearing, state)


def _named_there(asked: Asked, here: Sequence[Match]) -> list[Match]:
    """Return the sentences that name the place, the side and the level themselves."""
    return [
        m
        for m in here
        if m.place is Place.SAME
        and (
            not asked.sides
            or not {"left", "right"} & asked.sides
            or asked.sides & m.sides
            or "bilateral" in m.sides
        )
        and (
            not asked.spots
            or not m.spots.isdisjoint(asked.spots)
            or not any(asked.spots & o.spots for o in here)
        )
    ]


def finding(
    case: Case, outcome: Outcome, chosen: Sequence[Match], polarity: Polarity | None = None
) -> Finding:
    """Return an outcome with its sentences quoted; one that corrects others goes first."""
    ordered = sorted(chosen, key=lambda m: not _corrects(m.sentence))
    unique = list({(m.source.id, m.sentence.id): m for m in reversed(ordered)}.values())[::-1]
    return Finding(
        outcome,
        tuple(quote_sentence(case, m.source, m.sentence) for m in unique[:QUOTED]),
        polarity=polarity,
        sizes=sizes(case, unique) if case.asked.kind is Kind.SIZE else (),
    )


def sizes(case: Case, found: Sequence[Match]) -> tuple[SizeAt, ...]:
    """Return the sizes that sentences give, by the day of their examination."""
    given = []
    for match in found:
        size = LENGTH.search(match.sentence.text(case.lang))
        if size is not None and match.polarity is not Polarity.ABSENT:
            day = match.source.performed.date().isoformat()
            given.append(SizeAt(day, size.group(), match.source.id, match.sentence.id))
    return tuple(given)


def _corrects(sentence: SourceSentence) -> bool:
    return _CORRECTS.search(f"{sentence.zh} {sentence.en}") is not None


def _state(here: Sequence[Match]) -> Polarity:
    order = (Polarity.PRESENT, Polarity.UNCERTAIN, Polarity.ABSENT)
    return next(state for state in order if state in {m.polarity for m in here})


def _elsewhere(case: Case, found: Sequence[Match]) -> Finding | None:
    """What is asked after is there, but not where the question has it."""
    asked = case.asked
    present = [m for m in found if m.polarity is not Polarity.ABSENT]
    if not present:
        named = [m for m in found if m.place is Place.SAME and (m.same_spot or m.same_side)]
        return (
            finding(case, Outcome.CORRECTED, named)
            if asked.spots and asked.attribute and named
            else None
        )
    if all(m.place is Place.BESIDE for m in present) and not (
        (asked.attribute or asked.sizes or any(one.definite for one in asked.subjects))
        and not all(one.concepts <= lexicon().predicates for one in asked.subjects)
    ):  # fmt: skip
        return None
    if asked.exists and not any(one.definite for one in asked.subjects):
        return None
    if asked.turned and not asked.presumes:
        return None
    return finding(case, Outcome.CORRECTED, [*present, *found])


def _on_another_side(asked: Asked, found: Sequence[Match], here: Sequence[Match]) -> list[Match]:
    """Return the sentences that have it on another side or level, where none has it on this."""
    if not (asked.sides or asked.spots) or asked.exists or asked.turned:
        return []
    astray = [
        m for m in found
        if m.polarity is Polarity.PRESENT and m.whole and not (m.same_side and m.same_spot)
    ]  # fmt: skip
    named = [
        m
        for m in here
        if (not asked.sides or asked.sides & m.sides or "bilateral" in m.sides)
        and m.polarity is not Polarity.ABSENT
    ]
    return [] if named or not asked.subjects else astray


def _denied(case: Case, found: Sequence[Match], bearing: list[Match]) -> Finding | None:
    """The report denies it, or a part of it, where the question has it."""
    asked = case.asked
    if any(not m.measured and m.polarity is not Polarity.ABSENT for m in found):
        return None
    thing_denied = all(m.thing is Polarity.ABSENT for m in bearing if m.whole) or not any(
        m.whole for m in bearing
    )
    definite = asked.attribute or any(one.definite for one in asked.subjects)
    presumed = asked.presumes and not asked.turned and (definite or not asked.normal)
    elsewhere = [m for m in found if not m.here and m.polarity is not Polarity.ABSENT]
    if elsewhere and (presumed or not asked.exists) and not asked.turned:
        return finding(case, Outcome.CORRECTED, [*elsewhere, *bearing])
    if all(m.limited for m in bearing) and not asked.attribute:
        if asked.kind is Kind.CERTAINTY:
            return finding(case, Outcome.UNCERTAIN, bearing, Polarity.UNCERTAIN)
        return finding(case, Outcome.ANSWERED, bearing)
    if (
        asked.kind is Kind.CHANGE
        and (asked.change == "resolved" or asked.neutral)
        and not asked.attribute
    ):
        return finding(case, Outcome.ANSWERED, bearing)
    if not thing_denied:
        presumed = asked.attribute
    if asked.denies:
        presumed = False
    said = None if asked.normal else Polarity.ABSENT
    return finding(case, Outcome.CORRECTED if presumed else Outcome.ANSWERED, bearing, said)


_NATURE = frozenset({"malignancy", "benign", "infection", "inflammation", "acute", "old"})
_UNDECIDED = re.compile(
    r"性质待定|待定|不能定性|indeterminate|not to be characterised|不除外|待排|可能|possibl"
    r"|probabl|excluded|考虑",
    re.I,
)


def _said_in_part(case: Case, here: list[Match], bearing: list[Match]) -> Finding | None:
    """The thing is there, and nothing is said of what is asked of it."""
    asked = case.asked
    ages = {c for one in asked.subjects if one.predicate for c in one.concepts} & {"acute", "old"}
    if ages:
        other = [m for m in here if _ages(m) and not _ages(m) & ages]
        if other:
            return finding(case, Outcome.CORRECTED, other)
    nature = any(one.concepts & _NATURE for one in asked.subjects if one.predicate)
    open_ = [m for m in here if _UNDECIDED.search(f"{m.sentence.zh} {m.sentence.en}")]
    if nature and open_ and asked.kind in _OPEN_KINDS:
        return finding(case, Outcome.UNCERTAIN, open_, Polarity.UNCERTAIN)
    return None


def _ages(match: Match) -> frozenset[str]:
    return frozenset(c for s in stated(match.sentence) for c in s.concepts & {"acute", "old"})


_CAUSAL = re.compile(
    r"引起|所致|导致|继发|相关|无关|due to|caused|secondary|related|from (?:a|the)\b|源性|adhesive",
    re.I,
)
_WHY = re.compile(r"原因|为啥|为什么|引起|导致|cause|\bwhy\b|due to", re.I)


def _affirmed(
    case: Case, here: list[Match], bearing: list[Match], state: Polarity
) -> Finding | None:
    """The report has it, for sure or perhaps, where the question has it."""
    asked = case.asked
    if asked.one_side and any("bilateral" in m.sides for m in here):
        return finding(case, Outcome.CORRECTED, bearing)
    if state is Polarity.UNCERTAIN and asked.sure:
        return finding(case, Outcome.CORRECTED, bearing, Polarity.UNCERTAIN)
    if state is Polarity.PRESENT and asked.denies and asked.kind is Kind.PRESENCE:
        return finding(case, Outcome.CORRECTED, bearing)
    if not any(m.measured for m in here if m.polarity is not Polarity.ABSENT):
        return None
    if contradicted(asked, here):
        return finding(case, Outcome.CORRECTED, bearing)
    if asked.kind is Kind.CAUSE and state is Polarity.PRESENT and _asks_why(asked):
        causal = [m for m in here if _CAUSAL.search(f"{m.sentence.zh} {m.sentence.en}")]
        return finding(case, Outcome.ANSWERED, causal) if causal else None
    if _device_elsewhere(asked, here):
        return finding(case, Outcome.CORRECTED, bearing)
    if asked.kind is Kind.SIZE:
        return _sized(case, here, bearing)
    if asked.kind is Kind.SIDE and not any(m.sides or m.spots for m in here):
        return None
    if state is Polarity.UNCERTAIN and asked.kind in _OPEN_KINDS:
        return finding(case, Outcome.UNCERTAIN, bearing, Polarity.UNCERTAIN)
    if asked.kind in (Kind.PRESENCE, Kind.CERTAINTY) and asked.subjects and not (
        asked.presumes or asked.normal
    ):  # fmt: skip
        return finding(case, Outcome.ANSWERED, bearing, state)
    return finding(case, Outcome.ANSWERED, bearing)


def _asks_why(asked: Asked) -> bool:
    """Return whether a cause is asked for of which the question names none."""
    return len(asked.subjects) < 2 and _WHY.search(asked.text) is not None


def _sized(case: Case, here: list[Match], bearing: list[Match]) -> Finding | None:
    """Return the sentences that give the size first; None where none does."""
    if not measured(case.asked, here):
        return _sized_there(case, here)
    giving = [m for m in bearing if measured(case.asked, [m])]
    return finding(case, Outcome.ANSWERED, [*giving, *bearing])


def _sized_there(case: Case, here: list[Match]) -> Finding | None:
    """Return what gives the size of a lesion that another sentence names: one of the same place
    and side that names no other thing."""
    if case.asked.measures or not all(one.concepts for one in case.asked.things):
        return None
    known, source = lexicon(), here[0].source
    places = (
        known.specific(frozenset(p for m in here for s in stated(m.sentence) for p in s.places))
        - known.loose
    )
    found = []
    for sentence in case.evidence(source).sentences:
        said = [s for s in stated(sentence) if s.polarity is not Polarity.ABSENT]
        alike = [s for s in said if s.places & places and s.concepts & _NAMED_BROADLY]
        if alike and LENGTH.search(f"{sentence.zh} {sentence.en}"):
            found.append(Match(source, sentence, Polarity.PRESENT))
    return finding(case, Outcome.ANSWERED, [*found, *here]) if places and found else None


_NAMED_BROADLY = frozenset(
    [
        "lesion",
        "mass",
        "nodule",
        "collection",
        "effusion",
        "opacity",
        "lucency",
        "high_density",
        "cyst",
    ]
)


def _device_elsewhere(asked: Asked, here: Sequence[Match]) -> bool:
    """Return whether a device that the question has in a place is in others."""
    known = lexicon()
    if (not asked.presumes and not asked.normal) or not asked.places or not asked.subjects:
        return False
    if not all(one.concepts & known.devices for one in asked.things):
        return False
    stands = frozenset(place for m in here for one in stated(m.sentence) for place in one.places)
    stands = known.specific(stands)
    return bool(stands) and not any(
        place in known.lineage(one) or one in known.lineage(place)
        for place in asked.places
        for one in stands
    )
