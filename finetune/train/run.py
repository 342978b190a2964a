"""The training loop of adapter and projector: the same run whether or not it was interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from radraft.core import run_folder
from radraft.core.errors import TrainingError
from radraft.core.run_folder import Step
from radraft.finetune.train import loss, tuned as parts
from radraft.finetune.train.language import save
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
) -> Trained:
    """Trains `tuned`, or goes on from `folder`'s checkpoint; writes the weights with the lowest
    validation loss there.

    Which pairs a step sees comes from the seed and the number of the step alone, so a run that was
    killed and resumed ends with the weights of one that was not. Runs under `accelerate launch` on
    several GPUs too: every process takes its share of each batch. `stop_at` ends early after that
    step, with a checkpoint. TrainingError `training_pairs_missing` without pairs.
    """
    from accelerate import Accelerator

    if not pairs.train or not pairs.valid:
        raise TrainingError(
            "training_pairs_missing", train=len(pairs.train), valid=len(pairs.valid)
        )
    accelerator = Accelerator()
    run = _Run(tuned, pairs, recipe, folder, seed, accelerator)
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
        accelerator: Any,
    ) -> None:
        import torch

        self.recipe, self.folder, self.seed = recipe, folder, seed
        self.accelerator = accelerator
        self.pairs = pairs
        optimiser = torch.optim.AdamW(parts.groups(tuned, recipe), weight_decay=recipe.weight_decay)
        self.model, self.optimiser = accelerator.prepare(tuned, optimiser)
        self.rates = torch.optim.lr_scheduler.LambdaLR(self.optimiser.optimizer, self._rate)
        used = sorted({word for pair in pairs.train for word in pair.chosen})
        self.used = torch.tensor(used, device=accelerator.device)
        self.best: dict[str, Any] = {"loss": float("inf"), "step": 0}
        self.worse = 0
        self.reference: list[tuple[float, float]] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.done = self._resume()

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
        if "adapter" in self.best and self.accelerator.is_main_process:
            best, parts_a_side = self.best, self.pairs.parts
            save(self.folder, best["adapter"], best["projector"], self.recipe.lora, parts_a_side)
        return Trained(self.folder, int(self.best["step"]), float(self.best["loss"]))

    def _step(self, step: int) -> float:
        import torch

        torch.manual_seed((self.seed << 32) + step)
        recipe, accelerator = self.recipe, self.accelerator
        chosen = self._order(step)[accelerator.process_index :: accelerator.num_processes]
        micro = [
            chosen[start : start + recipe.micro_batch]
            for start in range(0, len(chosen), recipe.micro_batch)
        ]
        self.model.train()
        total = 0.0
        for index, some in enumerate(micro):
            # Gradients travel between processes once a step, not once a micro-batch.
            with accelerator.no_sync(self.model) if index + 1 < len(micro) else nullcontext():
                part = self._loss(some) * (len(some) / len(chosen))
                accelerator.backward(part)
            total += float(part.detach())
        accelerator.clip_grad_norm_(self.model.parameters(), recipe.clip)
        self.optimiser.step()
        self.rates.step()
        self.optimiser.zero_grad()
        return total

    def _order(self, step: int) -> list[int]:
        """Positions of a step's pairs: every pair once an epoch, each epoch in its own order."""
        count, size = len(self.pairs.train), self.recipe.batch
        places = [divmod(place, count) for place in range(step * size, (step + 1) * size)]
        orders = {
            epoch: np.random.default_rng((self.seed, epoch)).permutation(count)
            for epoch in {epoch for epoch, _ in places}
        }
        return [int(orders[epoch][index]) for epoch, index in places]

    def _loss(self, chosen: Sequence[int]) -> torch.Tensor:
        import torch

        examples = [self.pairs.train[index] for index in chosen]
        if self.recipe.objective == "sft":
            one_batch = self._batch([(example, example.chosen) for example in examples])
            sums, counts = self.model(one_batch, self._words())
            mean: torch.Tensor = -sums.sum() / counts.sum()
            return mean
        assert self.reference is not None
        before = torch.tensor([self.reference[i] for i in chosen], device=self.accelerator.device)
        good, bad, tokens = self._both(examples)
        preferred = loss.dpo_loss(good, bad, before[:, 0], before[:, 1], self.recipe.beta)
        return preferred - self.recipe.sft * good.sum() / tokens

    def _words(self) -> loss.Words | None:
        if not self.recipe.words:
            return None
        config = self.accelerator.unwrap_model(self.model).language.config
        vocabulary = config.get_text_config().vocab_size
        return loss.draw_words(self.used, vocabulary, self.recipe.words)

    def _both(self, examples: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(pairs,) log-probabilities of the signed reports, and of the drafts; () tokens of the
        signed ones."""
        good = [(example, example.chosen) for example in examples]
        bad = [(example, example.rejected) for example in examples if example.rejected is not None]
        if len(bad) != len(good):
            raise TrainingError("training_pairs_without_draft", count=len(good) - len(bad))
        sums, counts = self.model(self._batch(good + bad))
        return sums[: len(good)], sums[len(good) :], counts[: len(good)].sum()

    def _reference(self) -> list[tuple[float, float]]:
        """What the model thinks of every pair before it is changed: DPO's fixed point."""
        import torch

        found: list[tuple[float, float]] = []
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(self.pairs.train), self.recipe.micro_batch):
                some = self.pairs.train[start : start + self.recipe.micro_batch]
                good, bad, _ = self._both(some)
                found += list(zip(good.tolist(), bad.tolist(), strict=True))
        return found

    def _validate(self) -> float:
        """Mean loss a report token on the validation pairs; keeps the weights if it is the lowest.

        `dpo` is judged by the likelihood of what was signed, too: preferring it is worth nothing if
        the model no longer writes it.
        """
        import torch

        self.model.eval()
        sums, tokens = 0.0, 0.0
        valid = self.pairs.valid[: self.recipe.valid_pairs]
        with torch.inference_mode():
            for start in range(0, len(valid), self.recipe.micro_batch):
                some = valid[start : start + self.recipe.micro_batch]
                value, count = self.model(
                    self._batch([(example, example.chosen) for example in some])
                )
                sums, tokens = sums - float(value.sum()), tokens + float(count.sum())
        mean = sums / tokens
        if mean < self.best["loss"]:
            self.best = {"loss": mean, "step": self.done, **self._state()}
            self.worse = 0
        else:
            self.worse += 1
        return mean

    def _batch(self, sequences: Sequence[tuple[Encoded, tuple[int, ...] | None]]) -> Any:
        known = [(one, report) for one, report in sequences if report is not None]
        return self.pairs.batch(known, str(self.accelerator.device))

    def _rate(self, step: int) -> float:
        return run_folder.cosine(step, self.recipe.steps, self.recipe.warm_up)

    def _state(self) -> dict[str, Any]:
        # Of all processes: under FSDP each holds a part.
        state = self.accelerator.get_state_dict(self.model)
        own = self.accelerator.unwrap_model(self.model)
        return {
            "adapter": parts.adapter_state(own, state),
            "projector": parts.projector_state(state),
        }

    def _save(self) -> None:
        state = self._state()
        if self.accelerator.is_main_process:
            optimiser = self.optimiser.optimizer.state_dict()
            own = {"optimiser": optimiser, "rates": self.rates.state_dict(), "best": self.best}
            more = {"worse": self.worse, "reference": self.reference, "done": self.done}
            run_folder.save_checkpoint(self.folder, state | own | more)

    def _resume(self) -> int:
        state = run_folder.load_checkpoint(self.folder)
        if state is None:
            return 0
        own = self.accelerator.unwrap_model(self.model)
        parts.load_state(own, state["adapter"], state["projector"])
        self.optimiser.optimizer.load_state_dict(state["optimiser"])
        self.rates.load_state_dict(state["rates"])
        self.best, self.worse = state["best"], int(state["worse"])
        self.reference = state["reference"]
        run_folder.cut_log(self.folder, int(state["done"]))
        return int(state["done"])

    def _log(self, record: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            run_folder.log(self.folder, record)
