"""The training loop of the encoder: the same run whether or not it was interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core import run_folder
from radraft.core.processor import training_precision
from radraft.core.run_folder import Step
from radraft.vision_encoder.config import EncoderConfig
from radraft.vision_encoder.train import model as towers
from radraft.vision_encoder.train.batches import Batches
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.measure import aurocs, logits_of
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    import torch


def train(
    model: torch.nn.Module,
    images: Images,
    recipe: EncoderRecipe,
    config: EncoderConfig,
    folder: Path,
    *,
    seed: int,
    device: str = "cpu",
    stop_at: int | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> torch.nn.ModuleDict:
    """Train from `model`, or go on from `folder`'s checkpoint; return the averaged weights.

    Every random draw comes from the seed and the number of its step, so a run that was killed and
    resumed ends with the weights of one that was not. `stop_at` ends early after that step, with a
    checkpoint. `folder` also gets `log.jsonl`: loss by step, AUROC on the validation split.
    """
    import torch

    torch.manual_seed(seed)
    net = towers.build(model, recipe).to(device)
    averaged = {name: value.detach().clone() for name, value in net.state_dict().items()}
    optimiser = torch.optim.AdamW(towers.parameters(net, recipe))
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: run_folder.cosine(step, recipe.steps, recipe.warm_up)
    )
    first = _resume(folder, net, averaged, optimiser, rates)
    batches = Batches(images, recipe, config, seed, device)
    halved = training_precision(recipe.precision) == "bf16"
    began, last = time.monotonic(), min(recipe.steps, stop_at or recipe.steps)
    net.train()
    for step in range(first, last):
        torch.manual_seed((seed << 32) + step)
        batch = batches.draw(step)
        with torch.autocast(device, torch.bfloat16, enabled=halved):
            logits, embedded, grid = towers.see_all(net, batch.pixels, recipe.dropout)
            contrast = _contrast(net, embedded, batch.answers, batches)
        label = towers.label_loss(logits, batch.answers, recipe.smoothing, batch.trust)
        loss = label + recipe.contrastive * contrast
        if batch.maps is not None:
            place = towers.place_loss(net, grid, batch.maps, recipe.smoothing)
            loss = loss + recipe.place_weight * place
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        rates.step()
        _average(averaged, net, min(recipe.ema, (1 + step) / (10 + step)))
        done = step + 1
        record: dict[str, Any] = {"step": done, "label": label.item(), "contrast": contrast.item()}
        if batch.maps is not None:
            record["place"] = place.item()
        if done % recipe.valid_every == 0 or done == recipe.steps:
            record["valid"] = _validate(net, averaged, images, recipe, config)
        run_folder.log(folder, record)
        if done % recipe.checkpoint_every == 0 or done == last:
            state = {"net": net.state_dict(), "averaged": averaged, "done": done}
            more = {"optimiser": optimiser.state_dict(), "rates": rates.state_dict()}
            run_folder.save_checkpoint(folder, state | more)
        seconds = (time.monotonic() - began) / (done - first)
        on_step(Step(done, recipe.steps, loss.item(), seconds))
    net.load_state_dict(averaged)
    return net.eval()


def _contrast(
    net: torch.nn.ModuleDict, embedded: torch.Tensor, answers: torch.Tensor, batches: Batches
) -> torch.Tensor:
    """Return the contrastive loss over the sentences that are known true of some image of the
    batch, one language a step."""
    import torch

    # Base rates of covered images are no facts.
    facts = torch.where((answers == 0) | (answers == 1), answers, torch.nan)
    truth = torch.stack([facts, 1 - facts], 2).flatten(1)
    said = (truth == 1).any(0)
    if not bool(said.any()):
        return embedded.sum() * 0.0
    clip: Any = net["clip"]
    language = int(torch.randint(0, 2, ()))
    texts = clip.encode_text(batches.sentences[language][said], normalize=True)
    return towers.contrastive_loss(
        embedded.float(), texts.float(), truth[:, said], clip.logit_scale.exp()
    )


def _average(averaged: dict[str, torch.Tensor], net: torch.nn.ModuleDict, keep: float) -> None:
    import torch

    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                averaged[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                averaged[name].copy_(value)


def _validate(
    net: torch.nn.ModuleDict,
    averaged: dict[str, torch.Tensor],
    images: Images,
    recipe: EncoderRecipe,
    config: EncoderConfig,
) -> dict[str, float]:
    own = {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(averaged)
    where = images.where("valid")
    found = aurocs(images, where, logits_of(net.eval(), images, where, config), recipe)
    net.load_state_dict(own)
    net.train()
    return {f"{source}/{head}": value for (source, head), value in found.items()}


def _resume(
    folder: Path,
    net: torch.nn.ModuleDict,
    averaged: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    rates: torch.optim.lr_scheduler.LambdaLR,
) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    state = run_folder.load_checkpoint(folder)
    done = int(state["done"]) if state else 0
    if state:
        net.load_state_dict(state["net"])
        for name, value in state["averaged"].items():
            averaged[name].copy_(value)
        optimiser.load_state_dict(state["optimiser"])
        rates.load_state_dict(state["rates"])
    run_folder.cut_log(folder, done)
    return done
