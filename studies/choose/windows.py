"""Windows of CT by body part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radraft.studies import _display
from radraft.studies.values import WindowName

WINDOWS: dict[WindowName, tuple[float, float]] = {
    WindowName.LUNG: (-600.0, 1500.0),
    WindowName.MEDIASTINUM: (40.0, 400.0),
    WindowName.BONE: (400.0, 1800.0),
    WindowName.BRAIN: (40.0, 80.0),
    WindowName.ABDOMEN: (50.0, 400.0),
    WindowName.SOFT: (40.0, 400.0),
}
"""(centre, width) in HU."""

_CHEST = frozenset(
    {"CHEST", "LUNG", "BRONCHUS", "TRACHEA", "MEDIASTINUM", "HEART", "CORONARYARTERY"}
)
_HEAD = frozenset({"HEAD", "BRAIN", "SKULL", "CEREBELLUM", "SELLA", "SCALP"})
_BELLY = frozenset(
    {
        "ABDOMEN", "ABDOMENPELVIS", "ADRENAL", "BLADDER", "COLON", "DUODENUM", "GALLBLADDER",
        "ILEUM", "JEJUNUM", "KIDNEY", "LIVER", "OVARY", "PANCREAS", "PROSTATE", "RECTUM",
        "SPLEEN", "STOMACH", "URETER", "UTERUS",
    }
)  # fmt: skip
_TRUNK = frozenset({"CHESTABDOMEN", "CHESTABDPELVIS", "WHOLEBODY"})
_SOFT = frozenset(
    {
        "NECK", "HEADNECK", "CAROTID", "THYROID", "LARYNX", "PHARYNX", "MOUTH", "TONGUE",
        "PAROTID", "SUBMANDIBULAR", "ORBIT", "EYE", "AORTA", "BREAST", "AXILLA", "ESOPHAGUS",
    }
)  # fmt: skip
_LEAST_AIR = -200
"""Least HU that a field of view with any air in it has; above it, values are hardly HU."""


def windows(modality: str, body_part: str) -> tuple[WindowName, ...]:
    """Windows the body part wants, the most telling first; the file's own where none is known."""
    if modality != "CT":
        return (WindowName.OWN,)
    if body_part in _CHEST:
        return WindowName.LUNG, WindowName.MEDIASTINUM
    if body_part in _TRUNK:
        return WindowName.ABDOMEN, WindowName.LUNG
    if body_part in _HEAD:
        return WindowName.BRAIN, WindowName.BONE
    if body_part in _BELLY:
        return (WindowName.ABDOMEN,)
    if body_part == "PELVIS":
        return WindowName.ABDOMEN, WindowName.BONE
    if body_part in _SOFT:
        return (WindowName.SOFT,)
    return (WindowName.BONE, WindowName.SOFT) if body_part else (WindowName.OWN,)


def window_of(
    values: npt.NDArray[np.int16], name: WindowName
) -> tuple[tuple[float, float], npt.NDArray[np.uint8]] | None:
    """(centre, width) of a window and `values` (rows, columns, HU) through it.

    None for the file's own window, for values that are hardly HU, and where nothing would be seen.
    """
    if name is WindowName.OWN or int(values.min()) > _LEAST_AIR:
        return None
    window = WINDOWS[name]
    pixels = _display.pixels(values, window)
    return (window, pixels) if pixels.min() != pixels.max() else None
