"""Whether the layers that a profile's adapters change are there."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from radraft.core.errors import SettingsError


def require_layers(targets: Iterable[str], tensors: Collection[str]) -> None:
    """Raise SettingsError `profile_lora_target_unknown` naming the `targets` that are no layer of
    the weights with these tensors' names."""
    layers = {name.split(".")[-2] for name in tensors if name.endswith(".weight") and "." in name}
    unknown = [target for target in targets if target not in layers]
    if unknown:
        raise SettingsError("profile_lora_target_unknown", targets=", ".join(unknown))
