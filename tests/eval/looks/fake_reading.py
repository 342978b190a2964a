"""A reading of findings that a test can follow by eye: two findings, a side, and `no`."""

from __future__ import annotations

import re

from radraft.reports.findings.values import Mention
from radraft.reports.values import Certainty, Lang, Laterality

FINDING = {"effusion": "pleural_effusion", "胸腔积液": "pleural_effusion",
           "pneumothorax": "pneumothorax", "气胸": "pneumothorax"}  # fmt: skip
SIDE = {"left": Laterality.LEFT, "右": Laterality.RIGHT, "right": Laterality.RIGHT,
        "左": Laterality.LEFT, "bilateral": Laterality.BILATERAL}  # fmt: skip
WORDS = re.compile(
    r"(?P<no>no |无)?(?:(?P<side>left|right|bilateral|左|右)\w{0,1}\s?)?"
    r"(?:pleural )?(?P<finding>effusion|pneumothorax|胸腔积液|气胸)"
)


def read(text: str, lang: Lang) -> tuple[Mention, ...]:
    return tuple(
        Mention(
            FINDING[found["finding"]],
            Certainty.ABSENT if found["no"] else Certainty.PRESENT,
            SIDE.get(found["side"] or ""),
            start=found.start("finding"),
            end=found.end("finding"),
        )
        for found in WORDS.finditer(text.lower())
    )
