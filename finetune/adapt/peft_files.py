"""An adapter's files as peft writes them and vLLM loads them, and the trainer's own.

vLLM's LLaVA class has the language model below `language_model`; the trainer tunes the language
model alone, so its names lack that step. A native vision-language model is tuned as the whole that
is served, and its names are the file's.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError
from safetensors import SafetensorError, safe_open

from radraft.core.errors import AdapterError
from radraft.core.yaml_files import Strict
from radraft.finetune.train.recipe import Lora
from radraft.llm import native_layers
from radraft.llm.lora import DOWN, PREFIX, UP
from radraft.store.adapter_files import CONFIG, PROJECTOR, WEIGHTS

if TYPE_CHECKING:
    import torch

SERVED = PREFIX + "language_model."
WHOLE = PREFIX.removesuffix("model.")
"""What peft puts before the paths of a whole model."""
NAME = re.compile(re.escape(WHOLE) + r"(model\..{1,120})\.lora_([AB])\.weight")


class Config(Strict):
    """`adapter_config.json`, as far as serving goes by it; nothing else may stand there."""

    peft_type: str = Field(pattern="^LORA$")
    task_type: str = Field(pattern="^CAUSAL_LM$")
    base_model_name_or_path: str | None = Field(default=None, max_length=200)
    r: int = Field(ge=1, le=256)
    lora_alpha: int = Field(ge=1, le=100_000)
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: (
        Annotated[tuple[str, ...], Field(min_length=1, max_length=32)]
        | Annotated[str, Field(min_length=1, max_length=2000)]
    )
    """Last names of layers, or, where the tower has layers of the same names that are changed or
    not by themselves, `native_layers.pattern` of them."""
    exclude_modules: Literal[".*vision_tower.*"] | None = None
    """The tower has layers of the same names; vLLM goes by the tensors and does not read this."""
    bias: str = Field(pattern="^none$")
    fan_in_fan_out: bool = False
    inference_mode: bool = True
    init_lora_weights: bool = True
    modules_to_save: None = None
    use_dora: bool = False
    use_rslora: bool = False
    rank_pattern: dict[str, JsonValue] = Field(default={}, max_length=0)
    alpha_pattern: dict[str, JsonValue] = Field(default={}, max_length=0)


def write(
    folder: Path,
    trained: Mapping[str, torch.Tensor],
    lora: Lora,
    model_id: str,
    projector: Path | None,
    *,
    whole: bool = False,
) -> None:
    """The adapter's folder, whole or not at all, float16: the same weights give the same bytes.
    `trained` has the trainer's names, those of the `whole` model for a native one; `projector` is
    its own, where it has one."""
    import torch
    from safetensors.torch import save_file

    if folder.exists():
        return
    staging = folder.with_name(f".{folder.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    state = {
        (name if whole else SERVED + name.removeprefix(PREFIX)): value.to(
            torch.float16
        ).contiguous()
        for name, value in trained.items()
    }
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise AdapterError("adapt_diverged", path=str(folder.parent))
    save_file(state, staging / WEIGHTS, metadata={"format": "pt"})
    config = Config(
        peft_type="LORA",
        task_type="CAUSAL_LM",
        base_model_name_or_path=model_id,
        r=lora.rank,
        lora_alpha=lora.alpha,
        # peft keeps a set, whose order changes from process to process.
        target_modules=(
            native_layers.pattern(lora.targets) if whole else tuple(sorted(lora.targets))
        ),
        exclude_modules=None if whole else ".*vision_tower.*",
        bias="none",
    )
    text = json.dumps(config.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
    (staging / CONFIG).write_text(text, encoding="utf-8")
    if projector is not None:
        shutil.copyfile(projector, staging / PROJECTOR)
    staging.replace(folder)


def shape(folder: Path) -> Lora:
    """Rank, alpha and layers of the adapter in `folder`. AdapterError `adapter_files_refused`."""
    try:
        config = Config.model_validate_json((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        raise AdapterError("adapter_files_refused", name=CONFIG) from None
    targets = config.target_modules
    if isinstance(targets, str):
        targets = tuple(sorted(_layers(_names(folder))))
        if config.target_modules != native_layers.pattern(targets):
            raise AdapterError("adapter_files_refused", name=CONFIG)
    return Lora(rank=config.r, alpha=config.lora_alpha, targets=targets)


def state(folder: Path, *, whole: bool = False) -> dict[str, torch.Tensor]:
    """The weights in `folder` under the trainer's names, those of the `whole` model for a native
    one, checked: pairs of A and B of the adapter's rank and layers, finite floats, and nothing
    else. AdapterError `adapter_files_refused`."""
    from safetensors.torch import load_file

    lora = shape(folder)
    try:
        given: dict[str, torch.Tensor] = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError):
        raise AdapterError("adapter_files_refused", name=WEIGHTS) from None
    halves: dict[str, set[str]] = {}
    for name, value in given.items():
        found = NAME.fullmatch(name)
        if found is None or not _usable(value, found[2], lora.rank):
            raise AdapterError("adapter_files_refused", name=WEIGHTS)
        halves.setdefault(name[: found.start(2)], set()).add(found[2])
    layers = _layers(given)
    if layers != set(lora.targets) or any(half != {"A", "B"} for half in halves.values()):
        raise AdapterError("adapter_files_refused", name=WEIGHTS)
    if whole:
        return given
    if native_layers.beyond_language(layers):
        raise AdapterError("adapter_files_refused", name=WEIGHTS)
    return {PREFIX + name.removeprefix(SERVED): value for name, value in given.items()}


def _names(folder: Path) -> tuple[str, ...]:
    """The tensors' names in `folder`; reads the header alone."""
    try:
        with safe_open(folder / WEIGHTS, framework="np") as tensors:
            return tuple(tensors.keys())
    except (OSError, SafetensorError):
        raise AdapterError("adapter_files_refused", name=WEIGHTS) from None


def _layers(names: Iterable[str]) -> set[str]:
    """The layers of tensors, as a profile names them. AdapterError `adapter_files_refused` for a
    tensor of another one."""
    found = set()
    for name in names:
        tensor = NAME.fullmatch(name)
        target = native_layers.target_of(tensor[1]) if tensor else None
        if target is None:
            raise AdapterError("adapter_files_refused", name=WEIGHTS)
        found.add(target)
    return found


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of each layer, by the shapes of its A and B, named as the trainer does."""
    return {
        layer: (shape[1], shapes[layer + UP][0])
        for name, shape in shapes.items()
        if (layer := name.removesuffix(DOWN)) != name
    }


def sizes_of(weights: Path) -> dict[str, tuple[int, int]]:
    """`sizes` of a file under the trainer's names; reads its header alone."""
    with safe_open(weights, framework="np") as tensors:
        names = tensors.keys()
        return sizes({name: tensors.get_slice(name).get_shape() for name in names})


def to_trainer(source: Path, target: Path, *, whole: bool = False) -> None:
    """Writes the weights in `source` under the trainer's names. Arguments as `state`."""
    from safetensors.torch import save_file

    save_file(state(source, whole=whole), target)


def _usable(value: Any, half: str, rank: int) -> bool:
    matrix = value.ndim == 2 and value.shape[0 if half == "A" else 1] == rank
    return bool(matrix and value.is_floating_point() and value.isfinite().all())
