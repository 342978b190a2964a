"""Training adapter and projector on a tiny model of the real architecture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radraft.core import run_folder
from radraft.core.errors import TrainingError
from radraft.core.run_folder import Step
from radraft.finetune.train import tuned as parts
from radraft.finetune.train.loss import Words, batch, draw_words, report_logprobs
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.run import Pairs, train
from radraft.finetune.train.text import Tokenizer
from radraft.finetune.train.values import Encoded, Example

from .conftest import example, tokens

pytestmark = pytest.mark.slow
Recipes = Callable[..., LanguageRecipe]


@pytest.fixture
def pairs(tokenizer: Tokenizer) -> Pairs:
    train_on = [tokenizer.encode(example(number, rejected=True)) for number in range(16)]
    valid = [tokenizer.encode(example(number)) for number in range(100, 104)]
    return Pairs(train_on, valid, tokens, tokenizer.image_id)


def run(
    base: Path,
    projector: Path,
    pairs: Pairs,
    recipe: LanguageRecipe,
    folder: Path,
    *,
    seed: int = 0,
    stop_at: int | None = None,
    on_step: Callable[[Step], None] = lambda s: None,
) -> dict[str, bytes]:
    import torch

    torch.manual_seed(0)
    tuned = parts.build(base, projector, recipe)
    train(tuned, pairs, recipe, folder, seed=seed, stop_at=stop_at, on_step=on_step)
    names = ("lora.safetensors", "projector.safetensors")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def test_loss_falls_and_the_image_decides(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    long = recipe(steps=60, valid_every=20)
    run(base, projector, pairs, long, tmp_path)
    log = run_folder.read_log(tmp_path)
    assert log[-1]["loss"] < 0.3 * log[0]["loss"]
    weights = parts.build(
        base, tmp_path / "projector.safetensors", long, tmp_path / "lora.safetensors"
    )
    one = pairs.valid[0]
    swapped = Encoded(one.prompt, ("101",), one.chosen)
    right, wrong = (_logprob(weights, pairs, given) for given in (one, swapped))
    assert right > wrong + 3


def test_pairs_of_text_alone_train_the_adapter_beside_those_with_images(
    base: Path, projector: Path, tokenizer: Tokenizer, recipe: Recipes
) -> None:
    import torch

    content = [{"type": "text", "text": "CR."}]
    text = Example(({"role": "user", "content": content},), (), '{"zh":"肺"}')
    alone, film = tokenizer.encode(text), tokenizer.encode(example(1))
    model = parts.build(base, projector, recipe())

    def said(*some: Encoded) -> torch.Tensor:
        given = batch([(one, one.chosen) for one in some], tokens, tokenizer.image_id, "cpu")
        sums, _ = model(given)
        return sums  # type: ignore[no-any-return]

    both = said(alone, film)
    # What stands beside it in a batch changes nothing of what it says.
    assert torch.allclose(both[0], said(alone)[0], atol=1e-4)
    said(alone).sum().backward()
    moved = {name for name, one in model.named_parameters() if one.grad is not None
             and bool((one.grad != 0).any())}  # fmt: skip
    assert moved and not [name for name in moved if "projector" in name]
    held = [one.grad for name, one in model.named_parameters() if name.startswith("projector.")]
    assert held and all(one is not None and not one.any() for one in held)


def test_weights_reload_to_the_same_outputs(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    import torch

    how = recipe(steps=8, valid_every=8)
    tuned = parts.build(base, projector, how)
    train(tuned, pairs, how, tmp_path, seed=0)
    again = parts.build(
        base, tmp_path / "projector.safetensors", how, tmp_path / "lora.safetensors"
    )
    before, after = (_logprob(model.eval(), pairs, pairs.valid[1]) for model in (tuned, again))
    # float16 keeps 11 bits.
    assert before == pytest.approx(after, abs=0.02)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["done"] == 8


@pytest.mark.parametrize("stops", [[4], [4, 8], [3, 7, 11]])
def test_resumed_is_as_uninterrupted(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path, stops: list[int]
) -> None:
    whole = run(base, projector, pairs, recipe(), tmp_path / "whole")
    for stop in stops:
        run(base, projector, pairs, recipe(), tmp_path / "cut", stop_at=stop)
    assert run(base, projector, pairs, recipe(), tmp_path / "cut") == whole
    logs = [[r["loss"] for r in run_folder.read_log(tmp_path / name)] for name in ("whole", "cut")]
    assert logs[0] == logs[1]


def test_a_kill_between_checkpoints_repeats_the_lost_steps(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(step: Step) -> None:
        if step.done == 7:
            raise Killed

    whole = run(base, projector, pairs, recipe(), tmp_path / "whole")
    with pytest.raises(Killed):
        run(base, projector, pairs, recipe(), tmp_path / "cut", on_step=kill)
    assert run(base, projector, pairs, recipe(), tmp_path / "cut") == whole
    assert [r["step"] for r in run_folder.read_log(tmp_path / "cut")] == list(range(1, 13))


def test_a_kill_before_the_first_checkpoint_leaves_no_steps_behind(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(step: Step) -> None:
        if step.done == 2:
            raise Killed

    with pytest.raises(Killed):
        run(base, projector, pairs, recipe(), tmp_path, on_step=kill)
    run(base, projector, pairs, recipe(), tmp_path)
    assert [r["step"] for r in run_folder.read_log(tmp_path)] == list(range(1, 13))


def test_a_folder_in_which_another_trains_is_refused(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    with run_folder.writing(tmp_path), pytest.raises(TrainingError) as caught:
        run(base, projector, pairs, recipe(), tmp_path)
    assert caught.value.code == "training_run_busy"
    run(base, projector, pairs, recipe(), tmp_path)


def test_another_seed_gives_another_model(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    one = run(base, projector, pairs, recipe(), tmp_path / "0")
    other = run(base, projector, pairs, recipe(), tmp_path / "1", seed=1)
    assert one != other


def test_accumulated_micro_batches_are_one_batch(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    # A mean of the pieces' means would be another where reports differ in length.
    assert len({len(pair.chosen) for pair in pairs.train}) > 1
    for size in (4, 2, 1):
        run(base, projector, pairs, recipe(micro_batch=size), tmp_path / str(size))
    losses = [[r["loss"] for r in run_folder.read_log(tmp_path / str(size))] for size in (4, 2, 1)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-3)
    np.testing.assert_allclose(losses[2], losses[0], rtol=2e-3)


def test_some_words_stand_for_all(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes
) -> None:
    import torch

    tuned = parts.build(base, projector, recipe()).eval()
    one = batch([(o, o.chosen) for o in pairs.train[:4]], pairs.tokens, pairs.image_id, "cpu")
    used = torch.tensor(sorted({word for o in pairs.train[:4] for word in o.chosen}))
    vocabulary = tuned.language.config.vocab_size
    with torch.inference_mode():
        whole, _ = tuned(one)
        drawn = []
        for seed in range(40):
            torch.manual_seed(seed)
            drawn.append(tuned(one, draw_words(used, vocabulary, 120))[0])
        every = tuned(one, Words(torch.arange(vocabulary), torch.zeros(vocabulary)))[0]
    torch.testing.assert_close(every, whole)
    # Near the truth on average, and never the same twice.
    torch.testing.assert_close(torch.stack(drawn).mean(0), whole, rtol=0.03, atol=0.2)
    assert not torch.equal(drawn[0], drawn[1])


def test_drawn_words_hold_the_used_ones_and_weigh_as_all() -> None:
    import torch

    used = torch.tensor([3, 7, 20])
    words = draw_words(used, 200, 50)
    assert set(used.tolist()) <= set(words.ids.tolist())
    assert words.ids.tolist() == sorted(set(words.ids.tolist()))
    assert float(words.weight.exp().sum()) == pytest.approx(200, rel=1e-5)
    assert words.weight[torch.searchsorted(words.ids, used)].tolist() == [0, 0, 0]


def test_training_ends_early_and_keeps_the_best(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    wild = recipe(steps=200, learning_rate=3.0, projector_rate=3.0, valid_every=2, patience=2)
    run(base, projector, pairs, wild, tmp_path)
    log = run_folder.read_log(tmp_path)
    assert len(log) < 200
    valid = [(r["valid"], r["step"]) for r in log if "valid" in r]
    assert run_folder.load_checkpoint(tmp_path)["best"]["step"] == min(valid)[1]


def test_dpo_prefers_what_was_signed(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    how = recipe(objective="dpo", steps=20, learning_rate=0.005)
    run(base, projector, pairs, how, tmp_path)
    log = run_folder.read_log(tmp_path)
    assert log[0]["loss"] == pytest.approx(np.log(2), abs=1e-3)
    assert log[-1]["loss"] < 0.4


def test_a_resumed_dpo_keeps_its_reference(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    how = recipe(objective="dpo")
    whole = run(base, projector, pairs, how, tmp_path / "whole")
    run(base, projector, pairs, how, tmp_path / "cut", stop_at=5)
    assert run(base, projector, pairs, how, tmp_path / "cut") == whole


def test_dpo_without_drafts_is_refused(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    bare = Pairs(pairs.valid, pairs.valid, pairs.tokens, pairs.image_id)
    with pytest.raises(TrainingError) as caught:
        run(base, projector, bare, recipe(objective="dpo"), tmp_path)
    assert caught.value.code == "training_pairs_without_draft"


def test_no_pairs_is_refused(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError) as caught:
        run(base, projector, Pairs([], pairs.valid, tokens, 6), recipe(), tmp_path)
    assert caught.value.code == "training_pairs_missing"


def _logprob(tuned: object, pairs: Pairs, one: Encoded) -> float:
    import torch

    with torch.inference_mode():
        given = batch([(one, one.chosen)], pairs.tokens, pairs.image_id, "cpu")
        return float(tuned(given)[0][0])  # type: ignore[operator]


def test_padding_changes_nothing(
    base: Path, projector: Path, pairs: Pairs, recipe: Recipes
) -> None:
    tuned = parts.build(base, projector, recipe()).eval()
    alone = [_logprob(tuned, pairs, one) for one in pairs.train[:4]]
    together = batch([(o, o.chosen) for o in pairs.train[:4]], pairs.tokens, pairs.image_id, "cpu")
    sums, counts = report_logprobs(tuned.language, tuned.projector, together)
    np.testing.assert_allclose(sums.detach().numpy(), alone, rtol=1e-4)
    assert counts.tolist() == [len(one.chosen) for one in pairs.train[:4]]
