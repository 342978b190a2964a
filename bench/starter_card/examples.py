"""Drafts that are wrong, drawn and not chosen, with their pictures."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from pathlib import Path

from radraft.bench.starter_card.material import Material, Source
from radraft.bench.starter_card.questions import pneumonia, present, stated
from radraft.bench.starter_card.values import Example
from radraft.eval.values import Drafted, SetItem
from radraft.reports.values import Certainty

SHOWN = (Source.KERMANY, Source.NIH14)
"""Sets whose licence lets a picture be shown."""
MOST = 3
"""Examples of each set."""
SEED = 0
BYTES = 60_000
"""Largest picture."""
_EDGES = (384, 320, 256, 192, 128)
_QUALITY = 80


def examples(material: Material, drafts: Sequence[Drafted]) -> list[Example]:
    """At most `MOST` wrong drafts: drawn by a fixed seed, one of each kind of error in turn."""
    if material.source not in SHOWN:
        return []
    wrong: dict[str, list[int]] = {"missed": [], "invented": [], "both": []}
    for at, (item, draft) in enumerate(zip(material.items, drafts, strict=True)):
        kind = _kind(material.source, item, draft) if draft.failed is None else None
        if kind is not None:
            wrong[kind].append(at)
    draw = random.Random(SEED)
    for places in wrong.values():
        draw.shuffle(places)
    turns = [(rank, kind) for rank in range(MOST) for kind in wrong if rank < len(wrong[kind])]
    return [
        _example(material, drafts[at], at, kind)
        for rank, kind in turns[:MOST]
        for at in [wrong[kind][rank]]
    ]


def picture(source: Path, target: Path) -> None:
    """A JPEG of `source`, shrunk until it has at most `BYTES`. OSError where it cannot be read."""
    from PIL import Image

    with Image.open(source) as image:
        gray = image.convert("L")
    for edge in _EDGES:
        shown = gray.copy()
        shown.thumbnail((edge, edge))
        buffer = io.BytesIO()
        shown.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
        if buffer.tell() <= BYTES:
            break
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(buffer.getvalue())


def _kind(source: Source, item: SetItem, draft: Drafted) -> str | None:
    """What is wrong with the English of a draft; None where nothing is."""
    text = "\n".join(draft.en)
    if source is Source.KERMANY:
        there = item.labels.get("pneumonia") is Certainty.PRESENT
        said = pneumonia(text, "en") is Certainty.PRESENT
        missed, invented = there and not said, said and not there
    else:
        known, named = present(item), stated(text, "en")
        missed, invented = bool(known - named), bool(named - known)
    if missed and invented:
        return "both"
    return "missed" if missed else "invented" if invented else None


def _example(material: Material, draft: Drafted, at: int, kind: str) -> Example:
    labels = material.items[at].labels
    positive = (code for code, value in labels.items() if value is Certainty.PRESENT)
    return Example(
        source=material.source.value,
        key=material.items[at].id,
        image=material.images[at].relative_to(material.data).as_posix(),
        labelled=tuple(sorted(code for code in positive if code != "no_finding")),
        kind=kind,
        zh="".join(draft.zh),
        en=" ".join(draft.en),
    )
