"""Which places a mention may name: those that say more than the finding's own organ."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from radraft.reports.findings.vocabulary import Kind, Region, vocabulary


@cache
def places_of(code: str) -> frozenset[str]:
    """Anatomy codes that add to `code`: a lobe to a nodule, but never the lung itself."""
    finding = vocabulary()[code]
    if finding.kind is Kind.DEVICE:
        return frozenset()
    if of_lung(code):
        return _words("lung_places")
    if code in _words("bone_codes"):
        return _words("bone_places")
    if finding.region is Region.HEAD:
        return _words("brain_places")
    if finding.region is Region.SPINE:
        return _words("spine_places")
    return frozenset(_rules()["further"].get(code, "").split())


def of_lung(code: str) -> bool:
    """Whether `code` is a finding of the lung or its pleura."""
    return code in _words("lung_codes")


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(_rules()[name].split())


@cache
def _rules() -> dict[str, Any]:
    import yaml

    path = files("radraft.reports.findings").joinpath("places.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rules: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    return rules
