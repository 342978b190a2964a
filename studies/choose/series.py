"""Which stacks of a study its key images come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from radraft.studies.choose.stacks import Plane, Slot, Stack, stacks
from radraft.studies.values import Contrast, DeidInstance, DeidStudy, Kernel, Role, WindowName

SECTIONAL = frozenset({"CT", "MR", "PT"})
"""Modalities whose series are stacks of slices through a body."""
_PICTURES = frozenset({Role.ORIGINAL, Role.DERIVED})
_FALLBACK = (Role.REFORMATTED, Role.CAPTURE, Role.LOCALIZER, Role.DOSE)
_MAIN = (
    Contrast.T2, Contrast.FLAIR, Contrast.DIFFUSION, Contrast.FAT_SUPPRESSED,
    Contrast.T1_ENHANCED, Contrast.T1, Contrast.PROTON, Contrast.ADC, Contrast.SUSCEPTIBILITY,
    Contrast.ANGIOGRAPHY,
)  # fmt: skip
"""MR weightings in the order in which a small budget is spent on them."""
_SAGITTAL = frozenset(
    {
        "SPINE", "CSPINE", "TSPINE", "LSPINE", "LSSPINE", "CTSPINE", "TLSPINE", "SELLA", "KNEE",
        "ANKLE",
    }
)  # fmt: skip
_CORONAL = frozenset({"HIP", "SHOULDER", "WRIST", "HAND", "ELBOW", "PELVIS"})
_SHARP = frozenset({WindowName.LUNG, WindowName.BONE})
_COMPLETE = 0.8
"""Share of the longest stack's reach from which on another counts as complete."""
_THICKNESS = (0.9, 6.0)
"""Millimetres between which a slice shows neither mostly noise nor a blur of organs."""


@dataclass(frozen=True)
class Share:
    """A stack and how many of its slots are wanted."""

    stack: Stack
    count: int


def usable(study: DeidStudy) -> tuple[DeidInstance, ...]:
    """Pictures of the study's own modality; what comes nearest to them where there are none.

    Reformatted planes, screen captures, localizers and dose reports only where nothing better is.
    """
    own = [
        instance
        for instance in study.instances
        if instance.acquired.modality in {study.modality, ""}
    ]
    for roles in (_PICTURES, *({role} for role in _FALLBACK)):
        for pool in (own, study.instances):
            found = tuple(instance for instance in pool if instance.acquired.role in roles)
            if found:
                return found
    return study.instances


def best(found: Sequence[Stack], body_part: str, window: WindowName) -> Stack:
    """Return the stack that shows a body part best through `window`: in its plane, complete,
    original, of a fitting kernel and thickness. `found` must not be empty."""
    reach = max(stack.reach for stack in found)
    wanted = _plane(body_part, found[0].first.acquired.modality)

    def worth(stack: Stack) -> tuple[float, ...]:
        number = stack.first.acquired.series_number
        return (
            2.0 * (stack.plane is wanted) + (stack.plane is Plane.UNKNOWN),
            float(stack.reach >= _COMPLETE * reach),
            float(stack.role is Role.ORIGINAL),
            _kernel_fit(stack.kernel, window),
            *_thickness_fit(stack.first.acquired.thickness, window),
            float(len(stack.slots)),
            -float(number or 0),
        )

    return max(found, key=worth)


def by_contrast(found: Sequence[Stack], body_part: str, budget: int) -> tuple[Share, ...]:
    """Return the best stack of each main MR weighting, and how the budget is spent on them."""
    named = [contrast for contrast in _MAIN if any(stack.contrast is contrast for stack in found)]
    kinds: list[Contrast] = named[:budget] or [Contrast.UNKNOWN]
    each, left = divmod(budget, len(kinds))
    shares = []
    for number, kind in enumerate(kinds):
        of_kind = [stack for stack in found if stack.contrast is kind]
        chosen = best(of_kind, body_part, WindowName.OWN)
        shares.append(Share(chosen, each + (number < left)))
    return tuple(shares)


def pooled(instances: Iterable[DeidInstance]) -> Stack:
    """Return one stack of pictures that lie in no order in the body (ultrasound, angiography): as
    they were taken, each instance as long as any other, however many frames it has."""
    slots = tuple(
        Slot(instance, frame, number + (frame + 0.5) / instance.frames)
        for number, instance in enumerate(instances)
        for frame in range(instance.frames)
    )
    return Stack(slots, Plane.UNKNOWN, float(len(slots)), measured=False)


def plan(
    study: DeidStudy, instances: Sequence[DeidInstance], window: WindowName, budget: int
) -> tuple[Share, ...]:
    """Return the stacks to choose from and how many slots of each; `window` is the one shown
    first."""
    if study.modality not in SECTIONAL:
        return (Share(pooled(instances), budget),)
    found = stacks(instances)
    if study.modality == "MR":
        return by_contrast(found, study.body_part, budget)
    return (Share(best(found, study.body_part, window), budget),)


def _plane(body_part: str, modality: str) -> Plane:
    if modality == "MR" and body_part in _SAGITTAL:
        return Plane.SAGITTAL
    if modality == "MR" and body_part in _CORONAL:
        return Plane.CORONAL
    return Plane.AXIAL


def _kernel_fit(kernel: Kernel, window: WindowName) -> float:
    if kernel is Kernel.UNKNOWN:
        return 0.5
    return float((kernel is Kernel.SHARP) == (window in _SHARP))


def _thickness_fit(thickness: float | None, window: WindowName) -> tuple[float, float]:
    if thickness is None:
        return 0.5, 0.0
    ideal = 1.25 if window in _SHARP else 5.0
    return float(_THICKNESS[0] <= thickness <= _THICKNESS[1]), -abs(thickness - ideal)
