"""Put the scales that `radraft train pairs` found into the shipped encoder's `chances.json`.

    .venv/bin/python -m radraft.bench.starter_chances --pairs RUN/pairs [--edition 2]

With them a score of the finding heads becomes a chance that the workstation shows, and what a film
has to look like before a draft may deny a finding: as `points.json` says, and a critical finding
never. Refused where the pairs were made with another encoder than the shipped one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radraft.finetune.starter.statements import OPACITY
from radraft.finetune.starter.teacher import CHILD, NORMAL
from radraft.reports.findings.vocabulary import vocabulary
from radraft.vision_encoder import shipped
from radraft.vision_encoder.chances import CHANCES_FILE, AgeGroup, Chances, Question, Scale, dump
from radraft.vision_encoder.shipped import EDITIONS


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True, help="folder of `train pairs`")
    parser.add_argument("--edition", type=int, choices=EDITIONS, default=EDITIONS[-1])
    given = parser.parse_args()
    about = json.loads((given.pairs / "points.json").read_text(encoding="utf-8"))
    folder = shipped.FOLDERS[given.edition]
    if about["encoder"] != shipped.encoder_id(folder):
        raise SystemExit(f"the pairs are of {about['encoder']}, not of the shipped encoder")
    target = folder / CHANCES_FILE
    target.write_text(dump(chances(about, folder)), encoding="utf-8")
    print(target)


def chances(about: Mapping[str, Any], folder: Path) -> Chances:
    """Return the questions of `points.json`, those that no label answered left out."""
    points = about["points"]
    adult = [
        Question(code, code, Scale(**one["scale"]), _denied(code, one["denied"]))
        for code, one in points["findings"].items()
    ]
    adult.append(Question(NORMAL, NORMAL, Scale(**points["normal"]["scale"])))
    of_child = points["child"]
    child = (
        Question("pneumonia", CHILD, Scale(**of_child["scale"]), of_child["denied"], (OPACITY,)),
    )
    return Chances(about["encoder"], folder, {AgeGroup.ADULT: tuple(adult), AgeGroup.CHILD: child})


def _denied(code: str, point: float | None) -> float | None:
    """Return `point`; None for a critical finding. Two of a hundred films may have what is denied:
    of such a finding that is two too many, and its absence is the reader's to say."""
    return None if vocabulary()[code].critical else point


if __name__ == "__main__":
    main()
