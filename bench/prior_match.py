"""Prints how well earlier studies are linked, on a made-up registry of two hospitals.

    .venv/bin/python bench/prior_match.py [PATIENTS] [SEEDS]

Both hospitals know a third of the patients in common; names, birth dates, sexes and the mistakes in
them are `tests/studies/registry.py`. Precision and recall are of pairs of records.
"""

from __future__ import annotations

import sys
from collections import Counter

from radraft.studies.priors import ASK, LINK, LinkDecision
from tests.studies.linkage import Pair, linkage
from tests.studies.registry import people, records

TRIED = (0.9, 0.99, LINK, 0.9995, 0.9999)


def main(patients: int = 9000, seeds: int = 3) -> None:
    """Print the figures of `seeds` registries of `patients` people together."""
    pairs: list[Pair] = []
    shared, missed = 0, Counter[tuple[str, ...]]()
    for seed in range(1, seeds + 1):
        everybody = people(patients, seed)
        third = patients // 3
        here = records(everybody[: 2 * third], "north", 10 * seed)
        there = records(everybody[third:], "south", 10 * seed + 1)
        found = linkage(here, there)
        pairs += found.pairs
        shared += found.shared
        missed += found.missed()
    print(f"{seeds} registries of {patients} patients; {shared} patients known to both hospitals")
    print(f"found by a key: {sum(pair.same for pair in pairs) / shared:.4f}")
    print("least    linked   wrong  precision  recall")
    for least in TRIED:
        linked = [
            pair for pair in pairs if pair.outcome is LinkDecision.LINK and pair.confidence >= least
        ] + [
            pair
            for pair in pairs
            if pair.outcome is LinkDecision.ASK and least <= pair.confidence < LINK
        ]
        wrong = sum(not pair.same for pair in linked)
        right = len(linked) - wrong
        mark = " <- linked without asking" if least == LINK else ""
        print(
            f"{least:<8} {len(linked):>6} {wrong:>7}  {right / max(1, len(linked)):.5f}"
            f"    {right / shared:.4f}{mark}"
        )
    asked = [pair for pair in pairs if pair.outcome is LinkDecision.ASK]
    right = sum(pair.same for pair in asked)
    linked_right = sum(pair.outcome is LinkDecision.LINK and pair.same for pair in pairs)
    print(
        f"asked (from {ASK}): {len(asked)} questions, {right} of them yes; "
        f"recall with them {(linked_right + right) / shared:.4f}"
    )
    print("most frequent reasons of what was not linked without asking:")
    for reasons, count in missed.most_common(8):
        print(f"  {count:>5}  {', '.join(reasons)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
