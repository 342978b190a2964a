"""What was taken out of files: counts by kind and tag, never a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Where in a file identity was."""

    TAG = "tag"
    NESTED = "nested"
    STRUCTURED = "structured"
    PRIVATE = "private"
    META = "meta"
    PREAMBLE = "preamble"
    OVERLAY = "overlay"
    PIXELS = "pixels"


class Done(StrEnum):
    """What was done to it."""

    REMOVED = "removed"
    EMPTIED = "emptied"
    REPLACED = "replaced"
    SHIFTED = "shifted"
    CLEANED = "cleaned"
    BLACKENED = "blackened"


@dataclass(frozen=True)
class Count:
    """How often one tag was treated in one way."""

    kind: Kind
    tag: int
    done: Done
    count: int

    @property
    def name(self) -> str:
        """Return the tag as text; of a private one its group only, for it may be made of
        anything."""
        if self.kind is Kind.PRIVATE:
            return f"({self.tag >> 16:04X},xxxx)"
        return f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X})"

    @property
    def keyword(self) -> str:
        """Keyword after PS3.6; empty where it has none."""
        from pydicom.datadict import keyword_for_tag

        return keyword_for_tag(self.tag)


@dataclass(frozen=True)
class FileReport:
    """What one file held, and where its clean copy is."""

    written: str = field(repr=False)
    """Path below the output folder, of new UIDs only."""
    counts: tuple[Count, ...]
    frames: int
    lines: int
    """Lines of burned-in text made black, over all frames."""
    markers: int
    """Markers of side, view and position that stayed."""
    screenshot: bool
    """Looks like a picture of a screen: a person should see it before it is passed on."""
    pixels: str = "none"
    """`cleaned`, `not_looked` (values that are no picture) or `none`."""


@dataclass(frozen=True)
class Report:
    """What a run did."""

    files: tuple[FileReport, ...]
    refused: dict[str, int]
    """Files not written, by code."""

    def counts(self) -> tuple[Count, ...]:
        """Counts over all files, largest kinds together."""
        total: Counter[tuple[Kind, int, Done]] = Counter()
        for file in self.files:
            for item in file.counts:
                total[item.kind, item.tag, item.done] += item.count
        return tuple(
            Count(kind, tag, done, count) for (kind, tag, done), count in sorted(total.items())
        )

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON; holds no value, no path and no old UID."""
        return {
            "files": len(self.files),
            "refused": self.refused,
            "frames": sum(file.frames for file in self.files),
            "burned_in_lines": sum(file.lines for file in self.files),
            "markers_kept": sum(file.markers for file in self.files),
            "to_be_looked_at": [file.written for file in self.files if file.screenshot],
            "pixels_not_looked_at": [
                file.written for file in self.files if file.pixels == "not_looked"
            ],
            "done": [
                {
                    "kind": item.kind.value,
                    "tag": item.name,
                    "keyword": item.keyword,
                    "done": item.done.value,
                    "count": item.count,
                }
                for item in self.counts()
            ],
        }

    def as_text(self) -> str:
        """Return the report as lines to read."""
        lines = [f"{len(self.files)} files written, {sum(self.refused.values())} refused"]
        lines += [f"  {code}: {count}" for code, count in sorted(self.refused.items())]
        lines.append(
            f"burned-in lines blackened: {sum(file.lines for file in self.files)}, "
            f"markers kept: {sum(file.markers for file in self.files)}"
        )
        looked = [file.written for file in self.files if file.screenshot]
        lines += [f"look at it before passing it on (many lines): {name}" for name in looked]
        for kind, items in _by_kind(self.counts()):
            lines.append(f"{kind.value}:")
            lines += [
                f"  {item.name} {item.keyword} {item.done.value} {item.count}" for item in items
            ]
        return "\n".join(lines)


def _by_kind(counts: Iterable[Count]) -> list[tuple[Kind, list[Count]]]:
    found: dict[Kind, list[Count]] = {}
    for count in counts:
        found.setdefault(count.kind, []).append(count)
    return list(found.items())
