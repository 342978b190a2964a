"""Regenerate tests/eval/text/data/meteor_goldens.jsonl with METEOR 1.5's own Java program.

    python bench/metric_goldens.py

Needs Java and an installed pycocoevalcap. The sentences are written for this project; pairs are put
together from them with a fixed seed. Each line holds the token strings of a pair and its METEOR;
the last line holds the corpus value of all pairs.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from radraft.eval.text.tokens import english

GOLDENS = Path(__file__).resolve().parents[1] / "tests/eval/text/data/meteor_goldens.jsonl"
SEED = 15
PAIRS = 260

# Each row says one thing in several ways, for the sake of stems, synonyms and word order.
WAYS = (
    ("The heart is normal in size.", "Heart size is normal.", "Cardiac size within normal limits."),
    (
        "The heart is enlarged.",
        "Enlarged cardiac silhouette.",
        "There is mild cardiac enlargement.",
    ),
    ("The lungs are clear.", "Both lungs are clear.", "Clear lungs bilaterally."),
    (
        "No pleural effusion or pneumothorax is seen.",
        "There is no pneumothorax and no effusion.",
        "No evidence of pneumothorax or of pleural fluid.",
    ),
    (
        "A small pleural effusion is present on the left.",
        "There is a small left effusion.",
        "Small amount of fluid in the left pleural space.",
    ),
    (
        "Patchy opacity in the right lower lobe, likely pneumonia.",
        "Right lower lobe patchy opacities are probably pneumonia.",
        "Opacity at the base of the right lung suggests an infection.",
    ),
    (
        "The bones are intact.",
        "No acute bony abnormality.",
        "No fracture is identified in the bones that can be seen.",
    ),
    (
        "Degenerative changes of the thoracic spine.",
        "The spine shows degenerative change.",
        "Changes of degeneration are noted in the thoracic spine.",
    ),
    (
        "Compared with the prior study, the opacity has decreased.",
        "The opacity has become smaller since the previous examination.",
        "In comparison with the earlier study there is a decrease of the opacity.",
    ),
    (
        "The tip of the catheter lies in the superior vena cava.",
        "The catheter terminates in the superior vena cava.",
        "Catheter tip is located in the superior vena cava.",
    ),
    (
        "A follow-up examination in 3 months is recommended.",
        "We recommend that the study be repeated after three months.",
        "Please follow up in 3 months.",
    ),
    (
        "A 5 mm nodule is seen in the left upper lobe.",
        "There is a nodule of 5 mm in the upper lobe of the left lung.",
        "Left upper lobe nodule measuring about 5 mm.",
    ),
    (
        "C5 and C6 vertebral bodies are reduced in height, as before.",
        "As before, the height of the vertebral bodies C5 and C6 is reduced.",
        "Loss of height of two vertebral bodies is unchanged.",
    ),
    (
        "The mediastinum is not widened and the trachea is in the midline.",
        "Trachea in the middle, no widening of the mediastinum.",
        "Midline trachea. Normal mediastinal width.",
    ),
    (
        "Findings are consistent with congestive heart failure.",
        "This is compatible with heart failure.",
        "The findings may be caused by failure of the heart.",
    ),
    (
        "The patient was rotated to the left, which limits the examination.",
        "The study is limited because of rotation of the patient.",
        "Limited examination due to patient rotation towards the left.",
    ),
)


def pairs() -> list[tuple[str, str]]:
    """Token strings of reference and hypothesis."""
    draw = random.Random(SEED)
    out: list[tuple[str, str]] = []
    while len(out) < PAIRS:
        rows = draw.sample(WAYS, draw.randint(1, 7))
        ref = [draw.choice(row) for row in rows]
        hyp = [draw.choice(row) for row in rows if draw.random() < 0.85]
        hyp += [draw.choice(draw.choice(WAYS)) for _ in range(draw.randint(0, 2))]
        draw.shuffle(hyp)
        pair = (" ".join(english(" ".join(ref))), " ".join(english(" ".join(hyp))))
        if all(pair):
            out.append(pair)
    out[0] = (out[0][0], out[0][0])
    return out


def main() -> None:
    """Write the file."""
    from pycocoevalcap.meteor.meteor import Meteor  # type: ignore[import-untyped]

    made = pairs()
    refs = {place: [ref] for place, (ref, _) in enumerate(made)}
    hyps = {place: [hyp] for place, (_, hyp) in enumerate(made)}
    corpus, values = Meteor().compute_score(refs, hyps)
    lines = [
        json.dumps({"ref": ref, "hyp": hyp, "meteor": value})
        for (ref, hyp), value in zip(made, values, strict=True)
    ]
    GOLDENS.write_text("\n".join([*lines, json.dumps({"corpus": corpus})]) + "\n", encoding="utf-8")
    print(f"{len(made)} pairs, corpus {corpus}")


if __name__ == "__main__":
    main()
