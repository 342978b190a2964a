"""From finding scores to what is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.finetune.starter import teacher
from radraft.finetune.starter.operating import operating_points
from radraft.finetune.starter.teacher import CHILD, COVID, FINDINGS, NORMAL, OperatingPoints
from radraft.finetune.starter.values import Seen
from radraft.vision_encoder.chances import Scale
from radraft.vision_encoder.train.data import Images, Row

PLAIN = Scale(1.0, 0.0)
POINTS = OperatingPoints(PLAIN, PLAIN, PLAIN, PLAIN, 0.3, 0.6, 0.4)
HEADS = (*FINDINGS, NORMAL, CHILD, COVID)
scores = st.fixed_dictionaries(dict.fromkeys(HEADS, st.floats(-8, 8)))


def low(**raised: float) -> dict[str, float]:
    return {**dict.fromkeys(HEADS, -6.0), **raised}


def test_levels() -> None:
    seen = teacher.adult(low(pleural_effusion=2.0, atelectasis=-0.5, emphysema=-1.0), POINTS)
    assert seen == {"pleural_effusion": Seen.STATED, "atelectasis": Seen.SUGGESTED}


def test_a_normal_film_denies_what_its_label_denies_and_states_nothing() -> None:
    seen = teacher.adult(low(no_finding=3.0, pneumonia=-0.2), POINTS)
    assert seen.pop(NORMAL) is Seen.STATED
    assert set(seen.values()) == {Seen.ABSENT}
    assert "cardiomegaly" not in seen


def test_covid_is_said_as_pneumonia() -> None:
    assert teacher.adult(low(covid=2.0), POINTS) == {"pneumonia": Seen.STATED}


def test_neither_normal_nor_anything_above_its_point_is_the_likeliest_suggested() -> None:
    assert teacher.adult(low(emphysema=-3.0), POINTS) == {"emphysema": Seen.SUGGESTED}


@pytest.mark.parametrize(
    ("score", "said"), [(-3.0, Seen.ABSENT), (-0.3, Seen.SUGGESTED), (1.0, Seen.STATED)]
)
def test_children(score: float, said: Seen) -> None:
    assert teacher.child(low(pneumonia_in_child=score), POINTS) == {
        "pneumonia": said,
        "lung_opacity": said,
    }


@given(scores, st.sampled_from(FINDINGS), st.floats(0.1, 4))
def test_a_higher_score_never_takes_a_finding_back(
    logits: dict[str, float], code: str, more: float
) -> None:
    level = {Seen.STATED: 2, Seen.SUGGESTED: 1}
    raised = logits | {code: logits[code] + more}
    before, after = (teacher.adult(given, POINTS).get(code) for given in (logits, raised))
    assert level.get(after, 0) >= level.get(before, 0)


@given(scores)
def test_something_is_always_said(logits: dict[str, float]) -> None:
    assert teacher.adult(logits, POINTS)
    assert teacher.child(logits, POINTS)


def test_fit_finds_the_scale_that_made_the_answers() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 20_000)
    right = random.random(20_000) < Scale(0.6, -1.1).chance(logits)
    found = teacher.fit(logits, right)
    assert (found.slope, found.shift) == pytest.approx((0.6, -1.1), abs=0.05)


def test_fit_of_separable_answers_stays_finite() -> None:
    found = teacher.fit(np.array([-3.0, -2.0, 2.0, 3.0]), np.array([False, False, True, True]))
    assert 0 < found.slope < 20


def test_micro_f1_counts_positives_only() -> None:
    said = [{"pneumonia": Seen.STATED, "emphysema": Seen.ABSENT}, {NORMAL: Seen.STATED}]
    labels = [frozenset({"pneumonia", "emphysema"}), frozenset({"emphysema"})]
    assert teacher.micro_f1(said, labels) == pytest.approx(2 * 1 / (2 * 1 + 0 + 2))


def _films(count: int) -> tuple[Images, np.ndarray]:
    """Films whose scores tell their labels, in the three sets that points are chosen on."""
    random = np.random.default_rng(3)
    rows, answers, logits = [], [], []
    for index in range(count):
        source = ("nih14", "kermany", "covid")[index % 3]
        known = {"nih14": (*FINDINGS, NORMAL), "kermany": (CHILD,), "covid": (COVID,)}[source]
        sick = bool(random.random() < 0.5)
        truth = dict.fromkeys(known, False)
        if source == "nih14":
            truth[NORMAL] = not sick
            truth[str(random.choice(FINDINGS[:3]))] = sick
        else:
            truth[known[0]] = sick
        path = __file__
        rows.append(Row(path, source, "valid", str(index), truth))  # type: ignore[arg-type]
        answers.append([float(truth[h]) if h in truth else np.nan for h in HEADS])
        logits.append([(3.0 if truth.get(h) else -3.0) + random.normal() for h in HEADS])
    pixels = np.zeros((count, 1, 1), dtype=np.uint8)
    return Images(tuple(rows), pixels, np.array(answers, dtype=np.float32)), np.array(logits)


@pytest.mark.slow
def test_points_are_chosen_where_they_serve_best() -> None:
    images, logits = _films(240)
    points = operating_points(images, logits, HEADS)
    where = images.where("valid", "nih14")
    labels = [frozenset(f for f in FINDINGS if images.rows[i].answers.get(f)) for i in where]

    def score(one: OperatingPoints) -> float:
        said = [teacher.adult(dict(zip(HEADS, logits[i], strict=True)), one) for i in where]
        return teacher.micro_f1(said, labels)

    assert score(points) > 0.95
    assert score(points) >= score(replace(points, least_finding=0.9, least_normal=0.9))
    assert 0.1 <= points.least_child <= 0.9
