from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radraft.core.errors import EncodingError
from radraft.store.objects import Objects
from radraft.studies.values import KeyImages
from radraft.vision_encoder import shipped, stored, weights
from radraft.vision_encoder.config import EncoderConfig
from radraft.vision_encoder.encode import Encoder, encode
from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.tower import ShippedTower
from radraft.vision_encoder.values import ImageEmbedding
from tests.scale import scaled
from tests.vision_encoder.conftest import as_key_image, key_image, write_heads

pytestmark = pytest.mark.slow


def tiny_encoder(
    config: EncoderConfig,
    heads: Heads,
    *,
    micro_batch: int = 1,
    workers: int = 2,
    beside_llm: bool = False,
) -> Encoder:
    import timm
    import torch
    from open_clip.model import CLIP

    with torch.random.fork_rng():
        torch.manual_seed(7)
        trunk = timm.create_model("test_efficientnet", pretrained=False).state_dict()
    image, _ = weights.initial_state(config, trunk)
    visual = CLIP(**config.model_cfg).visual
    visual.load_state_dict(image)
    return Encoder(
        ShippedTower(visual, config),
        "tiny@0",
        heads,
        micro_batch=micro_batch,
        workers=workers,
        beside_llm=beside_llm,
    )


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Heads:
    path = tmp_path_factory.mktemp("heads") / "heads.safetensors"
    write_heads(path, ["pneumonia", "covid"], TOKEN_DIM, seed=4)
    return Heads.load(path)


@pytest.fixture(scope="module")
def tiny(tiny_config: EncoderConfig, heads: Heads) -> Encoder:
    return tiny_encoder(tiny_config, heads)


TOKEN_DIM = 256
"""Of the tiny test trunk."""


def as_bytes(embedding: ImageEmbedding) -> bytes:
    return embedding.image_id.encode() + embedding.tokens.tobytes() + embedding.pooled.tobytes()


def test_shapes_and_unit_length(tiny: Encoder) -> None:
    (found,) = tiny.encode([key_image(1)])
    assert found.tokens.shape == (tiny.tokens_per_image, tiny.dim) == (4, tiny.dim)
    assert found.pooled.shape == (tiny.pooled_dim,) == (16,)
    assert found.tokens.dtype == found.pooled.dtype == np.float32
    assert np.linalg.norm(found.pooled) == pytest.approx(1, abs=1e-5)
    assert tiny.encode([]) == ()


def test_tokens_and_pooled_are_open_clips_own(tiny_config: EncoderConfig, tiny: Encoder) -> None:
    import torch

    from radraft.vision_encoder.preprocess import preprocess

    image = key_image(2)
    pixels = torch.from_numpy(preprocess(image.pixels, tiny_config)).permute(2, 0, 1)[None]
    visual = tiny._tower._visual
    with torch.inference_mode():
        pooled = torch.nn.functional.normalize(visual(pixels), dim=-1)[0].numpy()
        grid = visual.trunk.forward_features(pixels)[0].numpy()
    (found,) = tiny.encode([image])
    np.testing.assert_allclose(found.pooled, pooled, atol=1e-5)
    # Row by row: token 1 is the second column of the first row.
    np.testing.assert_allclose(found.tokens[1], grid[:, 0, 1], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(found.tokens[2], grid[:, 1, 0], rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_batch_size_and_position_change_nothing(tiny: Encoder, size: int) -> None:
    images = [key_image(seed, rows=50 + seed) for seed in range(8)]
    alone = {i.image_id: as_bytes(tiny.encode([i])[0]) for i in images}
    random.Random(size).shuffle(images)
    for start in range(0, len(images), size):
        for found in tiny.encode(images[start : start + size]):
            assert as_bytes(found) == alone[found.image_id]


def test_a_short_last_batch_is_filled_up(tiny_config: EncoderConfig, heads: Heads) -> None:
    fixed = tiny_encoder(tiny_config, heads, micro_batch=4, workers=1)
    images = [key_image(seed) for seed in range(6)]
    found = fixed.encode(images)
    assert [item.image_id for item in found] == [image.image_id for image in images]
    assert as_bytes(fixed.encode(images[4:5])[0]) == as_bytes(found[4])


def test_the_callers_thread_count_is_left_alone(tiny_config: EncoderConfig, heads: Heads) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        tiny_encoder(tiny_config, heads, workers=3).encode([key_image(1)])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_beside_a_vllm_torch_has_one_thread_and_the_encoder_yields(tmp_path: Path) -> None:
    """In a process of its own: these settings are the process's."""
    code = """
import json, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import torch
from radraft.vision_encoder.config import parse_config
from radraft.vision_encoder.heads import Heads
from tests.vision_encoder.conftest import TINY, key_image, write_heads
from tests.vision_encoder.test_encode import TOKEN_DIM, tiny_encoder

torch.set_num_threads(2)
path = Path(sys.argv[1]) / "heads.safetensors"
write_heads(path, ["pneumonia"], TOKEN_DIM, seed=4)
config = parse_config("tiny", json.dumps(TINY))
alone = tiny_encoder(config, Heads.load(path))
expected = alone.encode([key_image(1)])[0].tokens.tobytes()
assert torch.get_num_threads() == 2
encoder = tiny_encoder(config, Heads.load(path), beside_llm=True)
assert encoder.encode([key_image(1)])[0].tokens.tobytes() == expected

def nice(thread):
    return os.getpriority(os.PRIO_PROCESS, thread)

with ThreadPoolExecutor(1) as pool:
    assert pool.submit(torch.get_num_threads).result() == torch.get_num_threads() == 1
own = {t.native_id for t in threading.enumerate() if t.name.startswith("encoder")}
from threadpoolctl import threadpool_info
assert {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"} == {1}
here = nice(threading.get_native_id())
assert sorted(map(nice, own)) == sorted([here] * 2 + [min(19, here + 10)] * 2)
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=root)


def test_bad_pixels_raise(tiny: Encoder) -> None:
    with pytest.raises(EncodingError) as error:
        tiny.encode([key_image(1), as_key_image(np.zeros((0, 3), dtype=np.uint8))])
    assert error.value.code == "encoder_pixels_invalid"


def test_stored_once_and_then_read(tiny: Encoder, tmp_path: Path) -> None:
    objects = Objects.open("", tmp_path)
    images = KeyImages("c-1", (key_image(1), key_image(2), key_image(1)))
    first = encode(images, tiny, objects)
    assert first.image_ids == tuple(i.image_id for i in images.images)
    assert first.tokens.shape == (3, tiny.tokens_per_image, tiny.dim)
    assert first.pooled.shape == (3, tiny.pooled_dim)
    assert first.encoder_id == "tiny@0"
    assert (first.tokens[0] == first.tokens[2]).all()

    # A planted embedding shows that the second call reads and does not compute.
    image_id = images.images[1].image_id
    planted = ImageEmbedding(image_id, first.tokens[0], first.pooled[0])
    objects.put(stored.key("tiny@0", image_id), stored.dump(planted, "tiny@0"))
    second = encode(images, tiny, objects)
    assert second.tokens[1].tobytes() == first.tokens[0].tobytes()
    assert second.tokens[0].tobytes() == first.tokens[0].tobytes()
    assert second.pooled[0].tobytes() == first.pooled[0].tobytes()


def test_no_images_give_an_empty_embedding(tiny: Encoder, tmp_path: Path) -> None:
    found = encode(KeyImages("c-2", ()), tiny, Objects.open("", tmp_path))
    assert found.tokens.shape == (0, tiny.tokens_per_image, tiny.dim)
    assert found.finding_scores == {}


def test_a_study_shows_what_one_of_its_images_shows(tiny: Encoder, tmp_path: Path) -> None:
    objects = Objects.open("", tmp_path)
    images = (key_image(1), key_image(2), key_image(3))
    alone = [encode(KeyImages("c-1", (i,)), tiny, objects).finding_scores for i in images]
    fresh = [tiny.heads.scores(tiny.encode([i])[0].tokens) for i in images]
    assert alone == fresh
    together = encode(KeyImages("c-1", images), tiny, objects).finding_scores
    assert together == {name: max(one[name] for one in alone) for name in ("pneumonia", "covid")}
    assert len({one["pneumonia"] for one in alone}) == 3


def test_heads_of_another_encoder_are_refused(tiny_config: EncoderConfig, tmp_path: Path) -> None:
    write_heads(tmp_path / "h", ["pneumonia"], TOKEN_DIM + 1, seed=4)
    with pytest.raises(EncodingError) as error:
        tiny_encoder(tiny_config, Heads.load(tmp_path / "h"))
    assert error.value.code == "heads_width"


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: flip(data, len(data) - 1),
        lambda data: flip(data, 3),
        lambda data: flip(data, 20),
        lambda data: b"\xff" * 100,
    ],
)
def test_a_damaged_file_is_computed_again(
    tiny: Encoder, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    objects = Objects.open("", tmp_path)
    image = key_image(3)
    images = KeyImages("c-3", (image,))
    first = encode(images, tiny, objects)
    key = stored.key("tiny@0", image.image_id)
    whole = objects.get(key)
    objects.put(key, damage(whole))
    assert encode(images, tiny, objects).tokens.tobytes() == first.tokens.tobytes()
    assert objects.get(key) == whole


def test_another_encoders_or_images_file_is_not_taken() -> None:
    one = ImageEmbedding("a" * 64, np.ones((2, 3), np.float32), np.ones(4, np.float32))
    data = stored.dump(one, "e@1")
    assert stored.parse(data, "e@1", "a" * 64).tokens.tobytes() == one.tokens.tobytes()
    for encoder_id, image_id in (("e@2", "a" * 64), ("e@1", "b" * 64)):
        with pytest.raises(stored.Damaged):
            stored.parse(data, encoder_id, image_id)


SCRIPT = """
import hashlib, json, sys
import torch
from radraft.vision_encoder.encode import Encoder
from tests.vision_encoder.conftest import key_image
threads, order = int(sys.argv[1]), json.loads(sys.argv[2])
torch.set_num_threads(threads)
encoder = Encoder.load()
out = {}
for batch in order:
    for seed, item in zip(batch, encoder.encode([key_image(s, 300, 200) for s in batch])):
        out[seed] = hashlib.sha256(item.tokens.tobytes() + item.pooled.tobytes()).hexdigest()
print(json.dumps([encoder.encoder_id, sorted(out.items())]))
"""


@pytest.mark.scaled
def test_every_process_gives_the_same_bytes() -> None:
    runs = [
        ("1", 1, [[0], [1], [2], [3], [4], [5], [6], [7], [8]]),
        ("2", 2, [[8, 7, 6, 5, 4, 3, 2, 1, 0]]),
        ("4", 3, [[3, 1, 2], [0, 8], [7, 6, 5, 4]]),
    ][: scaled(2, full=3)]
    answers = set()
    for omp, threads, order in runs:
        env = os.environ | {"OMP_NUM_THREADS": omp, "MKL_NUM_THREADS": omp}
        command = [sys.executable, "-c", SCRIPT, str(threads), json.dumps(order)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        answers.add(done.stdout)
    assert len(answers) == 1


def test_the_real_encoder() -> None:
    encoder = Encoder.load()
    assert (encoder.tokens_per_image, encoder.dim, encoder.pooled_dim) == (64, 1280, 256)
    assert encoder.encoder_id == shipped.encoder_id()
    (found,) = encoder.encode([key_image(1, 512, 400)])
    # ReLU6 ends the trunk.
    assert found.tokens.min() == 0 and 0 < found.tokens.max() <= 6
