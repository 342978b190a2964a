"""Which region of the vocabulary a DICOM body part is."""

from __future__ import annotations

from radraft.reports.findings.vocabulary import Region

# PS3.16, annex L: terms of Body Part Examined.
_REGIONS = {
    Region.CHEST: ("CHEST", "THORAX", "LUNG", "HEART", "RIB", "CLAVICLE", "STERNUM"),
    Region.HEAD: ("HEAD", "BRAIN", "SKULL", "FACE", "ORBIT", "JAW"),
    Region.NECK: ("NECK",),
    Region.ABDOMEN: ("ABDOMEN", "LIVER", "KIDNEY", "PANCREAS", "STOMACH"),
    Region.PELVIS: ("PELVIS", "PROSTATE", "UTERUS", "HIP"),
    Region.SPINE: ("SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE"),
    Region.OTHER: ("BREAST", "HAND", "FOOT", "KNEE", "ANKLE", "ELBOW", "WRIST", "ARM", "LEG"),
}  # fmt: skip
_OF_PART = {part: region for region, parts in _REGIONS.items() for part in parts}


def region_of(body_part: str) -> Region | None:
    """Return the region of a body part; None where it is not known, or where it names several."""
    return _OF_PART.get(body_part.strip().upper())
