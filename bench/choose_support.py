"""Choose the image support below which a profile's sentences are marked, on validation films.

    .venv/bin/python bench/choose_support.py [--profile starter] [--data ../shared/data]
        [--limit 80]

Drafts the `valid` split of the labelled sets, measures how much likelier each sentence of the
findings is with its image than with a blank one, and prints how well that tells right sentences
from wrong ones. The limit is the highest that marks at most `SPARED` of the right ones. The
impression is left out: beside its own finding it gains little from the image, however right it is.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from radraft.cli.evaluation import served
from radraft.cli.output import Output
from radraft.core.settings import load
from radraft.eval.draft_set import draft_set
from radraft.eval.looks.calibration import calibrate
from radraft.eval.looks.correct import judged
from radraft.eval.looks.values import Judged
from radraft.eval.sets import load_set

SETS = ("cxr_kermany", "cxr_nih14")
SPARED = 0.02
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Draft, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="starter")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--limit", type=int, default=80, help="films of each set")
    arguments = parser.parse_args()
    settings, out = load(), Output(json=False)
    keep = settings.data_dir / "eval" / "choose-support"
    found: list[Judged] = []
    with served(arguments.profile, settings, out) as model:
        for name in SETS:
            chosen = load_set(
                name,
                data=arguments.data,
                cache=keep / "pictures",
                split="valid",
                limit=arguments.limit,
            )
            with out.waiting(name) as move:
                drafts = draft_set(
                    chosen.items,
                    model,
                    keep=keep,
                    support=True,
                    progress=lambda done, total: move("drafting", done / total),
                )
            findings = [
                replace(draft, zh=draft.zh[:-1], en=draft.en[:-1], support=draft.support[:-1])
                for draft in drafts
                if draft.failed is None
            ]
            items = [item for item, one in zip(chosen.items, drafts, strict=True) if not one.failed]
            found += judged(items, findings)
    measured = calibrate(found)
    right = np.sort([sentence.support for sentence in found if sentence.correct])
    wrong = np.sort([sentence.support for sentence in found if not sentence.correct])
    least = float(right[int(SPARED * len(right))])
    marked = float((wrong < least).mean()) if len(wrong) else 0.0
    print(f"sentences checked: {len(found)}, right: {len(right)}, wrong: {len(wrong)}")
    print(f"AUROC of support: {measured.auroc} ({measured.auroc_low} to {measured.auroc_high})")
    for name, values in {"right": right, "wrong": wrong}.items():
        parts = np.percentile(values, [0, 2, 10, 50, 90]).round(2) if len(values) else []
        print(f"support of {name} sentences, percentiles 0 2 10 50 90: {parts}")
    print(f"least: {least:.2f} marks {marked:.1%} of the wrong and {SPARED:.0%} of the right")


if __name__ == "__main__":
    main()
