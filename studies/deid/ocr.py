"""Finds and reads lines of text: the PP-OCR models of the rapidocr package, on ONNX Runtime.

rapidocr's own classes would fetch a model that is missing; here nothing is ever fetched.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radraft.core.errors import SettingsError

Gray = npt.NDArray[np.uint8]

_THREADS = 1
"""For so little a second thread waits as long as it computes, and waits by spinning."""
_DETECTOR = (
    "PP-OCRv6_det_small.onnx",
    "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
)
_READER = (
    "PP-OCRv6_rec_small.onnx",
    "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
)
_LINE_HEIGHT = 48
"""Rows of a line as the reader takes it."""
_LEAST_WIDTH, _MOST_WIDTH = 96, 1600
_BATCH = 8


@cache
def reader() -> Reader:
    """Return the one reader of this process. SettingsError where the models are not as pinned."""
    with _LOADING:
        return Reader()


_LOADING = threading.Lock()


class Reader:
    """Both models, loaded. Threads may share it."""

    def __init__(self) -> None:
        self._detector = _session(*_DETECTOR)
        self._reader = _session(*_READER)
        characters = self._reader.get_modelmeta().custom_metadata_map["character"]
        # CTC: the blank comes first, and the space, which the list leaves out, last.
        self._characters = ["", *characters.splitlines(), " "]

    def likelihood(self, image: Gray) -> npt.NDArray[np.float32]:
        """For each pixel of `image` (sides multiples of 32), 0 to 1: does it belong to text."""
        planes = np.repeat(_scaled(image)[None, None], 3, axis=1)
        (answer,) = self._detector.run(None, {self._detector.get_inputs()[0].name: planes})
        found: npt.NDArray[np.float32] = np.asarray(answer, dtype=np.float32)[0, 0]
        return found

    def read(self, lines: Sequence[Gray]) -> list[tuple[str, float]]:
        """Text of each level line and how sure it is, 0 to 1; ("", 0) where nothing was read."""
        order = sorted(range(len(lines)), key=lambda at: lines[at].shape[1] / lines[at].shape[0])
        found = [("", 0.0)] * len(lines)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            for at, answer in zip(batch, self._read([lines[at] for at in batch]), strict=True):
                found[at] = answer
        return found

    def _read(self, lines: list[Gray]) -> list[tuple[str, float]]:
        import cv2

        ratio = max(line.shape[1] / line.shape[0] for line in lines)
        width = min(_MOST_WIDTH, max(_LEAST_WIDTH, -(-round(ratio * _LINE_HEIGHT) // 8) * 8))
        batch = np.zeros((len(lines), 3, _LINE_HEIGHT, width), np.float32)
        for at, line in enumerate(lines):
            wide = round(line.shape[1] / line.shape[0] * _LINE_HEIGHT)
            wide = min(width, max(1, wide))
            batch[at, :, :, :wide] = _scaled(cv2.resize(line, (wide, _LINE_HEIGHT)))
        (answer,) = self._reader.run(None, {self._reader.get_inputs()[0].name: batch})
        return [self._text(line) for line in answer]

    def _text(self, steps: npt.NDArray[np.float32]) -> tuple[str, float]:
        best = steps.argmax(axis=1)
        kept = (best != 0) & np.concatenate([[True], best[1:] != best[:-1]])
        if not kept.any():
            return "", 0.0
        text = "".join(self._characters[code] for code in best[kept])
        return text.strip(), float(steps.max(axis=1)[kept].mean())


def _scaled(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    scaled: npt.NDArray[np.float32] = image.astype(np.float32) / 127.5 - 1.0
    return scaled


def _session(name: str, sha256: str) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    package = importlib.util.find_spec("rapidocr")
    folders = (package and package.submodule_search_locations) or ()
    for folder in folders:
        path = Path(folder) / "models" / name
        if path.is_file():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != sha256:
                raise SettingsError("ocr_model_changed", model=name)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = _THREADS
            options.inter_op_num_threads = 1
            options.enable_cpu_mem_arena = False
            options.log_severity_level = 4
            return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    raise SettingsError("ocr_model_missing", model=name)
