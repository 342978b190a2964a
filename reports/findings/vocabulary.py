"""Finding codes with their names and how they hang together, from `codes.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class Kind(StrEnum):
    """What a code stands for."""

    FINDING = "finding"
    DEVICE = "device"
    NORMAL = "normal"


class Region(StrEnum):
    """Body region whose reports commonly state a finding."""

    CHEST = "chest"
    NECK = "neck"
    HEAD = "head"
    ABDOMEN = "abdomen"
    PELVIS = "pelvis"
    SPINE = "spine"
    OTHER = "other"
    """An examination of what the vocabulary does not cover: a knee, a breast. No finding has it."""


@dataclass(frozen=True)
class Finding:
    """One entry of the vocabulary."""

    code: str
    en: str
    zh: str
    kind: Kind
    region: Region
    parent: str | None = None
    """The more general finding that this one implies."""
    variant_of: str | None = None
    """The finding that metrics count this wording as."""
    critical: bool = False
    radlex: str | None = None


@cache
def vocabulary() -> dict[str, Finding]:
    """All findings by code, in the file's order. ValueError where a link leads nowhere."""
    entries: dict[str, dict[str, Any]] = _yaml("codes.yaml")
    found = {
        code: Finding(
            code, **{**entry, "kind": Kind(entry["kind"]), "region": Region(entry["region"])}
        )
        for code, entry in entries.items()
    }
    for finding in found.values():
        for link in (finding.parent, finding.variant_of):
            if link is not None and link not in found:
                raise ValueError(f"{finding.code}: no finding {link}")
    return found


@cache
def anatomy() -> dict[str, tuple[str, str]]:
    """Anatomy codes with their (zh, en) names."""
    return {code: (name["zh"], name["en"]) for code, name in _yaml("anatomy.yaml").items()}


@cache
def counted_as(code: str) -> str:
    """The code that metrics count `code` as: itself unless it is a variant. KeyError if unknown."""
    return vocabulary()[code].variant_of or code


@cache
def lineage(code: str) -> tuple[str, ...]:
    """What metrics count `code` as, then its parents, nearest first."""
    chain = [counted_as(code)]
    while (parent := vocabulary()[chain[-1]].parent) is not None:
        chain.append(counted_as(parent))
    return tuple(chain)


def _yaml(name: str) -> Any:
    import yaml

    path = files("radraft.reports.findings").joinpath(name)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
