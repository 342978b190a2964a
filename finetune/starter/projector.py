"""The projector the starter's training begins with: it already says in words what the heads see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.projector import Projector

Floats = npt.NDArray[np.float32]

RANDOM = 0.3
"""Root mean square of the random part beside the heads' part: what the heads do not name still
reaches the language model."""


def begin(
    tokens: Sequence[Floats], heads: Heads, words: Floats, *, rms: float, seed: int
) -> dict[str, Floats]:
    """The projector's tensors.

    `tokens`: (n, dim) of images it will see, for their mean and scale. `words`: (heads, width), the
    mean of each head's name in the language model's own input vectors, whose root mean square is
    `rms`. Along each head's direction the vector points to the head's name, a standard deviation of
    its logit giving as much as a word: a language model that can read the word "effusion" need not
    learn a new alphabet first.
    """
    seen = np.stack([Projector.pool(token) for token in tokens])
    mean, scale = seen.mean((0, 1)), 1 / (seen.std((0, 1)) + 1e-3)
    random = np.random.default_rng(seed)
    found = {"mean": mean.astype(np.float32), "scale": scale.astype(np.float32)}
    for name, part in {"whole": seen[:, :1], "part": seen[:, 1:]}.items():
        x = ((part - mean) * scale).reshape(-1, len(mean))
        weight, bias = _named(x, mean, scale, heads, words, rms)
        noise = random.standard_normal((words.shape[1], len(mean)))
        noise *= RANDOM * rms / np.sqrt((x**2).sum(1).mean())
        found[f"{name}.weight"] = (weight + noise).astype(np.float32)
        found[f"{name}.bias"] = bias.astype(np.float32)
    return found


def write(path: Path, tensors: dict[str, Floats]) -> None:
    """As safetensors."""
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def _named(
    x: Floats, mean: Floats, scale: Floats, heads: Heads, words: Floats, rms: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(width, dim) weight and (width,) bias that give the sum over heads of (standardised logit) x
    (the head's word), scaled to `rms`."""
    direction = heads.weight / scale
    logits = x @ direction.T
    centre, spread = logits.mean(0), logits.std(0) + 1e-6
    direction = direction / spread[:, None]
    vectors = (logits - centre) / spread @ words
    size = rms / np.sqrt((vectors**2).mean())
    weight = size * words.T.astype(np.float64) @ direction
    bias = -size * (centre / spread) @ words
    return weight, bias


def words_of(base: Path, names: Sequence[tuple[str, str]]) -> tuple[Floats, float]:
    """((names, width) mean input vector of each name's (zh, en) words, root mean square of all
    input vectors), both as the language model scales them."""
    from transformers import AutoTokenizer

    from radraft.finetune.train.language import load_base

    tokenizer = AutoTokenizer.from_pretrained(base)
    # The model's own layer, which scales what it looks up.
    model: Any = load_base(base, "fp32")
    embed = model.get_input_embeddings()
    found = []
    for zh, en in names:
        ids = tokenizer(zh + " " + en, add_special_tokens=False, return_tensors="pt")["input_ids"]
        found.append(embed(ids)[0].mean(0).numpy())
    table = embed.weight[:: max(1, len(embed.weight) // 4096)].float()
    scale = float(embed.embed_scale)
    return np.stack(found), scale * float((table**2).mean().sqrt())
