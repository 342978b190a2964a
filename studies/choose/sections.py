"""Slices of CT, MR and PET, and pictures of ultrasound and the rest, as key images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radraft.studies.choose import series, slices
from radraft.studies.choose.frames import Taker
from radraft.studies.choose.stacks import Slot, Stack, stacks
from radraft.studies.choose.windows import windows
from radraft.studies.features import FeatureExtractor
from radraft.studies.values import DeidInstance, DeidStudy, KeyImage, KeyImages, Role, WindowName

_PER_CHOICE = 5
"""Slices that are decoded and embedded for each one chosen, where an encoder looks at them."""
_MOST_LOOKED_AT = 20
_NEAR_MM = 5.0
"""Farthest that slices of two reconstructions may lie apart to be shown as one."""


@dataclass(frozen=True)
class FrameSource:
    """What a choice is made with."""

    taker: Taker
    extractor: FeatureExtractor | None


def sections(
    study: DeidStudy, instances: Sequence[DeidInstance], budget: int, source: FrameSource
) -> list[KeyImage]:
    """Return at most `budget` images: the slices in reading order through the first window of the
    body part, then a third of the budget for the most telling of them through the second."""
    names = windows(study.modality, study.body_part)
    again = max(1, budget // 3) if len(names) > 1 and budget > 1 else 0
    once = budget - again
    shares = series.plan(study, instances, names[0], once)
    marked = _marked(study, shares, once, source.taker)
    chosen = [slot for slot in marked if not any(slot in share.stack.slots for share in shares)]
    left = once - len(marked)
    for share in shares:
        fixed = [slot for slot in marked if slot in share.stack.slots]
        count = min(left, max(0, share.count - len(fixed)))
        found = _choose(study.case_id, share.stack, count, fixed, source)
        left -= len(found)
        chosen += sorted([*fixed, *found], key=lambda slot: slot.place)
    images = [source.taker.image(slot, names[0]) for slot in chosen]
    if again:
        first = [slot for slot in chosen if slot in marked] or _by_centrality(chosen)
        images += _again(study, instances, first[:again], shares[0].stack, names[1], source.taker)
    return [image for image in images if image is not None]


def _marked(
    study: DeidStudy, shares: Sequence[series.Share], most: int, taker: Taker
) -> list[Slot]:
    """Return what a Key Object Selection marks and can be decoded: the slot of its stack where
    there is one, and the middle of a multi-frame instance."""
    known = {slot.key: slot for share in shares for slot in share.stack.slots}
    found: list[Slot] = []
    for instance in study.instances:
        if (
            not instance.acquired.marked
            or instance.acquired.role is Role.DOSE
            or len(found) == most
        ):
            continue
        frame = instance.frames // 2
        slot = known.get((instance.instance_ref, frame), Slot(instance, frame, 0.0))
        if taker.frame(slot) is not None:
            found.append(slot)
    return found


def _choose(
    case_id: str, stack: Stack, count: int, fixed: Sequence[Slot], source: FrameSource
) -> list[Slot]:
    """`count` slots of `stack` besides `fixed`."""
    if count <= 0:
        return []
    if source.extractor is None or len(stack.slots) <= count + len(fixed):
        return _covering(stack, count, fixed, source.taker)
    most = min(_MOST_LOOKED_AT, _PER_CHOICE * (count + len(fixed)))
    around = {slot.key: slot for slot in (*fixed, *slices.spread(stack.slots, most))}
    taken = [(slot, source.taker.image(slot, WindowName.OWN)) for slot in around.values()]
    decoded = [(slot, image) for slot, image in taken if image is not None]
    if not decoded:
        return []
    vectors = source.extractor.extract(KeyImages(case_id, tuple(image for _, image in decoded)))
    kept = [number for number, (slot, _) in enumerate(decoded) if slot in fixed]
    places = [slot.place for slot, _ in decoded]
    picked = slices.representatives(places, vectors, count + len(kept), kept)
    return [decoded[number][0] for number in picked if number not in kept]


def _covering(stack: Stack, count: int, fixed: Sequence[Slot], taker: Taker) -> list[Slot]:
    """Slots nearest to the middles of equal parts; beside one that cannot be decoded, the next."""
    wanted = list(slices.targets(stack.slots, count + len(fixed)))
    for slot in fixed:
        wanted.remove(min(wanted, key=lambda place: abs(place - slot.place)))
    used = {slot.key for slot in fixed}
    found = []
    for place in wanted:
        for slot in slices.nearest(stack.slots, place):
            if slot.key in used:
                continue
            used.add(slot.key)
            if taker.frame(slot) is not None:
                found.append(slot)
                break
    return found


def _by_centrality(chosen: Sequence[Slot]) -> list[Slot]:
    """From the middle of the reading order outwards."""
    middle = (len(chosen) - 1) / 2
    return [
        slot
        for _, slot in sorted(enumerate(chosen), key=lambda numbered: abs(numbered[0] - middle))
    ]


def _again(
    study: DeidStudy,
    instances: Sequence[DeidInstance],
    slots: Sequence[Slot],
    shown: Stack,
    window: WindowName,
    taker: Taker,
) -> list[KeyImage]:
    """`slots` once more through `window`, from the reconstruction made for it where there is one.

    Nothing where the values are not such that `window` can be shown.
    """
    fitting = series.best(stacks(instances), study.body_part, window)
    comparable = fitting.measured and shown.measured and fitting.plane is shown.plane
    found = []
    for slot in sorted(slots, key=lambda slot: slot.place):
        twin = slices.nearest(fitting.slots, slot.place)[0]
        same = comparable and slot in shown.slots and abs(twin.place - slot.place) <= _NEAR_MM
        image = taker.image(twin if same else slot, window)
        if image is not None and image.window_name is window:
            found.append(image)
    return found
