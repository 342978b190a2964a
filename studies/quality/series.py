"""Whether a CT or MR study's slices are thin enough, and all there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from radraft.studies.quality.limits import About, Rule, extent, rule, rules, thickness
from radraft.studies.quality.tags import body_part
from radraft.studies.quality.values import Reason, Verdict
from radraft.studies.values import Instance, Study

_FEWEST = 5
"""Slices below which nothing can be said about what is missing between them."""
_SAME = 0.01
"""Millimetres within which two slices lie at one place: echoes and phases of it."""


@dataclass(frozen=True)
class Stack:
    """Slices of one series that lie in one direction."""

    slices: int
    gap: float | None
    """Widest step between neighbours over the usual step; None where places are not known."""
    missing: float
    """Share of the slices that the steps, else the instance numbers, say are not there."""
    extent: float | None
    """Millimetres from the first to the last slice."""
    thickness: float | None
    """Millimetres."""


def reasons(study: Study) -> Iterator[Reason]:
    """Yield one for each defect that even the study's best series has: a thick series beside a
    thin one of the same scan is no defect."""
    if study.modality not in {"CT", "MR"} or any(
        instance.frames > 1 for instance in study.instances
    ):
        return
    found = stacks(study.instances)
    if not found:
        return
    part = body_part(study)
    for code, series_rule in rules(About.SERIES).items():
        broken = [reason for stack in found if (reason := _asked(code, series_rule, stack, part))]
        asked = [stack for stack in found if _value(series_rule, stack, part) is not None]
        if asked and len(broken) == len(asked):
            yield min(broken, key=lambda reason: list(Verdict).index(reason.severity))


def stacks(instances: Sequence[Instance]) -> tuple[Stack, ...]:
    """Return the stacks of a study, localisers and derived images left out."""
    groups: dict[tuple[str, tuple[float, ...]], list[Instance]] = defaultdict(list)
    for instance in instances:
        kind = set(instance.technique.image_type)
        if kind & {"LOCALIZER", "DERIVED", "SECONDARY"}:
            continue
        direction = tuple(round(n, 2) + 0.0 for n in instance.technique.orientation or ())
        groups[instance.series_uid, direction].append(instance)
    return tuple(map(_stack, groups.values()))


def _stack(members: Sequence[Instance]) -> Stack:
    thick = [
        instance.technique.slice_thickness
        for instance in members
        if instance.technique.slice_thickness
    ]
    places = _places(members)
    gap, missing = None, _unnumbered(members)
    if len(places) >= _FEWEST:
        steps = np.diff(places)
        usual = float(np.median(steps))
        gap = float(steps.max()) / usual
        between = float((np.rint(steps / usual) - 1).sum())
        missing = between / (between + len(places))
    return Stack(
        slices=len(places) or len(members),
        gap=gap,
        missing=missing,
        extent=float(places[-1] - places[0]) if len(places) >= _FEWEST else None,
        thickness=float(np.median(thick)) if thick else None,
    )


def _places(members: Sequence[Instance]) -> list[float]:
    """Return where the slices lie along their normal in millimetres, each place once; empty where
    any does not say (PS3.3 C.7.6.2.1.1)."""
    found = []
    for instance in members:
        position, direction = instance.technique.position, instance.technique.orientation
        if position is None or direction is None:
            return []
        normal = np.cross(direction[:3], direction[3:])
        found.append(float(np.dot(normal, position)))
    found.sort()
    return [n for i, n in enumerate(found) if i == 0 or n - found[i - 1] > _SAME]


def _unnumbered(members: Sequence[Instance]) -> float:
    """Share of the instance numbers from the first to the last that are not there."""
    numbers = {
        instance.instance_number for instance in members if instance.instance_number is not None
    }
    if len(numbers) < _FEWEST or len(numbers) < len(members):
        return 0.0
    whole = max(numbers) - min(numbers) + 1
    return (whole - len(numbers)) / whole


def _value(series_rule: Rule, stack: Stack, part: str) -> float | None:
    if series_rule.measure == "thickness_over":
        return None if stack.thickness is None else stack.thickness / thickness(part)
    if series_rule.measure == "extent_over":
        least = extent(part)
        return None if stack.extent is None or least is None else stack.extent / least
    value: float | None = getattr(stack, series_rule.measure)
    return value


def _asked(code: str, series_rule: Rule, stack: Stack, part: str) -> Reason | None:
    value = _value(series_rule, stack, part)
    reason = None if value is None else rule(code).broken(code, value)
    if reason is None or not isinstance(reason.limit, float):
        return reason
    # Said in millimetres, as the scanner's protocol has them.
    if series_rule.measure == "thickness_over":
        return Reason(code, reason.severity, stack.thickness, reason.limit * thickness(part))
    if series_rule.measure == "extent_over":
        return Reason(code, reason.severity, stack.extent, reason.limit * (extent(part) or 0.0))
    return reason
