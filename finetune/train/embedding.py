"""The pictures of exported pairs as an encoder's patch tokens: what `dataset.read` takes.

Any number of processes may call `embed` on one folder, at once or one after the other: each takes
the next batch that nobody has, and what was embedded before one was killed is not embedded again. A
folder is whole when `encoder.json` is in it. Until then the tokens lie in `.tokens.npy`, as large
as it will be from the beginning, and `.done` has a byte for each batch: 1 when its tokens are on
the disk. A process holds the kernel's lock on the byte of its batch, which goes with the process.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from radraft.core import canonical
from radraft.core.errors import TrainingError
from radraft.core.file_hash import file_sha256
from radraft.core.locks import locked
from radraft.finetune.train import dataset
from radraft.studies.key_images import from_picture

if TYPE_CHECKING:
    from radraft.finetune.train.values import Tokens
    from radraft.vision_encoder.encode import Encoder

BATCH = 16
LOCK, PLAN, STAGED, DONE = ".lock", ".plan.json", ".tokens.npy", ".done"


@dataclass(frozen=True)
class Embedded:
    """How far a folder is."""

    done: int
    """Images whose tokens are there, by whatever process."""
    total: int
    own: int = 0
    """Of these, by this call."""
    seconds: float = 0.0
    """From one image to the next since this call began, on average, by whatever process; 0 before
    the first."""


Progress = Callable[[Embedded], None]


def embed(pairs: Path, encoder: Encoder, folder: Path, on_progress: Progress) -> Embedded:
    """Write `pairs.jsonl`, `tokens.npy` ((images, n, dim), float16), `images.json` (its order) and
    `encoder.json` into `folder`, or go on with what others began there; return how many images they
    are.

    `pairs` is a file of `radraft pairs export --pixels` or `archive export --pixels`, whose
    `images` are paths from its own folder. Every image is embedded once; examples without any are
    taken as they are. `on_progress` is called after each batch. TrainingError
    `training_data_missing`, `training_pairs_invalid` naming the line, `training_picture_invalid`
    naming the picture, or `training_run_differs` where the folder is of other pairs or another
    encoder. OSError where the disk has no place for the tokens, before anything is embedded.
    """
    images = _named(pairs)
    shape = (len(images), encoder.tokens_per_image, encoder.dim)
    plan = canonical.plain(
        {"pairs": file_sha256(pairs), "encoder": encoder.encoder_id, "shape": shape}
    )
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK):
        if _finished(folder, plan):
            return Embedded(len(images), len(images))
        for name in images:
            # Known before hours are spent on the others.
            _place(pairs.parent, name)
        _begin(folder, plan, shape)
    work = _Work(pairs.parent, encoder, folder, images, on_progress)
    with _opened(folder / STAGED) as tokens, _opened(folder / DONE) as done:
        work.all(tokens, done)
    with locked(folder / LOCK):
        if not _finished(folder, plan):
            _finish(folder, pairs, images, encoder.encoder_id)
    return work.state()


def sample(found: dataset.Dataset, count: int) -> Sequence[Tokens]:
    """Return the tokens of the first images of `count` pairs to train on that have any."""
    tokens: list[Tokens] = []
    for example in found.train:
        if len(tokens) == count:
            break
        if example.images:
            tokens.append(found.tokens(example.images[0]))
    return tokens


def _named(pairs: Path) -> list[str]:
    """Return the images of all pairs, each once, in their order."""
    try:
        with pairs.open(encoding="utf-8") as lines:
            examples = dataset.examples(lines, pairs)
            return list(dict.fromkeys(image for _, example in examples for image in example.images))
    except (OSError, UnicodeDecodeError):
        raise TrainingError("training_data_missing", path=str(pairs)) from None


def _finished(folder: Path, plan: Any) -> bool:
    """Return whether the folder is whole. TrainingError `training_run_differs` where it is of
    something else."""
    known = folder / PLAN
    if known.exists():
        before = json.loads(known.read_text(encoding="utf-8"))
        fields = ", ".join(name for name in plan if before.get(name) != plan[name])
    else:
        names = {path.name for path in folder.iterdir()}
        fields = "" if names <= {LOCK, f".{PLAN}", STAGED, DONE} else PLAN
    if fields:
        raise TrainingError("training_run_differs", path=str(folder), fields=fields)
    return known.exists() and (folder / dataset.ENCODER).exists()


def _begin(folder: Path, plan: Any, shape: tuple[int, int, int]) -> None:
    """Make place for all tokens. The plan is written last: without it nothing was begun."""
    if (folder / PLAN).exists():
        return
    header = _header(shape)
    batches = -(-shape[0] // BATCH)
    for name, size in ((STAGED, len(header) + _bytes(shape)), (DONE, batches)):
        with (folder / name).open("wb") as stream:
            if size:
                os.posix_fallocate(stream.fileno(), 0, size)
            if name == STAGED:
                stream.write(header)
            stream.flush()
            os.fsync(stream.fileno())
    _replace(folder / PLAN, json.dumps(plan))


def _finish(folder: Path, pairs: Path, images: list[str], encoder_id: str) -> None:
    """Give everything its name, last what says that it is whole."""
    staged = folder / f".{dataset.PAIRS}"
    shutil.copyfile(pairs, staged)
    staged.replace(folder / dataset.PAIRS)
    _replace(folder / dataset.IMAGES, json.dumps(images))
    if (folder / STAGED).exists():
        (folder / STAGED).replace(folder / dataset.TOKENS)
    (folder / DONE).unlink(missing_ok=True)
    _replace(folder / dataset.ENCODER, json.dumps({"encoder_id": encoder_id}))


class _Work:
    """One call of `embed`."""

    def __init__(
        self,
        pictures: Path,
        encoder: Encoder,
        folder: Path,
        images: list[str],
        on_progress: Progress,
    ) -> None:
        self._pictures, self._encoder, self._folder = pictures, encoder, folder
        self._images, self._on_progress = images, on_progress
        self._own, self._began = 0, time.monotonic()
        self._done = self._before = 0
        shape = (len(images), encoder.tokens_per_image, encoder.dim)
        self._first, self._size = len(_header(shape)), _bytes((1, *shape[1:]))

    def all(self, tokens: int | None, done: int | None) -> None:
        """Embed what nobody has, then wait for what others have, and take over what they leave."""
        if tokens is None or done is None:
            # Another process found the last batch done and gave everything its name.
            self._done = len(self._images)
            return
        self._before = self._done = self._marked(done)
        for wait in (False, True):
            for batch in range(-(-len(self._images) // BATCH)):
                with _claimed(done, batch, wait=wait) as mine:
                    if mine and os.pread(done, 1, batch) != b"\x01":
                        self._batch(tokens, done, batch)
        self._done = self._marked(done)

    def state(self) -> Embedded:
        """Return how far it is."""
        new = self._done - self._before
        seconds = (time.monotonic() - self._began) / new if new else 0.0
        return Embedded(self._done, len(self._images), self._own, seconds)

    def _batch(self, tokens: int, done: int, batch: int) -> None:
        some = self._images[batch * BATCH : (batch + 1) * BATCH]
        pictures = [from_picture(_pixels(self._pictures, name)) for name in some]
        found = np.stack([one.tokens for one in self._encoder.encode(pictures)])
        data = memoryview(found.astype(np.float16).tobytes())
        place = self._first + batch * BATCH * self._size
        while data:
            written = os.pwrite(tokens, data, place)
            data, place = data[written:], place + written
        # The byte may say it only when they are on the disk.
        os.fsync(tokens)
        os.pwrite(done, b"\x01", batch)
        self._own += len(some)
        self._done = self._marked(done)
        self._on_progress(self.state())

    def _marked(self, done: int) -> int:
        """Return how many images are embedded; the last batch may be a short one."""
        marks = os.pread(done, -(-len(self._images) // BATCH), 0)
        short = marks[-1:] == b"\x01" and -len(self._images) % BATCH
        return marks.count(1) * BATCH - short


@contextmanager
def _claimed(descriptor: int, batch: int, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of a batch; yield whether it is held. `wait` until whoever has it is done."""
    how = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    try:
        fcntl.lockf(descriptor, how, 1, batch)
    except (BlockingIOError, PermissionError):
        yield False
        return
    try:
        yield True
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, batch)


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Yield a file's descriptor; None where another process has given it its name meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _header(shape: tuple[int, int, int]) -> bytes:
    """Return what a `.npy` file of float16 begins with."""
    import io

    stream = io.BytesIO()
    about = {"descr": "<f2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    return stream.getvalue()


def _bytes(shape: tuple[int, int, int]) -> int:
    return 2 * shape[0] * shape[1] * shape[2]


def _replace(path: Path, text: str) -> None:
    """Write a small file, whole or not at all."""
    staged = path.with_name(f".{path.name}")
    with staged.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    staged.replace(path)


def _place(folder: Path, name: str) -> Path:
    """Return where a picture lies, below `folder`."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise TrainingError("training_picture_invalid", path=name)
    return path


def _pixels(folder: Path, name: str) -> Any:
    """Return (rows, columns) of a picture."""
    try:
        with Image.open(_place(folder, name)) as picture:
            return np.asarray(picture.convert("L"))
    except (OSError, ValueError):
        raise TrainingError("training_picture_invalid", path=name) from None
