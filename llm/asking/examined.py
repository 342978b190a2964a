"""What an examination was of, by its description in words."""

from __future__ import annotations

from functools import cache

from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.places import sides_of
from radraft.reports.findings.vocabulary import Region


@cache
def places_of(text: str) -> frozenset[str]:
    """Return the places that a description of an examination names."""
    return frozenset(place for word in lexicon().find(text) for place in word.places)


@cache
def side_of(text: str) -> frozenset[str]:
    """Return the one side that an examination was of; empty for both, or where it has none."""
    sides = sides_of(text)
    return sides if len(sides) == 1 and "bilateral" not in sides else frozenset()


_REGION_OF = {
    "chest": Region.CHEST, "head": Region.HEAD, "brain": Region.HEAD, "abdomen": Region.ABDOMEN,
    "pelvis": Region.PELVIS, "spine": Region.SPINE, "lumbar": Region.SPINE,
    "cervical": Region.SPINE,
    "thoracic_spine": Region.SPINE, "knee": Region.OTHER, "breast": Region.OTHER,
    "wrist": Region.OTHER, "ankle": Region.OTHER, "shoulder": Region.OTHER, "hip": Region.OTHER,
    "foot": Region.OTHER, "elbow": Region.OTHER, "hand": Region.OTHER, "thyroid": Region.NECK,
    "clavicle": Region.OTHER, "sinus": Region.HEAD,
}  # fmt: skip


@cache
def region_of(text: str) -> Region | None:
    """Return the region of the vocabulary that an examination was of; None where it is not one."""
    regions = {_REGION_OF[place] for place in places_of(text) if place in _REGION_OF}
    return next(iter(regions)) if len(regions) == 1 else None
