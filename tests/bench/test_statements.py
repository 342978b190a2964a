"""The figures of what films are said to show, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radraft.bench.places import places_found
from radraft.bench.statements import adult_figures, child_figures
from radraft.finetune.starter.compose import UNASSESSED
from radraft.finetune.starter.teacher import CHILD, NORMAL
from radraft.finetune.starter.values import Seen
from radraft.vision_encoder.train.data import Images, Row
from radraft.vision_encoder.train.places import Drawing


def films(*answers: dict[str, bool]) -> Images:
    rows = [Row(Path("a"), "nih14", "valid", str(n), given) for n, given in enumerate(answers)]
    return Images(tuple(rows), np.zeros((len(rows), 1, 1), np.uint8), np.zeros((len(rows), 1), "f"))


def test_adults() -> None:
    images = films(
        {"pneumonia": True, "atelectasis": True, "hiatal_hernia": True, NORMAL: False},
        {"pneumonia": False, NORMAL: True},
        {"pneumonia": False, NORMAL: True},
    )
    said = {
        0: {"pneumonia": Seen.STATED, "hiatal_hernia": Seen.ABSENT},
        # Nothing is known of this film's nodules: the statement is neither right nor wrong.
        1: {"pneumonia": Seen.SUGGESTED, "pulmonary_nodule": Seen.SUGGESTED},
        2: {UNASSESSED: Seen.STATED, "pneumonia": Seen.ABSENT},
    }
    found = adult_figures(images, said, range(3))
    assert (found["statements"], found["precision"], found["recall"]) == (2, 0.5, 0.333)
    assert (found["denials"], found["denials_wrong"]) == (2, 0.5)
    assert (found["normal_films"], found["findings_told_a_normal_film"]) == (2, 1.0)
    assert (found["normal_films_told_none"], found["nothing_said_of_it"]) == (0.5, 1)
    assert (found["called_normal"], found["called_normal_right"]) == (0, None)


def test_children() -> None:
    images = films({CHILD: True}, {CHILD: False}, {CHILD: True}, {CHILD: False})
    stated, absent = {"pneumonia": Seen.STATED}, {"pneumonia": Seen.ABSENT}
    said = {0: stated, 1: stated, 2: absent, 3: {UNASSESSED: Seen.STATED}}
    found = child_figures(images, said, range(4))
    assert (found["precision"], found["recall"], found["denied_wrong"]) == (0.5, 0.5, 1.0)
    assert found["nothing_said_of_it"] == 1


def test_a_place_is_where_the_highest_patch_lies() -> None:
    right_upper = Drawing("s", Path("a"), "train", "1", {"opacity": ((0.0, 0.0, 0.4, 0.3),)})
    maps = np.zeros((2, 16), dtype=np.float32)
    # Row by row of 4 x 4: the first is the patient's right and upper, the last left and lower.
    maps[0, 0], maps[1, 15] = 1.0, 1.0
    found = places_found([right_upper, right_upper], maps)
    assert found.count("1 of 2") == 4
    both = Drawing(
        "s", Path("a"), "train", "1", {"opacity": ((0.0, 0.0, 0.4, 0.3), (0.6, 0.7, 0.3, 0.3))}
    )
    found = places_found([both], maps[1:])
    assert found.count("1 of 1") == 3 and "one-sided films 0 of 0" in found
