"""Whether the layers that a profile's adapters change are there."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from radraft.core.errors import SettingsError
from radraft.llm.native_layers import CONNECTOR, VISION


def require_layers(targets: Iterable[str], tensors: Collection[str]) -> None:
    """Raise SettingsError `profile_lora_target_unknown` naming the `targets` that are no layer of
    the weights with these tensors' names."""
    layers = {"." + name.removesuffix(".weight") for name in tensors if name.endswith(".weight")}
    unknown = [
        target
        for target in targets
        if not any(layer.endswith("." + _own_name(target)) for layer in layers)
    ]
    if unknown:
        raise SettingsError("profile_lora_target_unknown", targets=", ".join(unknown))


def _own_name(target: str) -> str:
    """Return what the weights call a layer, whatever part of the model it is in."""
    return target.removeprefix(VISION).removeprefix(CONNECTOR)
