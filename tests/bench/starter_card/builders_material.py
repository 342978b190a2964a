"""A set of the starter's evaluation without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from radraft.bench.starter_card.material import Material, Source
from radraft.bench.starter_card.values import Known
from radraft.eval.values import EvalSet, SetCard, SetItem
from radraft.reports.values import Certainty

CHILD_SICK = {"pneumonia": Certainty.PRESENT}
CHILD_WELL = {
    "no_finding": Certainty.PRESENT,
    "pneumonia": Certainty.ABSENT,
    "lung_opacity": Certainty.ABSENT,
}


def material(
    source: Source,
    labels: Sequence[Mapping[str, Certainty]],
    pool: Sequence[Known] = (),
    notes: Sequence[str] = (),
    studies: Sequence[Path] = (),
) -> Material:
    """One item for each of `labels`, each of a patient of its own."""
    keys = [f"i{number}" for number in range(len(labels))]
    data = Path("data")
    items = tuple(
        SetItem(key, studies[at] if studies else Path(f"{key}.dcm"), labels[at])
        for at, key in enumerate(keys)
    )
    return Material(
        source,
        data,
        EvalSet(SetCard(source.value, "made", "free", "test", "0"), items),
        tuple(f"p{key}" for key in keys),
        tuple(data / source.value / "images" / f"{key}.png" for key in keys),
        tuple(notes) or ("",) * len(keys),
        tuple(pool),
        tuple(data / f"{one.key}.png" for one in pool),
        None,
    )
