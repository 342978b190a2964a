from __future__ import annotations

import numpy as np

from radraft.vision_encoder.train import model
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.measure import LEAST, aurocs, logits_of
from tests.vision_encoder.train import builders


def test_right_scores_have_an_auroc_of_one_by_set_and_head(images: Images) -> None:
    where = images.where("train")
    plan = builders.recipe()
    scores = np.nan_to_num(images.answers[where], nan=0.5)
    found = aurocs(images, where, scores, plan)
    assert found == {
        ("films", "pneumothorax"): 1.0,
        ("films", "pleural_effusion"): 1.0,
        ("screening", "tuberculosis"): 1.0,
    }
    assert set(aurocs(images, where, -scores, plan).values()) == {0.0}
    assert set(aurocs(images, where, np.zeros_like(scores), plan).values()) == {0.5}


def test_too_few_answers_of_a_kind_give_no_figure(images: Images) -> None:
    where = images.where("train", "films")
    column = images.answers[where, 0]
    few = np.concatenate([where[column == 1][: LEAST - 1], where[column == 0]])
    found = aurocs(images, few, np.zeros((len(few), 3)), builders.recipe())
    assert ("films", "pneumothorax") not in found


def test_logits_are_those_of_each_image_in_order(images: Images) -> None:
    net = model.build(builders.model(), builders.recipe()).eval()
    where = np.arange(len(images.rows))
    config = builders.config()
    together = logits_of(net, images, where, config)
    assert together.shape == (len(where), 3)
    backwards = logits_of(net, images, where[::-1].copy(), config)
    np.testing.assert_allclose(backwards[::-1], together, atol=1e-5)
    changed = logits_of(net, images, where[:4], config, change=lambda pixels: pixels * 0)
    assert np.allclose(changed, changed[0]) and not np.allclose(changed, together[:4], atol=1e-6)
    assert logits_of(net, images, where[:0], config).shape[0] == 0
