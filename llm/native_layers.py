"""Which layers of a native vision-language model an adapter may change: those that vLLM loads.

vLLM 0.32 puts LoRA into the language model of every class that supports it at all. Into the vision
tower and what connects it, it does so only where the class says so and vLLM is started for it; the
tensors of other layers it leaves out without a word (vllm#23796). So a layer that is not named
here is refused before anything is trained.

A profile names a layer of the language model by its last name (`q_proj`), one of the tower as
`vision.qkv`, one of what connects them as `connector.mlp.0`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from radraft.core.errors import SettingsError

VISION, CONNECTOR = "vision.", "connector."
LANGUAGE_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

# Paths below the causal model, as transformers has them; the group is the layer's name.
_PATHS: Mapping[str, str] = {
    "": r"model\.language_model\.layers\.\d{1,4}\.(?:self_attn|mlp)\.(NAME)",
    VISION: r"model\.visual\.blocks\.\d{1,4}\.(?:attn|mlp)\.(NAME)",
    CONNECTOR: r"model\.visual\.(?:merger|deepstack_merger_list\.\d{1,4})\.(NAME)",
}
_ANY = {
    part: re.compile(
        path.replace("NAME", "[a-z0-9_.]{1,32}" if part == CONNECTOR else "[a-z0-9_]{1,32}")
    )
    for part, path in _PATHS.items()
}


@dataclass(frozen=True)
class ServedLayers:
    """The layers of one class that vLLM changes with LoRA."""

    language: tuple[str, ...] = LANGUAGE_LAYERS
    vision: tuple[str, ...] = field(default=())
    """Of the vision tower's blocks; empty where vLLM loads none of them."""
    connector: tuple[str, ...] = field(default=())
    """Between tower and language model."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Return all of them as a profile names them."""
        return (
            *self.language,
            *(VISION + name for name in self.vision),
            *(CONNECTOR + name for name in self.connector),
        )


SERVED: Mapping[str, ServedLayers] = {
    "Qwen2VLForConditionalGeneration": ServedLayers(
        vision=("qkv", "proj", "fc1", "fc2"), connector=("mlp.0", "mlp.2")
    ),
    "Qwen2_5_VLForConditionalGeneration": ServedLayers(
        vision=("qkv", "proj", "gate_proj", "up_proj", "down_proj"), connector=("mlp.0", "mlp.2")
    ),
    "Qwen3VLForConditionalGeneration": ServedLayers(
        vision=("qkv", "proj", "linear_fc1", "linear_fc2"),
        connector=("linear_fc1", "linear_fc2"),
    ),
    # vLLM calls its tower's layers otherwise than transformers 5 and would leave them out; what
    # connects the tower is one matrix that is no layer.
    "Gemma3ForConditionalGeneration": ServedLayers(),
    # Its class in vLLM takes LoRA for the language model alone.
    "InternVLForConditionalGeneration": ServedLayers(),
}
"""By transformers' class. LLaVA-OneVision is not here: vLLM's class takes no LoRA at all."""


def unserved(architecture: str, targets: Iterable[str]) -> tuple[str, ...]:
    """Return those of `targets` that vLLM would not load for a model of this class; all of them
    for a class that is not in `SERVED`."""
    known = SERVED[architecture].targets if architecture in SERVED else ()
    return tuple(target for target in targets if target not in known)


def require_served(architecture: str, targets: Iterable[str]) -> None:
    """Raise SettingsError `profile_layers_unserved` naming those of `targets` that `unserved`
    gives."""
    left_out = unserved(architecture, targets)
    if left_out:
        known = SERVED[architecture].targets if architecture in SERVED else ()
        raise SettingsError(
            "profile_layers_unserved",
            architecture=architecture,
            targets=", ".join(left_out),
            known=", ".join(known) or "-",
        )


def beyond_language(targets: Iterable[str]) -> bool:
    """Return whether some layer of the vision tower or of what connects it is among them."""
    return any(target.startswith((VISION, CONNECTOR)) for target in targets)


def target_of(path: str) -> str | None:
    """Return how a profile names the layer at `path`, such as
    `model.language_model.layers.0.self_attn.q_proj`; None for one that no adapter may change."""
    for part, pattern in _ANY.items():
        if found := pattern.fullmatch(path):
            return part + found[1]
    return None


def pattern(targets: Iterable[str]) -> str:
    """Return the expression that the paths of exactly these layers match, as peft's
    `target_modules` takes one."""
    named: dict[str, list[str]] = {part: [] for part in _PATHS}
    for target in sorted(set(targets)):
        part = next((one for one in (VISION, CONNECTOR) if target.startswith(one)), "")
        named[part].append(re.escape(target.removeprefix(part)))
    return "|".join(
        path.replace("(NAME)", f"(?:{'|'.join(named[part])})")
        for part, path in _PATHS.items()
        if named[part]
    )
