"""A native vision-language model while it is tuned: its own tower, its own processor, LoRA.

What `train.run` trains in place of projector and language model where a profile takes pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core.errors import TrainingError
from radraft.finetune.train.language import lora_config, stored
from radraft.finetune.train.loss import Words, logprobs
from radraft.finetune.train.recipe import LanguageRecipe, Lora
from radraft.finetune.train.tuned import load_adapter
from radraft.finetune.train.values import Encoded, Example
from radraft.llm import native_layers

if TYPE_CHECKING:
    import torch

PictureSource = Callable[[str], bytes]
"""Image id -> its PNG, 8-bit grey, as it is sent to vLLM. NotFound, StorageDamaged."""


@dataclass(frozen=True)
class EncodedPixels(Encoded):
    """An example as a native model takes it."""

    text: str = field(default="", repr=False)
    """What the processor makes the prompt of: each image is one place in it."""


@dataclass(frozen=True)
class PixelBatch:
    """Sequences side by side, padded on the right."""

    ids: torch.Tensor
    """(b, t) token ids; 0 where padded."""
    mask: torch.Tensor
    """(b, t): 1 where there is a token."""
    report: torch.Tensor
    """(b, t): True where a token of the report stands, which is what is learned."""
    inputs: Mapping[str, torch.Tensor]
    """What else the processor gives: pixels and their sizes, all images of the batch in their
    order, and (b, t) kinds of tokens."""


class Processor:
    """The model's own processor and chat template, as vLLM uses them."""

    def __init__(self, folder: Path, pictures: PictureSource) -> None:
        """TrainingError `training_native_invalid` where `folder` has no processor or chat
        template."""
        from transformers import AutoProcessor

        auto: Any = AutoProcessor
        try:
            self._processor: Any = auto.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            self._tokenizer: Any = self._processor.tokenizer
            self._template = self._processor.chat_template or self._tokenizer.chat_template
        except (OSError, ValueError, KeyError, AttributeError, ImportError):
            raise TrainingError("training_native_invalid", path=str(folder)) from None
        if not isinstance(self._template, str) or self._tokenizer.eos_token_id is None:
            raise TrainingError("training_native_invalid", path=str(folder))
        self._folder, self._pictures = folder, pictures
        self._end = int(self._tokenizer.eos_token_id)

    def __reduce__(self) -> tuple[type[Processor], tuple[Path, PictureSource]]:
        return Processor, (self._folder, self._pictures)

    def encode(self, example: Example) -> EncodedPixels:
        """TrainingError `training_pair_invalid` where images and image parts do not match; errors
        as the source of pictures."""
        places = sum(
            part["type"] == "image" for message in example.messages for part in message["content"]
        )
        if places != len(example.images):
            raise TrainingError("training_pair_invalid", images=len(example.images))
        text = self._tokenizer.apply_chat_template(
            list(example.messages),
            chat_template=self._template,
            tokenize=False,
            add_generation_prompt=True,
        )
        try:
            prompt = self._seen([text], [example.images])["input_ids"][0].tolist()
        except (ValueError, IndexError):
            # The template has fewer or more places for images than there are.
            raise TrainingError("training_pair_invalid", images=len(example.images)) from None
        rejected = self._report(example.rejected) if example.rejected is not None else None
        chosen = self._report(example.chosen)
        return EncodedPixels(tuple(prompt), example.images, chosen, rejected, text)

    def batch(
        self, sequences: Sequence[tuple[Encoded, tuple[int, ...]]], device: str
    ) -> PixelBatch:
        """(example, report ids) of each sequence -> `PixelBatch`. Errors as the source of
        pictures."""
        import torch

        longest = max(len(example.prompt) + len(report) for example, report in sequences)
        ids = torch.zeros((len(sequences), longest), dtype=torch.long)
        mask, report_at = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for row, (example, report) in enumerate(sequences):
            count, first = len(example.prompt) + len(report), len(example.prompt)
            ids[row, :count] = torch.tensor((*example.prompt, *report))
            mask[row, :count] = 1
            report_at[row, first:count] = True
        found: dict[str, list[torch.Tensor]] = {}
        for seen in self._seen_together([example for example, _ in sequences]):
            for name, value in seen.items():
                if name in {"input_ids", "attention_mask"}:
                    continue
                if value.shape == seen["input_ids"].shape:
                    # A kind for each token; those of a report and of padding are 0, text.
                    value = torch.nn.functional.pad(value, (0, longest - value.shape[1]))
                found.setdefault(name, []).append(value)
        return PixelBatch(
            ids=ids.to(device),
            mask=mask.to(device),
            report=report_at.to(device),
            inputs={name: torch.cat(values).to(device) for name, values in found.items()},
        )

    def _seen_together(self, examples: Sequence[Encoded]) -> list[Any]:
        """What the processor gives for them, in one call where it can pad: it costs as much for
        one example as for several."""
        own = [example for example in examples if isinstance(example, EncodedPixels)]
        assert len(own) == len(examples)
        padded = self._tokenizer.pad_token_id is not None
        if padded and len(own) > 1 and all(example.images for example in own):
            return [self._seen([one.text for one in own], [one.images for one in own])]
        return [self._seen([one.text], [one.images]) for one in own]

    def picture(self, image_id: str) -> Any:
        """Return a picture as vLLM opens what it is sent: in three equal channels."""
        from PIL import Image

        return Image.open(io.BytesIO(self._pictures(image_id))).convert("RGB")

    def _seen(self, texts: Sequence[str], images: Sequence[Sequence[str]]) -> Any:
        pictures = [[self.picture(image_id) for image_id in some] for some in images]
        # The template writes what a sequence begins with itself.
        padding = {"padding": True, "padding_side": "right"} if len(texts) > 1 else {}
        return self._processor(
            text=list(texts),
            images=pictures if any(pictures) else None,
            add_special_tokens=False,
            return_tensors="pt",
            **padding,
        )

    def _report(self, text: str) -> tuple[int, ...]:
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return (*ids, self._end)


@dataclass(frozen=True)
class PixelPairs:
    """What is trained on and what tells when to stop: `train.run.Pairs` of images as they are."""

    train: Sequence[Encoded]
    valid: Sequence[Encoded]
    processor: Processor
    parts: None = None
    """There is no projector that would divide an image."""

    def over(self, train: Sequence[Encoded]) -> PixelPairs:
        """Return the same with other pairs to train on."""
        return replace(self, train=train)

    def batch(
        self, sequences: Sequence[tuple[Encoded, tuple[int, ...]]], device: str
    ) -> PixelBatch:
        """Return the batch that a module of `build` takes."""
        return self.processor.batch(sequences, device)


def build(
    base: Path,
    recipe: LanguageRecipe,
    adapter: Path | None = None,
    *,
    checkpointing: bool | None = None,
) -> torch.nn.Module:
    """A module whose forward takes a `PixelBatch` and gives `loss.logprobs`.

    `base` is the model's folder, `adapter` a `lora.safetensors` to go on from, else the adapter
    starts as no change. The recipe's bf16 is that of a GPU; a CPU calculates in float32.
    `checkpointing` keeps no activations of the layers for the way back: as on a GPU where it is
    not said. TrainingError `training_native_invalid`.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    model: Any = load(base, torch.bfloat16 if has_gpu and recipe.precision == "bf16" else None)
    tuned: Any = with_lora(model, recipe.lora)
    if has_gpu if checkpointing is None else checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})

    class Native(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.language = tuned

        def forward(
            self, one: PixelBatch, words: Words | None = None
        ) -> tuple[torch.Tensor, torch.Tensor]:
            causal = self.language.get_base_model()
            inputs = {
                name: value.to(causal.dtype) if value.is_floating_point() else value
                for name, value in one.inputs.items()
            }
            hidden = causal.model(
                input_ids=one.ids, attention_mask=one.mask, use_cache=False, **inputs
            ).last_hidden_state
            return logprobs(hidden, causal.lm_head, one.ids, one.report, words)

    native = Native()
    if adapter is not None:
        load_adapter(native.language, stored(adapter))
    return native


def with_lora(model: torch.nn.Module, lora: Lora, name: str = "default") -> torch.nn.Module:
    """`model` with a fresh adapter on the layers that `lora` names as a profile does: A random, B
    zero, in float32; nothing changes yet. TrainingError `training_layers_missing` where it lacks
    one."""
    from peft import get_peft_model

    there = {native_layers.target_of(path) for path, _ in model.named_modules()}
    missing = [target for target in lora.targets if target not in there]
    if missing:
        raise TrainingError("training_layers_missing", targets=", ".join(missing))
    tuned: torch.nn.Module = get_peft_model(model, native_config(lora), adapter_name=name)
    return tuned


def native_config(lora: Lora) -> Any:
    """`lora` as peft has it: by an expression over whole paths, for layers of the tower have names
    of the language model's."""
    config = lora_config(lora)
    config.target_modules = native_layers.pattern(lora.targets)
    return config


def load(base: Path, dtype: torch.dtype | None = None) -> torch.nn.Module:
    """The model in the folder `base`, nothing of it trainable; float32 where no `dtype` is given.
    TrainingError `training_native_invalid`."""
    import torch
    from transformers import AutoModelForImageTextToText
    from transformers.utils import logging as their_logging

    auto: Any = AutoModelForImageTextToText
    logging: Any = their_logging
    # The command has a bar of its own.
    barred = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model: torch.nn.Module
        model, told = auto.from_pretrained(
            base,
            dtype=dtype or torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, ImportError):
        raise TrainingError("training_native_invalid", path=str(base)) from None
    finally:
        if barred:
            logging.enable_progress_bar()
    # Those would be drawn by chance, and the adapter learned over a model that nobody serves.
    if told["missing_keys"] or told["mismatched_keys"]:
        raise TrainingError("training_native_invalid", path=str(base))
    return model.requires_grad_(False)
