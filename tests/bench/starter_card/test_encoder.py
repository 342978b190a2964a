"""The encoder stage on pictures whose answer lies inside the lungs, or on the border."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.bench.starter_card.encoder import QUESTIONS, Seeing, inputs, measure, open_seeing
from radraft.bench.starter_card.features import Covered, cover, features, key_image
from radraft.eval.cache import Cache
from radraft.eval.values import FloatArray
from radraft.finetune.recipe import load_recipe
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.train.data import Row

RESAMPLES = 50
SIZE = 100
RANDOM = np.random.default_rng(0)


def test_covering_leaves_the_other_part_alone() -> None:
    pixels = RANDOM.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    lungs, border = cover(pixels, Covered.LUNGS), cover(pixels, Covered.BORDER)
    assert (cover(pixels, Covered.NOTHING) == pixels).all()
    assert set(np.unique(lungs[10:-10, 10:-10])) == {128}
    assert (lungs[:6] == pixels[:6]).all()
    assert (border[:6] == 0).all()
    assert (border[:, -6:] == 0).all()
    assert (border[6:-6, 6:-6] == pixels[6:-6, 6:-6]).all()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.fixture(scope="module")
def seeing(encoder: Encoder) -> Seeing:
    def similar(pooled: FloatArray, sentences: Sequence[str]) -> FloatArray:
        return np.stack([pooled[:, len(sentence) % pooled.shape[1]] for sentence in sentences], 1)

    return Seeing(encoder, encoder.heads, similar, "text", encoder)


def _picture(path: Path, yes: bool, inside: bool) -> Path:
    """All alike but for a patch that tells the answer, and for its noise."""
    pixels = np.full((SIZE, SIZE), 90, dtype=np.uint8)
    patch = (slice(30, 60), slice(30, 60)) if inside else (slice(0, 4), slice(0, SIZE))
    noise = RANDOM.integers(-20, 20, pixels[patch].shape)
    pixels[patch] = (200 if yes else 60) + noise
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def _rows(folder: Path, inside: bool) -> list[Row]:
    """For every set and split four images that say yes to every question and four that say no."""
    rows = []
    for source, heads in QUESTIONS.items():
        for split in ("train", "valid", "test"):
            for number in range(8):
                yes = number % 2 == 0
                name = f"{source}-{split}-{number}"
                path = _picture(folder / f"{name}.png", yes, inside)
                rows.append(Row(path, source, split, name, dict.fromkeys(heads, yes)))
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("inside", [True, False])
def test_what_is_covered_cannot_be_told(tmp_path: Path, seeing: Seeing, inside: bool) -> None:
    recipe, rows = load_recipe("starter").encoder, _rows(tmp_path, inside)
    found = measure(recipe, rows, seeing, Cache(tmp_path / "cache"), resamples=RESAMPLES)
    assert set(found) == {"kermany", "nih14"}
    covered, other = (
        ("lungs_covered", "border_covered") if inside else ("border_covered", "lungs_covered")
    )
    for source, values in found.items():
        assert (values["images"], values["patients"]) == (8, 8)
        assert values["positives"] == dict.fromkeys(QUESTIONS[source], 4)
        for ways in values["auroc"].values():
            assert ways[covered]["value"] == 0.5
            assert ways["untrained"]["value"] == 1.0
            assert set(ways) >= {"trained", other, "zero_shot_zh", "zero_shot_en"}
    assert len(found["nih14"]["averaged"]) == 14
    assert "mean" in found["nih14"]["auroc"]
    assert "mean" not in found["kermany"]["auroc"]
    told = [ways[other]["value"] for ways in found["nih14"]["auroc"].values()]
    assert any(value != 0.5 for value in told)


@pytest.mark.slow
def test_the_second_edition_is_asked_the_same_without_a_text_tower(tmp_path: Path) -> None:
    """All heads that the questions name are there, and both trunks see films in its look."""
    second = open_seeing(tmp_path / "weights", 2)
    assert second.trained.encoder_id.startswith("radraft_cxr2@")
    assert second.untrained.encoder_id.startswith("imagenet-radraft_cxr2@")
    assert (second.similar, second.text_sha) == (None, None)
    recipe, rows = load_recipe("starter").encoder, _rows(tmp_path, True)
    assert inputs(recipe, rows, second)["text"] is None
    found = measure(recipe, rows, second, Cache(tmp_path / "cache"), resamples=RESAMPLES)
    ways = {"trained", "untrained", "lungs_covered", "border_covered"}
    for source, values in found.items():
        assert values["positives"] == dict.fromkeys(QUESTIONS[source], 4)
        for shown in values["auroc"].values():
            assert set(shown) == ways
            assert shown["lungs_covered"]["value"] == 0.5


@pytest.mark.slow
def test_features_are_computed_once(tmp_path: Path, encoder: Encoder) -> None:
    paths = [_picture(tmp_path / f"{n}.png", n == 0, inside=True) for n in range(2)]
    cache, moves = Cache(tmp_path / "cache"), list[tuple[int, int]]()

    def moved(done: int, total: int) -> None:
        moves.append((done, total))

    first = features(paths, encoder, cache, progress=moved)
    again = features(paths, encoder, cache, progress=moved)
    assert moves == [(2, 2)]
    assert (first.mean == again.mean).all()
    assert (first.pooled == again.pooled).all()
    (own,) = encoder.encode([key_image(paths[0])])
    assert first.mean[0] == pytest.approx(own.tokens.mean(0), abs=1e-6)
    _picture(paths[1], True, inside=True)
    features(paths, encoder, cache, progress=moved)
    assert len(moves) == 2


@pytest.mark.slow
def test_inputs_change_with_what_the_figures_rest_on(tmp_path: Path, seeing: Seeing) -> None:
    recipe, rows = load_recipe("starter").encoder, _rows(tmp_path, True)
    first = inputs(recipe, rows, seeing)
    assert inputs(recipe, rows, seeing) == first
    assert inputs(recipe, rows[:-1], seeing) != first
    _picture(rows[0].path, False, inside=True)
    assert inputs(recipe, rows, seeing) != first
