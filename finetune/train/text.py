"""Examples to token ids, exactly as vLLM sees a request."""

from __future__ import annotations

import itertools
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Sequence
from multiprocessing import reduction
from pathlib import Path
from typing import IO, Any, overload

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


class EncodedFile(Sequence[Encoded]):
    """Encoded examples in a file without a name, which is gone when the process is: of each only
    its place and its images' ids are held."""

    def __init__(self, folder: Path) -> None:
        """OSError where `folder`, in which the file lies, cannot be written to."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - as long as this is used
        weakref.finalize(self, self._file.close)
        self._parts = array("Q", (0,))
        """Where prompt, chosen and rejected end, three of each example, in token ids."""
        self._images: list[tuple[str, ...]] = []
        self._preferred = bytearray()

    def __reduce__(self) -> tuple[Any, ...]:
        """For a process that is being started by this one: the same file, which has no name."""
        self._file.flush()
        descriptor = reduction.DupFd(self._file.fileno())
        return _of_descriptor, (descriptor, self._parts, self._images, self._preferred)

    def add(self, encoded: Encoded) -> None:
        """Keep one more. OSError."""
        for ids in (encoded.prompt, encoded.chosen, encoded.rejected or ()):
            self._file.write(array("i", ids).tobytes())
            self._parts.append(self._parts[-1] + len(ids))
        self._images.append(encoded.images)
        self._preferred.append(encoded.rejected is not None)

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, place: int) -> Encoded: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Encoded]: ...
    def __getitem__(self, place: int | slice) -> Encoded | Sequence[Encoded]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        images = self._images[place]
        place %= len(self)
        self._file.flush()
        edges = self._parts[3 * place : 3 * place + 4]
        data = os.pread(self._file.fileno(), 4 * (edges[3] - edges[0]), 4 * edges[0])
        ids = array("i", data)
        prompt, chosen, rejected = (
            tuple(ids[first - edges[0] : last - edges[0]])
            for first, last in itertools.pairwise(edges)
        )
        return Encoded(prompt, images, chosen, rejected if self._preferred[place] else None)


def _of_descriptor(
    descriptor: Any, parts: array[int], images: list[tuple[str, ...]], preferred: bytearray
) -> EncodedFile:
    made = EncodedFile.__new__(EncodedFile)
    made._file = os.fdopen(descriptor.detach(), "rb")
    made._parts, made._images, made._preferred = parts, images, preferred
    return made


def fitting_file(encoded: Iterable[Encoded], longest: int, folder: Path) -> tuple[EncodedFile, int]:
    """As `fitting`, held in a file in `folder`: for sets that no memory holds. OSError."""
    kept, left_out = EncodedFile(folder), 0
    for example in encoded:
        if example.length <= longest:
            kept.add(example)
        else:
            left_out += 1
    return kept, left_out


def fitting(encoded: Iterable[Encoded], longest: int) -> tuple[list[Encoded], int]:
    """(those of at most `longest` tokens, how many were left out)."""
    found = list(encoded)
    kept = [example for example in found if example.length <= longest]
    return kept, len(found) - len(kept)
