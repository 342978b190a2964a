from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from radraft.vision_encoder.train.augment import LUNGS, augment, cover_border, cover_lungs
from radraft.vision_encoder.train.recipe import Augment

if TYPE_CHECKING:
    import torch

STILL = Augment(
    rotate_degrees=0, zoom=(1, 1), aspect=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0,
    edge=0,
)  # fmt: skip


def marked(count: int) -> torch.Tensor:
    """Gray images with a white mark at the upper left."""
    import torch

    images = torch.full((count, 64, 64), 0.3)
    images[:, 14:28, 10:26] = 1.0
    return images


def test_left_stays_left_and_up_stays_up() -> None:
    import torch

    torch.manual_seed(0)
    how = Augment(edge=0, noise=0)
    changed = augment(marked(200), how)
    assert not changed.equal(marked(200))
    assert bool((changed[:, :, :32].mean((1, 2)) > changed[:, :, 32:].mean((1, 2))).all())
    assert bool((changed[:, :32].mean((1, 2)) > changed[:, 32:].mean((1, 2))).all())


def test_with_covered_edges_left_stays_left_on_average() -> None:
    import torch

    torch.manual_seed(1)
    changed = augment(marked(400), Augment(edge=1.0))
    mean = changed.mean(0)
    assert float(mean[14:28, 10:26].mean()) > float(mean[14:28, 38:54].mean()) + 0.2


def test_values_stay_between_black_and_white() -> None:
    import torch

    torch.manual_seed(2)
    changed = augment(torch.rand(32, 64, 64), Augment(gamma=2, contrast=2, brightness=1, noise=1))
    assert float(changed.min()) >= 0 and float(changed.max()) <= 1


def test_no_change_is_no_change() -> None:
    import torch

    torch.testing.assert_close(augment(marked(3), STILL), marked(3), atol=1e-5, rtol=0)


def test_only_an_edge_is_covered() -> None:
    import torch

    torch.manual_seed(3)
    before = torch.rand(100, 64, 64)
    after = augment(before.clone(), STILL.model_copy(update={"edge": 1.0}))
    changed = (after - before).abs() > 1e-4
    assert bool(changed.any((1, 2)).all())
    assert not bool(changed[:, 11:-11, 11:-11].any())


@pytest.mark.parametrize("size", [64, 100, 256])
def test_covered_lungs_say_nothing_and_the_rest_is_untouched(size: int) -> None:
    import torch

    before = torch.rand(4, size, size)
    fill = torch.tensor([0.0, 0.25, 0.5, 1.0])
    after = cover_lungs(before, fill)
    top, bottom, left, right = (round(share * size) for share in LUNGS)
    assert bool((after[:, top:bottom, left:right] == fill.reshape(-1, 1, 1)).all())
    outside = torch.ones(size, size, dtype=torch.bool)
    outside[top:bottom, left:right] = False
    assert after[:, outside].equal(before[:, outside])
    assert bool((cover_lungs(before, 0.5)[:, top:bottom, left:right] == 0.5).all())


def test_a_covered_border_is_the_other_half_of_covered_lungs() -> None:
    import torch

    before = torch.rand(2, 100, 100)
    torch.testing.assert_close(cover_border(before) + cover_lungs(before, 0.0), before)
