"""Examples to token ids, exactly as vLLM sees a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from radraft.core.errors import TrainingError
from radraft.finetune.train.values import Encoded, Example


class Tokenizer:
    """The checkpoint's tokenizer and chat template."""

    def __init__(self, folder: Path, image_token: str, tokens_per_image: int) -> None:
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._image = image_token
        self._per_image = tokens_per_image
        self.image_id: int = int(str(self._tokenizer.convert_tokens_to_ids(image_token)))
        self.end_id = int(self._tokenizer.eos_token_id)

    def encode(self, example: Example) -> Encoded:
        """TrainingError `training_pair_invalid` where images and image parts do not match."""
        text = self._tokenizer.apply_chat_template(
            list(example.messages), tokenize=False, add_generation_prompt=True
        )
        if text.count(self._image) != len(example.images):
            raise TrainingError("training_pair_invalid", images=len(example.images))
        # The template writes <bos> itself.
        prompt = self._ids(text.replace(self._image, self._image * self._per_image))
        rejected = self._report(example.rejected) if example.rejected is not None else None
        return Encoded(prompt, example.images, self._report(example.chosen), rejected)

    def text(self, ids: Sequence[int]) -> str:
        """What a model wrote."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def _report(self, text: str) -> tuple[int, ...]:
        return (*self._ids(text), self.end_id)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def fitting(encoded: Iterable[Encoded], longest: int) -> tuple[list[Encoded], int]:
    """(those of at most `longest` tokens, how many were left out)."""
    found = list(encoded)
    kept = [example for example in found if example.length <= longest]
    return kept, len(found) - len(kept)
