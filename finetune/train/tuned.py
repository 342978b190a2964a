"""Everything that is trained, as one module: the projector and the language model with its LoRA."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core.errors import TrainingError
from radraft.core.processor import training_precision
from radraft.finetune.train.language import load_base, projector_module, stored, with_lora
from radraft.finetune.train.loss import Batch, Words, report_logprobs
from radraft.finetune.train.recipe import LanguageRecipe

if TYPE_CHECKING:
    import torch

State = dict[str, "torch.Tensor"]


def build(
    base: Path, projector: Path, recipe: LanguageRecipe, adapter: Path | None = None
) -> torch.nn.Module:
    """A module whose forward takes a `Batch` and gives `report_logprobs`.

    `base` is a LLaVA checkpoint, `projector` the file to start from, `adapter` a `lora.safetensors`
    to go on from, else the adapter starts as no change. TrainingError `training_base_invalid`.
    """
    import torch

    class Tuned(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.projector = projector_module(projector)
            precision = training_precision(recipe.precision)
            self.language = with_lora(load_base(base, precision), recipe.lora)

        def forward(
            self, one: Batch, words: Words | None = None
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return report_logprobs(self.language, self.projector, one, words)

    tuned = Tuned()
    tuned.projector.requires_grad_(recipe.projector_rate > 0)
    if adapter is not None:
        load_adapter(tuned.language, stored(adapter))
    return tuned


def groups(tuned: torch.nn.Module, recipe: LanguageRecipe) -> list[dict[str, Any]]:
    """Optimiser groups: adapter and projector, each with its rate."""
    parts: Any = tuned
    adapter = [value for value in parts.language.parameters() if value.requires_grad]
    found = [{"params": adapter, "lr": recipe.learning_rate}]
    if recipe.projector_rate > 0 and hasattr(parts, "projector"):
        found.append({"params": list(parts.projector.parameters()), "lr": recipe.projector_rate})
    return found


def own_state(tuned: torch.nn.Module, whole: Callable[[torch.Tensor], torch.Tensor]) -> State:
    """What is trained of `tuned`, and all of its projector, each tensor as `whole` gives it."""
    named = (*tuned.named_parameters(), *tuned.named_buffers())
    return {
        name: whole(value.detach())
        for name, value in named
        if value.requires_grad or name.startswith("projector.")
    }


def with_tensors(state: Any, whole: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """An optimiser's `state` with each of its tensors as `whole` gives it."""
    import torch

    if isinstance(state, torch.Tensor):
        return whole(state)
    if isinstance(state, dict):
        return {name: with_tensors(value, whole) for name, value in state.items()}
    if isinstance(state, list):
        return [with_tensors(value, whole) for value in state]
    return state


def adapter_state(tuned: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> State:
    """Of all tensors in `state`, the adapter's, under peft's names."""
    from peft import get_peft_model_state_dict

    parts: Any = tuned
    own = get_peft_model_state_dict(parts.language, state_dict=_below(state, "language."))
    return {name: value.detach().cpu().clone() for name, value in own.items()}


def projector_state(state: Mapping[str, torch.Tensor]) -> State:
    """Of all tensors in `state`, the projector's, `mean` and `scale` included; empty where there is
    none."""
    own = _below(state, "projector.")
    return {name: value.detach().cpu().clone() for name, value in own.items()}


def load_state(tuned: torch.nn.Module, adapter: State, projector: State) -> None:
    """Puts the parts back as they were; a native vision-language model has no projector."""
    parts: Any = tuned
    load_adapter(parts.language, adapter)
    if projector:
        parts.projector.load_state_dict(projector)


def load_adapter(language: torch.nn.Module, state: State) -> None:
    """Puts an adapter's tensors, under peft's names, into `language`. TrainingError
    `training_adapter_invalid` naming a tensor that has no place there."""
    from peft import set_peft_model_state_dict

    found: Any = set_peft_model_state_dict(language, state)
    if found.unexpected_keys:
        raise TrainingError("training_adapter_invalid", tensor=found.unexpected_keys[0])


def _below(state: Mapping[str, torch.Tensor], prefix: str) -> State:
    return {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
