"""How the quality heads do on the test split: what `bench/quality_heads.py` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radraft.studies.quality.content import beside, whole

if TYPE_CHECKING:
    from radraft.bench.quality_heads import Embedded

Floats = npt.NDArray[np.float32]
CONTENT = ("frontal", "lateral", "slice", "other")
TURN = ("0", "90", "180", "270")


def print_report(known: Embedded, tensors: dict[str, Floats]) -> None:
    """All of it; the test split alone, and nothing of it was fitted on."""
    test = known.split == "test"
    mean = whole(known.quarters)
    logits = mean @ tensors["whole.weight"].T + tensors["whole.bias"]
    sides = known.quarters @ tensors["quarters.weight"].T + tensors["quarters.bias"]
    answers = {
        "content": np.array(CONTENT)[logits[:, :4].argmax(1)],
        "turn": np.array(TURN)[logits[:, 4:8].argmax(1)],
        "inverted": np.where(logits[:, 8] > 0, "yes", "no"),
        "mirrored": np.where(sides[:, 0] > 0, "yes", "no"),
        "cut": np.where(sides[:, 1] > 0, "yes", "no"),
    }
    for question, found in answers.items():
        said = known.said(question)
        rows = test & (said != "")
        print(f"\n{question}: right on {(found == said)[rows].mean():.3f} of {rows.sum()}")
        for source in sorted(set(known.source[rows])):
            here = rows & (known.source == source)
            print(f"  {source}: {(found == said)[here].mean():.3f} of {here.sum()}")
    print("\ncontent, rows said, columns found:", *CONTENT)
    said = known.said("content")
    for content in CONTENT:
        row = [
            int((test & (said == content) & (answers["content"] == other)).sum())
            for other in CONTENT
        ]
        print(f"  {content}", *row)
    distance = beside(mean, tensors) / float(tensors["far"][0])
    print("\ndistance from films (1: 99.5% of held-out training films are nearer)")
    for name, rows in (
        ("films", known.films),
        *((content, said == content) for content in CONTENT[1:]),
    ):
        found = distance[test & rows]
        cut = ", ".join(f"{q}%: {np.percentile(found, q):.2f}" for q in (0, 1, 50, 99, 100))
        print(f"  {name} ({len(found)}): {cut}; beyond 1: {(found > 1).mean():.3f}")
    print("\nshare that each sureness finds, and wrongly finds on films")
    for question, value in (
        ("inverted", logits[:, 8]),
        ("mirrored", sides[:, 0]),
        ("cut", sides[:, 1]),
    ):
        chance = 1 / (1 + np.exp(-value))
        yes = test & (known.said(question) == "yes")
        films = test & known.films & (known.change == "none")
        for sure in (0.5, 0.8, 0.9, 0.95, 0.97, 0.985):
            right, wrong = (chance[yes] > sure).mean(), (chance[films] > sure).mean()
            print(
                f"  {question} > {sure}: {right:.3f} of {yes.sum()}, {wrong:.4f} of {films.sum()}"
            )
