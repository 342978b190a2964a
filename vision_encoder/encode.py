"""Key images to patch tokens and image embeddings, computed once and stored."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radraft.core.errors import EncodingError, NotFound
from radraft.studies.values import KeyImage, KeyImages
from radraft.vision_encoder import shipped, stored
from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.shipped import Edition
from radraft.vision_encoder.source import EncoderSource, locate
from radraft.vision_encoder.tower import ImageTower, ShippedTower
from radraft.vision_encoder.values import ByteStore, ImageEmbedding, StudyEmbedding

if TYPE_CHECKING:
    import torch

log = logging.getLogger("radraft.vision_encoder")

YIELDING = 10
"""What is added to the nice value (nice(2)) of threads that compute beside a vLLM on the same
processor: they get a tenth of its share while it writes, and all of it while it does not."""
GPU_BATCH = 16
"""Images in one forward pass on a GPU. Fixed: a short last batch is filled up, because kernels are
chosen by shape."""


def encode(images: KeyImages, encoder: Encoder, objects: ByteStore) -> StudyEmbedding:
    """Return the embedding of one case's key images; images embedded before are read, not computed.

    Stored under `embeddings/<encoder_id>/<image_id>.safetensors`. What is stored wins: an image
    that another device embedded first keeps those values. A damaged file is computed again. The
    finding scores come from the tokens as stored, each head's highest among the images: a study
    shows what one of its images shows. An encoder without heads gives none.
    """
    found = {image.image_id: _read(objects, encoder, image.image_id) for image in images.images}
    missing = {i.image_id: i for i in images.images if found[i.image_id] is None}
    for fresh in encoder.encode(tuple(missing.values())):
        key = stored.key(encoder.encoder_id, fresh.image_id)
        objects.put(key, stored.dump(fresh, encoder.encoder_id))
        found[fresh.image_id] = fresh
    ordered = [item for image in images.images if (item := found[image.image_id]) is not None]
    return StudyEmbedding(
        case_id=images.case_id,
        image_ids=tuple(image.image_id for image in images.images),
        tokens=_stack([item.tokens for item in ordered], (encoder.tokens_per_image, encoder.dim)),
        pooled=_stack([item.pooled for item in ordered], (encoder.pooled_dim,)),
        finding_scores=_highest([encoder.heads.scores(item.tokens) for item in ordered]),
        encoder_id=encoder.encoder_id,
    )


class Encoder:
    """The image tower, ready to run. Safe to use from several threads.

    Deterministic: the same pixels give the same bytes in any process, alone or among others, in any
    order. On the CPU each image is one forward pass of batch 1 on one thread, several images at a
    time: with more threads or larger batches oneDNN chooses other kernels, whose sums differ in the
    last bits, and for this network it is slower besides. On a GPU every pass has the same shape.
    A CPU and a GPU, or CPUs of different instruction sets, may differ in the last bits; the
    `encoder_id` does not change with the device.
    """

    def __init__(
        self,
        tower: ImageTower,
        encoder_id: str,
        heads: Heads | None,
        *,
        device: str = "cpu",
        micro_batch: int = 1,
        workers: int = 1,
        beside_llm: bool = False,
    ) -> None:
        """`heads` is None for an encoder that answers no questions itself.

        `beside_llm`: a vLLM writes on the same processor, so torch and numpy are held to one
        thread in the whole process, and the encoder's own threads yield."""
        import torch

        if beside_llm:
            _hold_numpy_to_one_thread()
        self.encoder_id = encoder_id
        self._device = torch.device(device)
        self._micro_batch = micro_batch
        self._tower = tower
        tower.to(self._device)
        self._pool = _one_thread_each(workers, beside_llm=beside_llm)
        blank = np.zeros((1, *tower.size, 3), dtype=np.float32)
        tokens, pooled = self._pool.submit(self._forward, blank).result()
        self.tokens_per_image, self.dim = int(tokens.shape[1]), int(tokens.shape[2])
        self.pooled_dim = int(pooled.shape[1])
        self.heads = heads or Heads.none(self.dim)
        if self.heads.dim != self.dim:
            raise EncodingError("heads_width", expected=self.heads.dim, got=self.dim)

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return str(self._device.type)

    @classmethod
    def load(cls, folder: Path = shipped.FOLDER, *, beside_llm: bool = False) -> Encoder:
        """Return the trained encoder in `folder`, on the GPU where there is one.

        EncodingError `encoder_weights_invalid`, `heads_invalid` or `heads_width`.
        """
        tower = ShippedTower(shipped.load_visual(folder), shipped.config_of(folder))
        heads = shipped.load_heads(folder)
        return cls._here(tower, shipped.encoder_id(folder), heads, beside_llm)

    @classmethod
    def of(
        cls, source: EncoderSource | None, *, edition: Edition = 1, beside_llm: bool = False
    ) -> Encoder:
        """Return the open_clip model `source`, which has no finding heads; the trained encoder that
        is shipped with `edition` where it is None. On the GPU where there is one.

        EncodingError as `load`, `source.locate` and `open_clip_tower.OpenClipTower`.
        """
        if source is None:
            return cls.load(shipped.FOLDERS[edition], beside_llm=beside_llm)
        from radraft.vision_encoder.open_clip_tower import OpenClipTower, encoder_id

        files = locate(source)
        return cls._here(OpenClipTower(files), encoder_id(files), None, beside_llm)

    @classmethod
    def _here(
        cls, tower: ImageTower, encoder_id: str, heads: Heads | None, beside_llm: bool
    ) -> Encoder:
        """Return the encoder on this machine's fastest device."""
        import torch

        gpu = torch.cuda.is_available()
        return cls(
            tower,
            encoder_id,
            heads,
            device="cuda" if gpu else "cpu",
            micro_batch=GPU_BATCH if gpu else 1,
            workers=1 if gpu else _cores(),
            beside_llm=beside_llm,
        )

    def encode(self, images: Sequence[KeyImage]) -> tuple[ImageEmbedding, ...]:
        """One embedding an image, in the same order.

        EncodingError `encoder_pixels_invalid` where an image is not 8-bit gray or empty.
        """
        step = self._micro_batch
        batches = [images[start : start + step] for start in range(0, len(images), step)]
        return tuple(item for batch in self._pool.map(self._embed, batches) for item in batch)

    def _embed(self, images: Sequence[KeyImage]) -> list[ImageEmbedding]:
        shape = (self._micro_batch, *self._tower.size, 3)
        batch = np.zeros(shape, dtype=np.float32)
        for position, image in enumerate(images):
            batch[position] = self._tower.prepare(image.pixels)
        tokens, pooled = self._forward(batch)
        return [
            ImageEmbedding(image.image_id, tokens[i].copy(), pooled[i].copy())
            for i, image in enumerate(images)
        ]

    def _forward(
        self, batch: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Map (b, rows, columns, 3) to tokens (b, n, d), pooled (b, e)."""
        import torch

        # A (b, h, w, c) array seen as (b, c, h, w) already is channels_last.
        pixels = torch.from_numpy(batch).to(self._device).permute(0, 3, 1, 2)
        with torch.inference_mode(), _fixed_kernels(self._device):
            grid, features = self._tower.forward(pixels)
            pooled = torch.nn.functional.normalize(features, dim=-1)
            # Rounded as stored, so that a stored and a fresh embedding are the same.
            tokens = grid.flatten(2).transpose(1, 2).to(torch.float16).to(torch.float32)
            return tokens.contiguous().cpu().numpy(), pooled.cpu().numpy()


def _read(objects: ByteStore, encoder: Encoder, image_id: str) -> ImageEmbedding | None:
    try:
        found = stored.read(objects, encoder.encoder_id, image_id)
    except NotFound:
        return None
    except stored.Damaged:
        key = stored.key(encoder.encoder_id, image_id)
        log.warning("stored embedding is damaged, computing it again: %s", key)
        return None
    expected = (encoder.tokens_per_image, encoder.dim), (encoder.pooled_dim,)
    return found if (found.tokens.shape, found.pooled.shape) == expected else None


def _fixed_kernels(device: torch.device) -> AbstractContextManager[None]:
    """On a GPU: no timing-dependent choice of kernels.

    These flags are the process's, so on the CPU, where they mean nothing and several threads run,
    they are left alone.
    """
    import torch

    if device.type != "cuda":
        return nullcontext()
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def _stack(
    arrays: list[npt.NDArray[np.float32]], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    return np.stack(arrays) if arrays else np.zeros((0, *shape), dtype=np.float32)


def _highest(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = scores[0] if scores else ()
    return {name: max(image[name] for image in scores) for name in names}


def _cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0))


def _hold_numpy_to_one_thread() -> None:
    """Keep numpy's BLAS from waking threads that spin after each product, on vLLM's cores."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


def _one_thread_each(workers: int, *, beside_llm: bool) -> ThreadPoolExecutor:
    """Return a pool whose threads each run torch on one core.

    OpenMP keeps the number of threads per calling thread. torch also keeps one for threads that
    have not called it yet, hence the first call in `start`, which takes that number before it is
    replaced. Other threads' setting is left as it was, but for `beside_llm`: any thread that calls
    torch there would get a team of threads that spin on vLLM's cores.
    """
    import torch

    before = torch.get_num_threads()
    ready = threading.Barrier(workers + 1)

    def start() -> None:
        torch.get_num_threads()
        torch.set_num_threads(1)
        if beside_llm:
            # Linux keeps the nice value per thread.
            thread = threading.get_native_id()
            nice = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, nice + YIELDING)
        ready.wait()

    pool = ThreadPoolExecutor(workers, thread_name_prefix="encoder", initializer=start)
    for _ in range(workers):
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(1 if beside_llm else before)
    return pool
