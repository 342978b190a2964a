"""The words that an edition of the starter keeps of its base's 262,144.

Two thirds of Gemma 3 270M are the table of its words, which is read whole for each token that it
writes. Reports need a tenth of it. What is left out is written in pieces that are kept, down to
single bytes, so every text can still be read and written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FIRST = 494
"""Ids below this are kept as they are: control tokens, tags, and the 256 bytes, by which any
character can be spelled."""

TENSOR = "kept"
Kept = npt.NDArray[np.int32]
"""(n,) ids of the base's words, rising; a word's place is its id in the smaller vocabulary."""


def load(path: Path) -> Kept:
    """Return the kept ids. OSError, or ValueError where the file does not hold such ids."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        kept: Kept = load_file(path)[TENSOR]
    except (SafetensorError, KeyError) as error:
        raise ValueError("no kept ids") from error
    first = np.arange(FIRST)
    if kept.dtype != np.int32 or kept.ndim != 1 or not np.array_equal(kept[:FIRST], first):
        raise ValueError("no kept ids")
    if bool((np.diff(kept) <= 0).any()):
        raise ValueError("kept ids do not rise")
    return kept


def save(path: Path, kept: Kept) -> None:
    """Write the file that `load` reads. OSError."""
    from safetensors.numpy import save_file

    save_file({TENSOR: kept}, path)


def smaller(tokenizer: Mapping[str, Any], kept: Kept) -> dict[str, Any]:
    """Return the content of a `tokenizer.json` (byte-pair encoding) with the kept words alone.

    A text all of whose words, and the pieces they are merged from, are kept is read as before: the
    merges that are left keep their order.
    """
    place = {int(old): new for new, old in enumerate(kept)}
    model = tokenizer["model"]
    words = {word: place[old] for word, old in model["vocab"].items() if old in place}
    merges = [pair for pair in model["merges"] if _possible(pair, words)]
    added = [
        token | {"id": place[token["id"]]}
        for token in tokenizer["added_tokens"]
        if token["id"] in place
    ]
    return {
        **tokenizer,
        "added_tokens": added,
        "model": {**model, "vocab": words, "merges": merges},
    }


def pieces(merge: str | Sequence[str]) -> tuple[str, str]:
    """Return the two words of a merge, as either form of `tokenizer.json` has it."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _possible(merge: str | Sequence[str], words: Mapping[str, int]) -> bool:
    left, right = pieces(merge)
    return left in words and right in words and left + right in words
