"""Both towers and the finding heads while they are trained, and the loss they are trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radraft.vision_encoder import weights
from radraft.vision_encoder.config import EncoderConfig
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    import torch

LARGEST_SCALE = 100.0
"""Of the contrastive logits (Radford 2021, section 2.5)."""


def initial(config: EncoderConfig) -> torch.nn.Module:
    """Return the open_clip model that training starts from: the ImageNet trunk, all else drawn, the
    same on every machine. EncodingError as `weights.source_state`."""
    return weights.model_of(config, *weights.initial_state(config))


def build(model: torch.nn.Module, recipe: EncoderRecipe) -> torch.nn.ModuleDict:
    """`{"clip": open_clip model, "head": linear}` ready to train, with `place` where the recipe has
    places; the heads start near zero."""
    import torch

    clip: Any = model
    head = torch.nn.Linear(clip.visual.head.proj.in_features, len(recipe.heads))
    torch.nn.init.normal_(head.weight, std=0.01)
    torch.nn.init.zeros_(head.bias)
    net = torch.nn.ModuleDict({"clip": model.requires_grad_(True), "head": head})
    if recipe.places:
        place = torch.nn.Linear(head.in_features, len(recipe.places))
        torch.nn.init.normal_(place.weight, std=0.01)
        # Most patches hold nothing that was drawn.
        torch.nn.init.constant_(place.bias, -2.0)
        net["place"] = place
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d) and module.groups > 1:
            _in_fp32(module)
    # torch's own annotations do not know that modules take a memory format.
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _in_fp32(conv: torch.nn.Conv2d) -> None:
    """Have a convolution by groups calculate in fp32 on a CPU, whatever its input is.

    The gradient of one in bf16 takes a CPU several times as long; the rest gains by bf16.
    """
    import torch

    forward = conv.forward

    def calculate(pixels: torch.Tensor) -> torch.Tensor:
        if pixels.device.type != "cpu":
            return forward(pixels)
        with torch.autocast("cpu", enabled=False):
            return forward(pixels.float()).to(pixels.dtype)

    conv.forward = calculate  # type: ignore[assignment]


def see(
    net: torch.nn.ModuleDict, pixels: torch.Tensor, dropout: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Map (b, 3, s, s) normalised pixels to finding logits (b, heads), image embeddings (b,
    e)."""
    logits, embedded, _ = see_all(net, pixels, dropout)
    return logits, embedded


def see_all(
    net: torch.nn.ModuleDict, pixels: torch.Tensor, dropout: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """As `see`, and the feature map (b, width, g, g)."""
    import torch

    visual: Any = net["clip"].visual
    grid = visual.trunk.forward_features(pixels)
    features = visual.trunk.forward_head(grid)
    dropped = torch.nn.functional.dropout(features, dropout, net.training)
    embedded = torch.nn.functional.normalize(visual.head(features), dim=-1)
    return net["head"](dropped), embedded, grid


def parameters(net: torch.nn.ModuleDict, recipe: EncoderRecipe) -> list[dict[str, Any]]:
    """Optimiser groups: the trunk's matrices; the matrices that start at random, learnt faster; all
    norms, biases, embeddings and scales, without decay."""
    trunk: list[torch.nn.Parameter] = []
    new: list[torch.nn.Parameter] = []
    plain: list[torch.nn.Parameter] = []
    for name, value in net.named_parameters():
        if value.ndim < 2 or "embedding" in name:
            plain.append(value)
        elif name.startswith("clip.visual.trunk."):
            trunk.append(value)
        else:
            new.append(value)
    rate, decay = recipe.learning_rate, recipe.weight_decay
    return [
        {"params": trunk, "lr": rate, "weight_decay": decay},
        {"params": new, "lr": rate * recipe.head_factor, "weight_decay": decay},
        {"params": plain, "lr": rate, "weight_decay": 0.0},
    ]


def label_loss(
    logits: torch.Tensor,
    answers: torch.Tensor,
    smoothing: float,
    trust: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean binary cross-entropy of the known answers, weighted by `trust` (b, heads) where it is
    given; NaN answers are not looked at."""
    import torch

    known = (~answers.isnan()).float()
    if trust is not None:
        known = known * trust
    target = torch.nan_to_num(answers) * (1 - 2 * smoothing) + smoothing
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits.float(), target, reduction="none"
    )
    return (losses * known).sum() / known.sum().clamp(min=1)


def place_loss(
    net: torch.nn.ModuleDict, grid: torch.Tensor, maps: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Mean binary cross-entropy of each patch's places.

    grid (b, width, g, g); maps (b, places, s, s): the share of a point that is the place, NaN
    throughout where nobody drew it on that film. A patch's target is the mean over it.
    """
    import torch

    drawn = ~maps.isnan().flatten(2).any(2)
    if not bool(drawn.any()):
        return grid.sum() * 0.0
    logits = net["place"](grid.permute(0, 2, 3, 1).float()).permute(0, 3, 1, 2)
    target = torch.nn.functional.adaptive_avg_pool2d(torch.nan_to_num(maps), grid.shape[-1])
    target = target * (1 - 2 * smoothing) + smoothing
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits.float(), target, reduction="none"
    ).mean((2, 3))
    return (losses * drawn).sum() / drawn.sum()


def contrastive_loss(
    images: torch.Tensor, texts: torch.Tensor, truth: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Return CLIP's loss in both directions over what is known.

    images (b, e) and texts (t, e) of unit length; truth (b, t): 1 where the sentence is true of the
    image, 0 where it is false, NaN where nobody knows. An unknown pair is in no softmax; several
    true ones share the target evenly. A row without both a true and a false pair teaches nothing.
    """
    logits = images @ texts.T * scale.clamp(max=LARGEST_SCALE)
    return (_one_way(logits, truth) + _one_way(logits.T, truth.T)) / 2


def _one_way(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    import torch

    useful = (truth == 1).any(1) & (truth == 0).any(1)
    if not bool(useful.any()):
        return logits.sum() * 0.0
    logits, truth = logits[useful], truth[useful]
    chances = torch.log_softmax(logits.masked_fill(truth.isnan(), -torch.inf), dim=1)
    target = (truth == 1).float()
    target = target / target.sum(1, keepdim=True)
    return -(chances.masked_fill(target == 0, 0.0) * target).sum(1).mean()
