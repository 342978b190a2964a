"""What is said of a film at statement points, and of which films they are chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radraft.finetune.starter import calibration, statements
from radraft.finetune.starter.compose import NO_FINDING, UNASSESSED, compose
from radraft.finetune.starter.scores import Scores
from radraft.finetune.starter.statement_points import StatementPoint, StatementPoints
from radraft.finetune.starter.teacher import CHILD, FINDINGS, NORMAL
from radraft.finetune.starter.values import Seen
from radraft.reports.findings.extract import extract
from radraft.reports.values import Certainty
from radraft.vision_encoder.chances import Scale
from radraft.vision_encoder.train.data import Images, Row

HEADS = (*FINDINGS, NORMAL, CHILD)
PLAIN = Scale(1.0, 0.0)
POINT = StatementPoint(PLAIN, 0.7, 0.5, 0.02)
POINTS = StatementPoints(dict.fromkeys(FINDINGS, POINT), POINT, POINT)


def unsure(**other: float) -> dict[str, float]:
    return {**dict.fromkeys(HEADS, -1.0), **other}


def test_each_word_of_an_adult() -> None:
    found = statements.adult(
        unsure(pleural_effusion=2.0, atelectasis=0.2, hiatal_hernia=-6.0), POINTS
    )
    assert found == {
        "pleural_effusion": Seen.STATED,
        "atelectasis": Seen.SUGGESTED,
        "hiatal_hernia": Seen.ABSENT,
    }


def test_normality_gives_way_to_a_finding_and_denies_nothing_of_itself() -> None:
    assert statements.adult(unsure(no_finding=3.0), POINTS) == {NO_FINDING: Seen.STATED}
    found = statements.adult(unsure(no_finding=3.0, atelectasis=0.2), POINTS)
    assert found == {"atelectasis": Seen.SUGGESTED}


def test_a_film_of_which_nothing_is_sure_is_left_to_the_reader() -> None:
    assert statements.adult(unsure(), POINTS) == {UNASSESSED: Seen.STATED}
    found = statements.adult(unsure(no_finding=-6.0, hiatal_hernia=-6.0), POINTS)
    assert found == {UNASSESSED: Seen.STATED, "hiatal_hernia": Seen.ABSENT}


@pytest.mark.parametrize(
    ("score", "said"), [(2.0, Seen.STATED), (0.2, Seen.SUGGESTED), (-6.0, Seen.ABSENT)]
)
def test_children(score: float, said: Seen) -> None:
    found = statements.child(unsure(pneumonia_in_child=score), POINTS)
    assert found == {"pneumonia": said, "lung_opacity": said}


def test_a_child_of_whom_neither_is_sure() -> None:
    assert statements.child(unsure(pneumonia_in_child=-1.0), POINTS) == {UNASSESSED: Seen.STATED}


def test_the_unassessed_report_asserts_nothing_and_its_impression_is_the_readers() -> None:
    import random

    for seed in range(8):
        report = compose({UNASSESSED: Seen.STATED}, random.Random(seed))
        for sentence in report.sentences:
            assert not extract(sentence.zh, "zh") and not extract(sentence.en, "en")
        seen = {UNASSESSED: Seen.STATED, "pneumothorax": Seen.ABSENT}
        report = compose(seen, random.Random(seed))
        (denial,) = report.findings
        assert {m.code: m.polarity for m in extract(denial.en, "en")} == {
            "pneumothorax": Certainty.ABSENT
        }
        assert not extract(report.impression[0].en, "en")


def _films(split: str) -> Images:
    """Adults with pneumonia or none, and children; half of them ill."""
    random = np.random.default_rng(0)
    rows, answers = [], []
    for index in range(400):
        source = "kermany" if index % 4 == 3 else "nih14"
        ill = bool(random.random() < 0.5)
        truth = dict.fromkeys((*FINDINGS, NORMAL), False) if source == "nih14" else {CHILD: ill}
        if source == "nih14":
            truth |= {"pneumonia": ill, NORMAL: not ill}
        rows.append(Row(Path(__file__), source, split, str(index), truth))
        answers.append([float(truth[h]) if h in truth else np.nan for h in HEADS])
    pixels = np.zeros((len(rows), 1, 1), dtype=np.uint8)
    return Images(tuple(rows), pixels, np.array(answers, dtype=np.float32))


def _logits(images: Images, told: bool) -> np.ndarray:
    random = np.random.default_rng(1)
    known = np.nan_to_num(images.answers, nan=0.5)
    return (6.0 * (known - 0.5) if told else 0.0) + random.normal(size=images.answers.shape)


def _scores(images: Images, told: bool) -> Scores:
    unseen = np.array([row.split == "valid" for row in images.rows])
    return Scores(_logits(images, told), unseen)


def test_scores_that_tell_are_said_and_scores_that_do_not_are_not() -> None:
    images = _films("valid")
    told = statements.chosen_points(images, [_scores(images, True)], HEADS)
    assert told.findings["pneumonia"].present is not None
    assert told.normal.present is not None and told.child.present is not None
    blind = statements.chosen_points(images, [_scores(images, False)], HEADS)
    assert blind.findings["pneumonia"].present is None
    assert blind.normal.present is None and blind.child.present is None


def test_a_held_out_film_has_no_say_in_what_is_said_of_it() -> None:
    images = _films("valid")
    scores = [_scores(images, True)]
    before = statements.held_out(images, scores, HEADS)
    fold = calibration.fold_of(images.rows[0].patient)
    own = [i for i, row in enumerate(images.rows) if calibration.fold_of(row.patient) == fold]
    rows = list(images.rows)
    for i in own:
        answers = {head: not answer for head, answer in rows[i].answers.items()}
        rows[i] = replace(rows[i], answers=answers)
    changed = replace(images, rows=tuple(rows))
    after = statements.held_out(changed, scores, HEADS)
    assert len(before) == len(images.rows)
    assert all(before[i] == after[i] for i in own)


def test_films_that_were_trained_on_choose_nothing() -> None:
    images = _films("train")
    assert statements.held_out(images, [_scores(images, True)], HEADS) == {}


def test_a_fold_of_train_that_its_encoder_has_not_seen_has_a_say() -> None:
    images = _films("valid")
    few = np.arange(len(images.rows)) < 36
    logits = _logits(images, True)
    alone = Scores(logits, few)
    assert statements.chosen_points(images, [alone], HEADS).findings["pneumonia"].present is None
    # The fold's encoder gives the same order on another scale.
    folded = Scores(0.2 * logits - 3, ~few)
    both = statements.chosen_points(images, [alone, folded], HEADS)
    assert both.findings["pneumonia"].present is not None
    said = statements.held_out(images, [alone, folded], HEADS)
    assert len(said) == len(images.rows)
    ill = [i for i, row in enumerate(images.rows) if row.answers.get("pneumonia")]
    assert np.mean([said[i].get("pneumonia") is Seen.STATED for i in ill if few[i]]) > 0.5
    assert np.mean([said[i].get("pneumonia") is Seen.STATED for i in ill if not few[i]]) > 0.5


def test_opacity_is_said_of_an_adult_and_not_denied_beside_a_finding() -> None:
    points = replace(POINTS, findings={**POINTS.findings, statements.OPACITY: POINT})
    found = statements.adult(unsure(lung_opacity=2.0, no_finding=3.0), points)
    assert found == {"lung_opacity": Seen.STATED}
    found = statements.adult(unsure(lung_opacity=-6.0, atelectasis=2.0), points)
    assert found == {"atelectasis": Seen.STATED}
    found = statements.adult(unsure(lung_opacity=-6.0, no_finding=3.0), points)
    assert found == {"lung_opacity": Seen.ABSENT, NO_FINDING: Seen.STATED}
