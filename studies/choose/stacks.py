"""Frames of a study in stacks: one series, one plane, one kind, in anatomical order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from radraft.studies.values import Contrast, DeidInstance, Kernel, Role

Vector = npt.NDArray[np.float64]


class Plane(StrEnum):
    """Which way a slice cuts the patient."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Slot:
    """One frame that can be chosen."""

    instance: DeidInstance
    frame: int
    place: float
    """Where it lies in its stack, growing in reading order: millimetres along the normal, or a
    running number where positions are not known."""

    @property
    def key(self) -> tuple[str, int]:
        """Names the frame within its study."""
        return self.instance.instance_ref, self.frame


@dataclass(frozen=True)
class Stack:
    """Slots of one series, plane and role, in reading order: head to feet, right to left, front to
    back."""

    slots: tuple[Slot, ...]
    plane: Plane
    reach: float
    """Millimetres of the patient that it covers, estimated where positions are not known."""
    measured: bool
    """Whether places are millimetres."""

    @property
    def first(self) -> DeidInstance:
        """Return its first instance, whose technique all share."""
        return self.slots[0].instance

    @property
    def role(self) -> Role:
        """Return what its instances are."""
        return self.first.acquired.role

    @property
    def kernel(self) -> Kernel:
        """Return of CT."""
        return self.first.acquired.kernel

    @property
    def contrast(self) -> Contrast:
        """Return of MR."""
        return self.first.acquired.contrast


def stacks(instances: Iterable[DeidInstance]) -> tuple[Stack, ...]:
    """Stacks in the order of their first instances."""
    groups: dict[tuple[str, Role, Plane], list[DeidInstance]] = {}
    for instance in instances:
        key = (instance.series_ref, instance.acquired.role, plane(instance.acquired.orientation))
        groups.setdefault(key, []).append(instance)
    return tuple(_stack(members, key[2]) for key, members in groups.items())


def plane(orientation: tuple[float, ...] | None) -> Plane:
    """Return the plane whose normal is nearest to that of Image Orientation (PS3.3 C.7.6.2.1.1)."""
    normal = _normal(orientation)
    if normal is None:
        return Plane.UNKNOWN
    return (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)[int(np.argmax(np.abs(normal)))]


def _normal(orientation: tuple[float, ...] | None) -> Vector | None:
    """Unit normal of the slices, pointing the way they are read; None where it makes no sense."""
    if orientation is None:
        return None
    normal: Vector = np.cross(np.array(orientation[:3]), np.array(orientation[3:]))
    length = float(np.linalg.norm(normal))
    if not 0.5 < length < 2.0:
        return None
    normal = normal / length
    axis = int(np.argmax(np.abs(normal)))
    # Patient coordinates grow to the left, to the back and to the head.
    forwards = (1.0, 1.0, -1.0)[axis]
    return normal if normal[axis] * forwards > 0 else -normal


def _stack(members: list[DeidInstance], cut: Plane) -> Stack:
    if members[0].acquired.contrast is Contrast.DIFFUSION:
        # Of several b-values at one place the last is the strongest, and what is looked at.
        members = members[::-1]
    normal = _normal(members[0].acquired.orientation)
    found = [_place(instance, normal) for instance in members]
    places = [place for place in found if place is not None]
    known = len(members) > 1 and len(places) == len(members)
    if known and len(set(places)) > 1 and all(instance.frames == 1 for instance in members):
        slots = [Slot(instance, 0, place) for instance, place in zip(members, places, strict=True)]
        reach = max(places) - min(places)
        # Stable: of several at one place (echoes, phases) the first stays the first.
        return Stack(tuple(sorted(slots, key=lambda slot: slot.place)), cut, reach, measured=True)
    frames = [(instance, frame) for instance in members for frame in range(instance.frames)]
    numbered = tuple(Slot(instance, frame, float(n)) for n, (instance, frame) in enumerate(frames))
    # One place again and again is a contrast agent being waited for.
    reach = 0.0 if known else len(numbered) * (members[0].acquired.thickness or 1.0)
    return Stack(numbered, cut, reach, measured=False)


def _place(instance: DeidInstance, normal: Vector | None) -> float | None:
    if normal is None or instance.acquired.position is None:
        return None
    return float(np.dot(normal, instance.acquired.position))
