from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.vision_encoder.train import model
from tests.vision_encoder.train import builders

UNKNOWN = math.nan
answer = st.sampled_from([0.0, 1.0, UNKNOWN])


def test_unknown_answers_are_not_looked_at() -> None:
    import torch

    answers = torch.tensor([[1.0, UNKNOWN, 0.0], [UNKNOWN, UNKNOWN, 1.0]])
    logits = torch.tensor([[0.3, 2.0, -1.0], [5.0, -7.0, 0.4]], requires_grad=True)
    loss = model.label_loss(logits, answers, 0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert bool((logits.grad[answers.isnan()] == 0).all())
    assert bool((logits.grad[~answers.isnan()] != 0).all())
    by_hand = [math.log1p(math.exp(-0.3)), math.log1p(math.exp(-1.0)), math.log1p(math.exp(-0.4))]
    assert loss.item() == pytest.approx(sum(by_hand) / 3, rel=1e-6)


@given(st.lists(st.lists(answer, min_size=3, max_size=3), min_size=1, max_size=5), st.data())
def test_a_question_nobody_answered_changes_no_loss(
    rows: list[list[float]], data: st.DataObject
) -> None:
    import torch

    answers = torch.tensor(rows)
    number = st.floats(-5, 5, width=32)
    logits = torch.tensor([[data.draw(number) for _ in row] for row in rows])
    more = torch.tensor([[data.draw(number)] for _ in rows])
    unknown = torch.full((len(rows), 1), UNKNOWN)
    loss = model.label_loss(logits, answers, 0.02)
    wider = model.label_loss(torch.cat([logits, more], 1), torch.cat([answers, unknown], 1), 0.02)
    torch.testing.assert_close(loss, wider)
    assert math.isfinite(loss.item())


def test_without_any_answer_there_is_nothing_to_learn() -> None:
    import torch

    logits = torch.zeros(2, 3, requires_grad=True)
    loss = model.label_loss(logits, torch.full((2, 3), UNKNOWN), 0.02)
    assert loss.item() == 0


@given(
    st.lists(st.lists(answer, min_size=4, max_size=4), min_size=1, max_size=5),
    st.integers(0, 2**32 - 1),
)
def test_unknown_pairs_are_in_no_contrastive_softmax(rows: list[list[float]], seed: int) -> None:
    """With the unit vectors as sentences, every pair has a number of its own in `images`."""
    import torch

    truth = torch.tensor(rows)
    drawn = np.random.default_rng(seed).normal(size=truth.shape).astype(np.float32)
    images = torch.from_numpy(drawn).requires_grad_(True)
    loss = model.contrastive_loss(images, torch.eye(4), truth, torch.tensor(3.0))
    loss.backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None and math.isfinite(loss.item())
    assert bool((images.grad[truth.isnan()] == 0).all())
    other = torch.where(truth.isnan(), images + 9, images).detach()
    again = model.contrastive_loss(other, torch.eye(4), truth, torch.tensor(3.0))
    torch.testing.assert_close(again, loss.detach())


def test_true_pairs_are_pulled_together_and_false_ones_apart() -> None:
    import torch

    truth = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, UNKNOWN]])
    images = torch.zeros(2, 3, requires_grad=True)
    model.contrastive_loss(images, torch.eye(3), truth, torch.tensor(1.0)).backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert bool((images.grad[truth == 1] < 0).all())
    assert bool((images.grad[truth == 0] > 0).all())


def test_the_contrastive_loss_of_one_row_by_hand() -> None:
    import torch

    truth = torch.tensor([[1.0, 0.0, UNKNOWN]])
    logits = torch.tensor([[0.7, 0.2, 5.0]])
    loss = model.contrastive_loss(logits, torch.eye(3), truth, torch.tensor(1.0))
    # A sentence that is known of one image only has nothing to be told from: that way adds 0.
    assert loss.item() == pytest.approx(math.log1p(math.exp(-0.5)) / 2, rel=1e-6)


def test_the_scale_is_capped() -> None:
    import torch

    truth = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    images = torch.tensor([[0.01, 0.02], [0.02, 0.01]])
    losses = [
        model.contrastive_loss(images, torch.eye(2), truth, torch.tensor(scale)).item()
        for scale in (model.LARGEST_SCALE, 1e6)
    ]
    assert losses[0] == losses[1]


def test_every_weight_is_in_one_optimiser_group() -> None:
    net = model.build(builders.model(), builders.recipe())
    trunk, new, plain = model.parameters(net, builders.recipe())
    groups = [{id(value) for value in group["params"]} for group in (trunk, new, plain)]
    assert sum(len(group) for group in groups) == len(set.union(*groups))
    assert set.union(*groups) == {id(value) for value in net.parameters()}
    named = dict(net.named_parameters())
    assert id(named["head.weight"]) in groups[1]
    assert id(named["clip.visual.head.proj.weight"]) in groups[1]
    assert id(named["clip.visual.trunk.conv_stem.weight"]) in groups[0]
    for name in ("head.bias", "clip.logit_scale", "clip.token_embedding.weight"):
        assert id(named[name]) in groups[2]
    assert plain["weight_decay"] == 0 and new["lr"] > trunk["lr"]


def test_heads_see_the_mean_of_the_patch_tokens() -> None:
    """What the runtime computes from stored tokens is what was trained."""
    import torch

    net = model.build(builders.model(), builders.recipe()).eval()
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        logits, embedded = model.see(net, pixels)
        tokens = net["clip"].visual.trunk.forward_features(pixels).flatten(2)  # type: ignore[operator, union-attr]
        expected = net["head"](tokens.mean(2))
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(2))


def test_an_answer_counts_as_much_as_it_is_trusted() -> None:
    import torch

    answers, logits = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.3, 0.9]])
    parts = [math.log1p(math.exp(-0.3)), math.log1p(math.exp(0.9))]
    loss = model.label_loss(logits, answers, 0.0, torch.tensor([[3.0, 1.0]]))
    assert loss.item() == pytest.approx((3 * parts[0] + parts[1]) / 4, rel=1e-6)
