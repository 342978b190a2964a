"""Log-probabilities of reports under the model, and the two losses made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.finetune.train.values import Encoded, TokenSource
from radraft.vision_encoder.projector import Projector

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """Sequences side by side, padded on the right."""

    ids: torch.Tensor
    """(b, t) token ids; 0 where padded."""
    mask: torch.Tensor
    """(b, t): 1 where there is a token."""
    report: torch.Tensor
    """(b, t): True where a token of the report stands, which is what is learned."""
    image: torch.Tensor
    """(b, t): True where an image's token stands."""
    tokens: torch.Tensor
    """(images, 1 + parts, dim) pooled patch tokens, in the order of the image positions; empty
    where no example of the batch has an image."""


@dataclass(frozen=True)
class Words:
    """Part of the vocabulary, standing for the whole in a softmax (Jean et al., ACL 2015)."""

    ids: torch.Tensor
    """(w,), rising: every word that reports use, and drawn ones."""
    weight: torch.Tensor
    """(w,): logarithm of how many words each stands for."""


def draw_words(used: torch.Tensor, vocabulary: int, count: int) -> Words:
    """`used` (rising ids) and `count` others, drawn from torch's global generator."""
    import torch

    others = torch.ones(vocabulary, dtype=torch.bool, device=used.device)
    others[used] = False
    rest = others.nonzero()[:, 0]
    drawn = torch.unique(rest[torch.randint(len(rest), (count,), device=used.device)])
    ids, order = torch.cat([used, drawn]).sort()
    share = torch.full_like(drawn, np.log(len(rest) / len(drawn)), dtype=torch.float32)
    return Words(ids, torch.cat([torch.zeros_like(used, dtype=torch.float32), share])[order])


def batch(
    sequences: Sequence[tuple[Encoded, tuple[int, ...]]],
    source: TokenSource,
    image_id: int,
    device: str,
    parts: int | None = None,
) -> Batch:
    """(example, report ids) of each sequence -> `Batch`; `parts` as `Projector.pool`."""
    import torch

    rows = [(*example.prompt, *report) for example, report in sequences]
    longest = max(len(row) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    report_at = torch.zeros_like(ids, dtype=torch.bool)
    for index, (row, (example, _)) in enumerate(zip(rows, sequences, strict=True)):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
        report_at[index, len(example.prompt) : len(row)] = True
    seen = [
        Projector.pool(source(name), parts) for example, _ in sequences for name in example.images
    ]
    return Batch(
        ids=ids.to(device),
        mask=mask.to(device),
        report=report_at.to(device),
        image=(ids == image_id).to(device),
        tokens=torch.from_numpy(np.stack(seen)).float().to(device) if seen else torch.zeros(0),
    )


def report_logprobs(
    model: torch.nn.Module, projector: torch.nn.Module, one: Batch, words: Words | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(b,) log-probability of each report given what stands before it, (b,) its tokens.

    Only the report's positions go through the output layer: with Gemma's 262,144 words it costs
    as much as the rest of the small model. With `words` the softmax is over those, which must hold
    all of the reports'.
    """
    import torch

    inner: Any = model
    causal = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    read = causal.get_input_embeddings()(one.ids)
    if len(one.tokens):
        seen = projector(one.tokens).to(read.dtype)
        inputs = read.masked_scatter(one.image[..., None].expand_as(read), seen)
    elif all(weight.requires_grad for weight in projector.parameters()):
        # Processes that train together wait for the gradient of every parameter.
        nothing = 0 * sum(weight.sum() for weight in projector.parameters())
        inputs = read + torch.as_tensor(nothing, dtype=read.dtype)
    else:
        inputs = read
    hidden = causal.model(inputs_embeds=inputs, attention_mask=one.mask).last_hidden_state
    return logprobs(hidden, causal.lm_head, one.ids, one.report, words)


def logprobs(
    hidden: torch.Tensor,
    head: torch.nn.Module,
    ids: torch.Tensor,
    report: torch.Tensor,
    words: Words | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `report_logprobs`, of the model's last states (b, t, width), its output layer `head`, and
    `ids` and `report` of the batch, both (b, t)."""
    import torch

    # The state before a token is what predicts it.
    before = report[:, 1:]
    state, target = hidden[:, :-1][before], ids[:, 1:][before]
    if words is None:
        logits = head(state).float()
    else:
        weight: Any = head.weight
        logits = (state @ weight[words.ids].T).float() + words.weight
        target = torch.searchsorted(words.ids, target)
    losses = torch.nn.functional.cross_entropy(logits, target, reduction="none")
    row = before.nonzero()[:, 0]
    count = torch.zeros(len(ids), device=losses.device)
    sums = count.index_add(0, row, -losses)
    return sums, count.index_add(0, row, torch.ones_like(losses))


def dpo_loss(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    chosen_before: torch.Tensor,
    rejected_before: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """Direct preference optimisation (Rafailov et al. 2023, equation 7).

    (pairs,) log-probabilities of the signed report and of the draft, under the model and under the
    model it started as.
    """
    import torch

    margin = (chosen - chosen_before) - (rejected - rejected_before)
    return -torch.nn.functional.logsigmoid(beta * margin).mean()
