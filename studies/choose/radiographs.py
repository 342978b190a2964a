"""Radiographs: every view once, the best of those that were repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from radraft.studies.choose.frames import Taker
from radraft.studies.choose.stacks import Slot
from radraft.studies.values import DeidInstance, KeyImage, Role, View, WindowName

_ORDER = {View.FRONTAL: 0, View.UNKNOWN: 1, View.LATERAL: 2, View.NONE: 3}
_MOST_COMPARED = 3
"""Repeats of one view that are decoded to be compared: a full-size radiograph takes a second."""

Worth = Callable[[KeyImage], float]
"""How good an image is to read, more is better."""


def radiographs(
    instances: Sequence[DeidInstance], budget: int, taker: Taker, worth: Worth
) -> list[KeyImage]:
    """Return at most `budget` images, frontal ones first; what is marked is in before what is not.

    A view is repeated where projection, side and body part are the same and known. Of repeats the
    one for presentation is preferred to the one for processing, then the original to the derived,
    then the better one by `worth`, then the newest. Where budget is left, further frames of
    multi-frame radiographs follow.
    """
    groups = _groups(instances)
    first = sorted(groups, key=lambda group: (not group[0].acquired.marked, _ORDER[group[0].view]))
    chosen: list[tuple[DeidInstance, KeyImage]] = []
    for group in first:
        if len(chosen) == budget:
            break
        found = _best(group, taker, worth)
        if found is not None:
            chosen.append(found)
    chosen.sort(key=lambda pair: _ORDER[pair[0].view])
    more = _further_frames([instance for instance, _ in chosen], budget - len(chosen), taker)
    return [image for _, image in chosen] + more


def _groups(instances: Sequence[DeidInstance]) -> list[list[DeidInstance]]:
    groups: dict[tuple[str, ...], list[DeidInstance]] = {}
    for number, instance in enumerate(instances):
        said = instance.acquired
        repeat = (said.projection, said.laterality, said.body_part)
        # Multi-frame radiographs and views without a name may all be different.
        known = said.projection and instance.frames == 1
        groups.setdefault(repeat if known else (str(number),), []).append(instance)
    return [part for group in groups.values() for part in _marked_apart(group)]


def _marked_apart(group: list[DeidInstance]) -> list[list[DeidInstance]]:
    """Whoever marked one of a view's repeats, or several, has chosen among them."""
    return [[instance] for instance in group if instance.acquired.marked] or [group]


def _best(
    group: list[DeidInstance], taker: Taker, worth: Worth
) -> tuple[DeidInstance, KeyImage] | None:
    """Return the first that can be decoded, by rank and then by `worth`; the newest before older
    ones."""
    newest_first = group[::-1]
    ranked = sorted(newest_first, key=_rank, reverse=True)
    while ranked:
        equals = [instance for instance in ranked if _rank(instance) == _rank(ranked[0])]
        compared = equals[:_MOST_COMPARED]
        ranked = [instance for instance in ranked if instance not in compared]
        taken = [
            (instance, taker.image(Slot(instance, 0, 0.0), WindowName.OWN)) for instance in compared
        ]
        found = [(instance, image) for instance, image in taken if image is not None]
        if found:
            return max(found, key=lambda pair: worth(pair[1])) if len(found) > 1 else found[0]
    return None


def _rank(instance: DeidInstance) -> tuple[bool, bool]:
    return not instance.acquired.for_processing, instance.acquired.role is Role.ORIGINAL


def _further_frames(chosen: Sequence[DeidInstance], budget: int, taker: Taker) -> list[KeyImage]:
    more: list[KeyImage] = []
    slots = (
        Slot(instance, frame, 0.0) for instance in chosen for frame in range(1, instance.frames)
    )
    while len(more) < budget and (slot := next(slots, None)) is not None:
        image = taker.image(slot, WindowName.OWN)
        if image is not None:
            more.append(image)
    return more
