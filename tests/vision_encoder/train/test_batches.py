from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.vision_encoder.train.augment import LUNGS
from radraft.vision_encoder.train.batches import Batches, normalised
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.recipe import EncoderRecipe
from tests.vision_encoder.train import builders

if TYPE_CHECKING:
    import torch

STILL: dict[str, Any] = {
    "rotate_degrees": 0, "zoom": [1, 1], "aspect": 0, "shift": 0, "gamma": 0, "contrast": 0,
    "brightness": 0, "noise": 0, "edge": 0, "lungs_covered": 0,
}  # fmt: skip


def batches(images: Images, plan: EncoderRecipe, seed: int = 0) -> Batches:
    return Batches(images, plan, builders.config(), seed, "cpu")


def draw(found: Batches, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    torch.manual_seed(step)
    batch = found.draw(step)
    return batch.pixels, batch.answers


def test_a_batch_depends_on_seed_and_step_alone(images: Images) -> None:
    plan = builders.recipe()
    pixels, answers = draw(batches(images, plan), 5)
    later = batches(images, plan)
    for step in range(5):
        draw(later, step)
    again, answers_again = draw(later, 5)
    assert again.equal(pixels)
    assert np.array_equal(answers_again.numpy(), answers.numpy(), equal_nan=True)
    other, _ = draw(batches(images, plan, seed=1), 5)
    assert other.shape != pixels.shape or not other.equal(pixels)


def test_steps_draw_every_size(images: Images) -> None:
    found = batches(images, builders.recipe())
    sides = {draw(found, step)[0].shape[-1] for step in range(20)}
    assert sides == {48, 64}


def test_only_training_images_in_the_proportions_of_the_weights(images: Images) -> None:
    plan = builders.recipe(augment=STILL, sizes=[64], batch=32)
    known = {
        picture.tobytes(): row for picture, row in zip(images.pixels, images.rows, strict=True)
    }
    counts: Counter[str] = Counter()
    found = batches(images, plan)
    for step in range(30):
        pixels, _ = draw(found, step)
        for picture in ((pixels[:, 0] * 0.5 + 0.5) * 255).round().byte().numpy():
            row = known[picture.tobytes()]
            assert row.split == "train"
            counts[row.source] += 1
    # Weights 2 and 1; 960 draws have a standard deviation of 15.
    assert abs(counts["films"] - 640) < 75


def test_covered_lungs_are_answered_with_the_base_rate(images: Images) -> None:
    plan = builders.recipe(augment=STILL | {"lungs_covered": 1.0}, sizes=[64], batch=32)
    pixels, answers = draw(batches(images, plan), 0)
    top, bottom, left, right = (round(share * 64) for share in LUNGS)
    lungs = pixels[:, :, top:bottom, left:right].flatten(1)
    assert bool((lungs == lungs[:, :1]).all())
    films = images.answers[images.where("train", "films")]
    screening = images.answers[images.where("train", "screening")]
    rates = [np.nanmean(films[:, 0]), np.nanmean(films[:, 1]), np.nanmean(screening[:, 2])]
    for column, rate in enumerate(rates):
        known = answers[:, column][~answers[:, column].isnan()].numpy()
        assert len(known) and 0 < rate < 1
        np.testing.assert_allclose(known, rate, rtol=1e-6)
    # What was unknown stays unknown.
    assert not bool((~answers[:, 0].isnan() & ~answers[:, 2].isnan()).any())


def test_answers_are_left_alone_where_the_lungs_are_seen(images: Images) -> None:
    plan = builders.recipe(augment=STILL, batch=32)
    _, answers = draw(batches(images, plan), 0)
    assert set(answers[~answers.isnan()].tolist()) == {0.0, 1.0}


def test_sentences_stand_head_by_head_present_before_absent(images: Images) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    zh, en = batches(images, builders.recipe()).sentences
    tokenizer = SimpleTokenizer()
    read = [tokenizer.decode([i for i in row.tolist() if i]) for row in en]
    assert len(read) == 2 * len(builders.HEADS) == len(zh)
    assert "pneumothorax" in read[0] and "no" not in read[0].split()
    assert "no pneumothorax" in read[1]
    assert "tuberculosis" in read[4]
    assert "未见" in tokenizer.decode([i for i in zh[1].tolist() if i])
    assert "未见" not in tokenizer.decode([i for i in zh[0].tolist() if i])


def test_normalised_is_what_the_encoder_does() -> None:
    import torch

    from radraft.vision_encoder.preprocess import preprocess

    pixels = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    found = normalised(torch.from_numpy(pixels)[None].float() / 255, 64, builders.config())
    expected = torch.from_numpy(preprocess(pixels, builders.config())).permute(2, 0, 1)
    torch.testing.assert_close(found[0], expected, atol=1e-6, rtol=0)
