"""Any open_clip model as the encoder: its own preprocessing, its own identity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radraft.core.errors import EncodingError
from radraft.store.objects import Objects
from radraft.studies.key_images import from_picture
from radraft.studies.values import KeyImages
from radraft.vision_encoder.encode import Encoder, encode
from radraft.vision_encoder.open_clip_tower import OpenClipTower, encoder_id
from radraft.vision_encoder.source import EncoderSource, locate
from tests.embeds_model import build_encoder, picture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("open_clip") / "vit"
    build_encoder(path)
    return path


@pytest.fixture(scope="module")
def source(folder: Path) -> EncoderSource:
    return EncoderSource(folder=str(folder))


def changed(folder: Path, target: Path, **preprocess: object) -> EncoderSource:
    """The same weights with another preprocessing."""
    target.mkdir()
    about = json.loads((folder / "open_clip_config.json").read_text("utf-8"))
    about["preprocess_cfg"] |= preprocess
    (target / "open_clip_config.json").write_text(json.dumps(about), encoding="utf-8")
    (target / "open_clip_model.safetensors").hardlink_to(folder / "open_clip_model.safetensors")
    return EncoderSource(folder=str(target))


def test_tokens_and_embedding_are_those_of_open_clips_own_model(
    folder: Path, source: EncoderSource
) -> None:
    import open_clip
    import torch
    from PIL import Image

    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    pixels = transform(Image.fromarray(picture(1)).convert("RGB"))[None]
    model.eval()
    with torch.inference_mode():
        pooled = model.encode_image(pixels, normalize=True)[0].numpy()
        model.visual.output_tokens = True
        _, tokens = model.visual(pixels)
    (found,) = Encoder.of(source).encode([from_picture(picture(1))])
    np.testing.assert_allclose(found.pooled, pooled, rtol=1e-4, atol=1e-5)
    # Stored in float16, and so rounded.
    np.testing.assert_allclose(found.tokens, tokens[0].numpy(), rtol=2e-3, atol=2e-3)


def test_the_same_pixels_give_the_same_bytes_alone_and_among_others(source: EncoderSource) -> None:
    films = [from_picture(picture(number)) for number in range(3)]
    encoder = Encoder.of(source)
    together = encoder.encode(films)
    for film, among in zip(films, together, strict=True):
        (alone,) = encoder.encode([film])
        assert alone.tokens.tobytes() == among.tokens.tobytes()
        assert alone.pooled.tobytes() == among.pooled.tobytes()


def test_the_models_own_preprocessing_is_used(
    folder: Path, source: EncoderSource, tmp_path: Path
) -> None:
    dark = np.zeros((40, 60), np.uint8)
    prepared = OpenClipTower(locate(source)).prepare(dark)
    assert np.allclose(prepared, (0 - 0.4) / 0.3)
    other = changed(folder, tmp_path / "other", mean=[0.1] * 3, std=[0.5] * 3)
    assert np.allclose(OpenClipTower(locate(other)).prepare(dark), (0 - 0.1) / 0.5)
    # Squashed whole, or cut at the centre: what stands at the border is there or not.
    border = np.zeros((40, 200), np.uint8)
    border[:, :20] = 255
    cut = changed(folder, tmp_path / "cut", resize_mode="shortest")
    assert OpenClipTower(locate(source)).prepare(border).max() > 1
    assert OpenClipTower(locate(cut)).prepare(border).max() < 0


def test_its_id_changes_with_preprocessing_and_weights(
    folder: Path, source: EncoderSource, tmp_path: Path
) -> None:
    own = encoder_id(locate(source))
    assert own.startswith("vit@") and Encoder.of(source).encoder_id == own
    moved = changed(folder, tmp_path / "vit")
    assert encoder_id(locate(moved)) == own
    other = changed(folder, tmp_path / "again", std=[0.31] * 3)
    assert encoder_id(locate(other)).partition("@")[2] != own.partition("@")[2]
    weights = tmp_path / "again" / "open_clip_model.safetensors"
    data = bytearray(weights.read_bytes())
    weights.unlink()
    data[-1] ^= 1
    weights.write_bytes(data)
    assert encoder_id(locate(other)) != encoder_id(locate(changed(folder, tmp_path / "x")))


def test_a_study_has_no_finding_scores_where_nobody_trained_heads(
    source: EncoderSource, tmp_path: Path
) -> None:
    encoder = Encoder.of(source)
    films = KeyImages("c-1", (from_picture(picture(2)),))
    found = encode(films, encoder, Objects.open("", tmp_path))
    assert found.finding_scores == {}
    assert found.tokens.shape == (1, encoder.tokens_per_image, encoder.dim)


def test_pixels_that_are_no_gray_image_are_refused(source: EncoderSource) -> None:
    with pytest.raises(EncodingError, match="encoder_pixels_invalid"):
        OpenClipTower(locate(source)).prepare(np.zeros((4, 4, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("open_clip_config.json", "encoder_not_here"),
        ("open_clip_model.safetensors", "encoder_not_here"),
    ],
)
def test_what_is_not_there_is_said(folder: Path, tmp_path: Path, name: str, code: str) -> None:
    source = changed(folder, tmp_path / "half")
    (tmp_path / "half" / name).unlink()
    with pytest.raises(EncodingError) as caught:
        locate(source)
    assert (caught.value.code, caught.value.details) == (code, {"encoder": "half"})


@pytest.mark.parametrize("text", ["{", "[]", '{"model_cfg": {"vision_cfg": {}}}', "{}"])
def test_a_config_that_builds_nothing_is_said(folder: Path, tmp_path: Path, text: str) -> None:
    source = changed(folder, tmp_path / "odd")
    (tmp_path / "odd" / "open_clip_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(EncodingError, match="encoder_unusable"):
        OpenClipTower(locate(source))


def test_a_hubs_model_that_was_not_downloaded_is_missing() -> None:
    source = EncoderSource(model="hf-hub:nobody/nothing", revision="0" * 40)
    with pytest.raises(EncodingError, match="encoder_not_here"):
        locate(source)
    tag = EncoderSource(model="ViT-B-16", pretrained="laion2b_s34b_b88k")
    with pytest.raises(EncodingError, match="encoder_not_here"):
        locate(tag)
    with pytest.raises(EncodingError, match="encoder_unusable"):
        locate(EncoderSource(model="ViT-B-16", pretrained="no_such_tag"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"folder": "a", "model": "ViT-B-16", "pretrained": "openai"},
        {"model": "ViT-B-16"},
        {"model": "hf-hub:a/b"},
        {"model": "hf-hub:a/b", "revision": "main"},
        {"folder": "a", "pretrained": "openai"},
    ],
)
def test_an_encoder_is_named_one_way(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        EncoderSource(**fields)
