"""The training loop of adapter and projector: the same run whether or not it was interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from radraft.core import run_folder
from radraft.core.errors import TrainingError
from radraft.core.run_folder import Step
from radraft.finetune.train import loss, process_group, tuned as parts
from radraft.finetune.train.language import save
from radraft.finetune.train.process_group import ProcessGroup
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.values import Encoded, TokenSource, Trained

if TYPE_CHECKING:
    import torch


class PairBatches(Protocol):
    """What is trained on, in the batches that the trained module takes."""

    @property
    def train(self) -> Sequence[Encoded]:
        """Learned from."""

    @property
    def valid(self) -> Sequence[Encoded]:
        """Tells when to stop."""

    @property
    def parts(self) -> int | None:
        """As `Pairs.parts`."""

    def batch(self, sequences: Sequence[tuple[Encoded, tuple[int, ...]]], device: str) -> Any:
        """(example, report ids) of each sequence -> a batch on `device`."""


@dataclass(frozen=True)
class Pairs:
    """What is trained on and what tells when to stop."""

    train: Sequence[Encoded]
    valid: Sequence[Encoded]
    tokens: TokenSource
    image_id: int
    """Token id that stands for an image's tokens."""
    parts: int | None = None
    """Parts a side that the projector divides an image into; None as `Projector.pool`."""

    def over(self, train: Sequence[Encoded]) -> Pairs:
        """Return the same with other pairs to train on."""
        return replace(self, train=train)

    def batch(
        self, sequences: Sequence[tuple[Encoded, tuple[int, ...]]], device: str
    ) -> loss.Batch:
        """Return the batch that `tuned.build`'s module takes."""
        return loss.batch(sequences, self.tokens, self.image_id, device, self.parts)


def train(
    tuned: torch.nn.Module,
    pairs: PairBatches,
    recipe: LanguageRecipe,
    folder: Path,
    *,
    seed: int,
    stop_at: int | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    group: ProcessGroup | None = None,
) -> Trained:
    """Trains `tuned`, or goes on from `folder`'s checkpoint; writes the weights with the lowest
    validation loss there.

    Which pairs a step sees comes from the seed and the number of the step alone, so a run that was
    killed and resumed ends with the weights of one that was not. Every process of a `group` takes
    its share of each batch, and the first writes the folder; a checkpoint is whole, so that a run
    goes on with another number of processes too. `stop_at` ends early after that step, with a
    checkpoint. TrainingError `training_pairs_missing` without pairs, `training_run_busy` where
    another process trains in `folder`, `training_batch_not_shared`.
    """
    if not pairs.train or not pairs.valid:
        raise TrainingError(
            "training_pairs_missing", train=len(pairs.train), valid=len(pairs.valid)
        )
    group = group or process_group.alone()
    process_group.require_shares(recipe.batch, group.count)
    with run_folder.writing(folder) if group.writes else nullcontext():
        # Nobody reads a checkpoint that another process may still write.
        group.waits()
        run = _Run(tuned, pairs, recipe, folder, seed, group)
        return run.all(min(recipe.steps, stop_at or recipe.steps), on_step)


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        tuned: torch.nn.Module,
        pairs: PairBatches,
        recipe: LanguageRecipe,
        folder: Path,
        seed: int,
        group: ProcessGroup,
    ) -> None:
        import torch

        self.recipe, self.folder, self.seed = recipe, folder, seed
        self.group, self.model, self.pairs = group, tuned, pairs
        state = run_folder.load_checkpoint(folder)
        if state is not None:
            parts.load_state(tuned, state["adapter"], state["projector"])
        group.share(tuned)
        self.optimiser = torch.optim.AdamW(
            parts.groups(tuned, recipe),
            weight_decay=recipe.weight_decay,
            # A LoRA's weights are many and small: in one call they take a third of the time.
            fused=True,
        )
        self.rates = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        self.used = torch.tensor(_words_used(pairs.train), device=group.device)
        self.best: dict[str, Any] = {"loss": float("inf"), "step": 0}
        self.worse = self.done = 0
        self.reference: list[tuple[float, float]] | None = None
        if state is not None:
            self._resume(state)
        if group.writes:
            # Of one that was killed before its first checkpoint nothing is left but the log.
            run_folder.cut_log(folder, self.done)

    def all(self, last: int, on_step: Callable[[Step], None]) -> Trained:
        if self.recipe.objective == "dpo" and self.reference is None:
            self.reference = self._reference()
        began, first = time.monotonic(), self.done
        while self.done < last and self.worse < self.recipe.patience:
            value = self._step(self.done)
            self.done += 1
            record: dict[str, Any] = {"step": self.done, "loss": value}
            if self.done % self.recipe.valid_every == 0 or self.done == self.recipe.steps:
                record["valid"] = self._validate()
            self._log(record)
            over = self.worse >= self.recipe.patience
            if self.done % self.recipe.checkpoint_every == 0 or self.done == last or over:
                self._save()
            seconds = (time.monotonic() - began) / (self.done - first)
            on_step(Step(self.done, self.recipe.steps, value, seconds))
        if "adapter" in self.best:
            best, parts_a_side = self.best, self.pairs.parts
            save(self.folder, best["adapter"], best["projector"], self.recipe.lora, parts_a_side)
        # The first writes last, and the others end with it.
        self.group.waits()
        return Trained(self.folder, int(self.best["step"]), float(self.best["loss"]))

    def _step(self, step: int) -> float:
        import torch

        torch.manual_seed((self.seed << 32) + step)
        recipe, group = self.recipe, self.group
        order = self._order(step)
        words = self._words()
        if group.rank:
            # All draw the same words; each drops out places of its own.
            torch.manual_seed((self.seed << 32) + (group.rank << 24) + step)
        share = _Share(
            len(order),
            sum(len(self.pairs.train[index].chosen) for index in order),
            # The processes' gradients are averaged, and these are parts of a sum.
            group.count,
        )
        chosen = order[group.rank :: group.count]
        micro = [
            chosen[start : start + recipe.micro_batch]
            for start in range(0, len(chosen), recipe.micro_batch)
        ]
        self.model.train()
        total = 0.0
        for index, some in enumerate(micro):
            group.syncs(self.model, now=index + 1 == len(micro))
            part = self._loss(some, share, words)
            (part * share.processes).backward()  # type: ignore[no-untyped-call]
            total += float(part.detach())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        self.optimiser.step()
        self.rates.step()
        self.optimiser.zero_grad()
        return group.sums([total])[0]

    def _order(self, step: int) -> list[int]:
        """Positions of a step's pairs: every pair once an epoch, each epoch in its own order."""
        count, size = len(self.pairs.train), self.recipe.batch
        places = [divmod(place, count) for place in range(step * size, (step + 1) * size)]
        orders = {
            epoch: np.random.default_rng((self.seed, epoch)).permutation(count)
            for epoch in {epoch for epoch, _ in places}
        }
        return [int(orders[epoch][index]) for epoch, index in places]

    def _loss(self, chosen: Sequence[int], share: _Share, words: loss.Words | None) -> torch.Tensor:
        """What these pairs add to the step's loss: the mean over all its reports' tokens, and for
        `dpo` over its pairs, whatever pieces they come in."""
        import torch

        examples = [self.pairs.train[index] for index in chosen]
        if self.recipe.objective == "sft":
            one_batch = self._batch([(example, example.chosen) for example in examples])
            sums, _ = self.model(one_batch, words)
            mean: torch.Tensor = -sums.sum() / share.tokens
            return mean
        assert self.reference is not None
        before = torch.tensor([self.reference[i] for i in chosen], device=self.group.device)
        good, bad = self._both(examples)
        preferred = loss.dpo_loss(good, bad, before[:, 0], before[:, 1], self.recipe.beta)
        return preferred * (len(chosen) / share.pairs) - self.recipe.sft * good.sum() / share.tokens

    def _words(self) -> loss.Words | None:
        if not self.recipe.words:
            return None
        own: Any = self.model
        vocabulary = own.language.config.get_text_config().vocab_size
        return loss.draw_words(self.used, vocabulary, self.recipe.words)

    def _both(self, examples: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
        """(pairs,) log-probabilities of the signed reports, and of the drafts."""
        good = [(example, example.chosen) for example in examples]
        bad = [(example, example.rejected) for example in examples if example.rejected is not None]
        if len(bad) != len(good):
            raise TrainingError("training_pairs_without_draft", count=len(good) - len(bad))
        sums, _ = self.model(self._batch(good + bad))
        return sums[: len(good)], sums[len(good) :]

    def _reference(self) -> list[tuple[float, float]]:
        """What the model thinks of every pair before it is changed: DPO's fixed point."""
        import torch

        found: dict[int, tuple[float, float]] = {}
        self.model.eval()
        with torch.no_grad():
            count = len(self.pairs.train)
            for place, _ in self.group.pieces(count, self.recipe.micro_batch):
                good, bad = self._both(self.pairs.train[place])
                numbers = range(count)[place]
                found |= dict(
                    zip(numbers, zip(good.tolist(), bad.tolist(), strict=True), strict=True)
                )
        every = self.group.together(found)
        return [every[number] for number in range(count)]

    def _validate(self) -> float:
        """Mean loss a report token on the validation pairs; keeps the weights if it is the lowest.

        `dpo` is judged by the likelihood of what was signed, too: preferring it is worth nothing if
        the model no longer writes it.
        """
        import torch

        self.model.eval()
        sums, tokens = 0.0, 0.0
        valid = self.pairs.valid[: self.recipe.valid_pairs]
        with torch.no_grad():
            for place, counts in self.group.pieces(len(valid), self.recipe.micro_batch):
                value, count = self.model(
                    self._batch([(example, example.chosen) for example in valid[place]])
                )
                if counts:
                    sums, tokens = sums - float(value.sum()), tokens + float(count.sum())
        sums, tokens = self.group.sums([sums, tokens])
        mean = sums / tokens
        if mean < self.best["loss"]:
            self.best = {"loss": mean, "step": self.done, **self._state()}
            self.worse = 0
        else:
            self.worse += 1
        return mean

    def _batch(self, sequences: Sequence[tuple[Encoded, tuple[int, ...] | None]]) -> Any:
        known = [(one, report) for one, report in sequences if report is not None]
        return self.pairs.batch(known, self.group.device)

    def _rate(self, step: int) -> float:
        return run_folder.cosine(step, self.recipe.steps, self.recipe.warm_up)

    def _state(self) -> dict[str, Any]:
        """Adapter and projector, whole, for the process that writes; the others give their
        shares."""
        state = parts.own_state(self.model, process_group.whole)
        if not self.group.writes:
            return {}
        return {
            "adapter": parts.adapter_state(self.model, state),
            "projector": parts.projector_state(state),
        }

    def _save(self) -> None:
        state = self._state()
        optimiser = parts.with_tensors(self.optimiser.state_dict(), process_group.whole)
        if self.group.writes:
            own = {"optimiser": optimiser, "rates": self.rates.state_dict(), "best": self.best}
            more = {"worse": self.worse, "reference": self.reference, "done": self.done}
            run_folder.save_checkpoint(self.folder, state | own | more)

    def _resume(self, state: dict[str, Any]) -> None:
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        kept = {
            number: {
                name: process_group.own_share(value, weights[number])
                for name, value in values.items()
            }
            for number, values in state["optimiser"]["state"].items()
        }
        self.optimiser.load_state_dict(state["optimiser"] | {"state": kept})
        self.rates.load_state_dict(state["rates"])
        self.best, self.worse = state["best"], int(state["worse"])
        self.reference, self.done = state["reference"], int(state["done"])
        if not self.group.writes:
            self.best = {"loss": self.best["loss"], "step": self.best["step"]}

    def _log(self, record: dict[str, Any]) -> None:
        if self.group.writes:
            run_folder.log(self.folder, record)


@dataclass(frozen=True)
class _Share:
    """What a step's loss is a mean over, of which each piece adds its part."""

    pairs: int
    tokens: int
    """Of all reports."""
    processes: int


def _words_used(pairs: Iterable[Encoded]) -> list[int]:
    """Every token id that the reports use, rising."""
    return sorted({word for pair in pairs for word in pair.chosen})
