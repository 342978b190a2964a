"""The shipped encoder: what its files must be, and that damage is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from radraft.core.errors import EncodingError
from radraft.vision_encoder import shipped
from radraft.vision_encoder.chances import CHANCES_FILE
from radraft.vision_encoder.weights import IMAGE_FILE, TEXT_FILE

FILES = (IMAGE_FILE, TEXT_FILE, shipped.HEADS_FILE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(shipped.FOLDER / name, tmp_path / name)
    return tmp_path


def test_the_files_hold_half_precision_and_no_more_than_they_need() -> None:
    from safetensors import safe_open

    second = [shipped.FOLDERS[2] / name for name in (IMAGE_FILE, shipped.HEADS_FILE)]
    there = {path.name for path in shipped.FOLDERS[2].iterdir()}
    assert there == {CHANCES_FILE, *(path.name for path in second)}
    for path in (*(shipped.FOLDER / name for name in FILES), *second):
        with safe_open(path, "numpy") as file:
            types = {file.get_slice(tensor).get_dtype() for tensor in file.keys()}  # noqa: SIM118
        assert types <= {"F16", "I64"} and "F16" in types


def test_the_id_changes_with_image_tower_and_heads_but_not_with_the_text_tower(copy: Path) -> None:
    before = shipped.encoder_id(copy)
    assert before == shipped.encoder_id()
    assert before.startswith("radraft_cxr@") and len(before) == len("radraft_cxr@") + 16
    seen = [before]
    for name in FILES:
        (copy / name).write_bytes((copy / name).read_bytes() + b" ")
        seen.append(shipped.encoder_id(copy))
    _, image, text, heads = seen
    assert image != before and text == image and heads != text


def test_a_file_says_which_config_it_was_trained_with(copy: Path) -> None:
    import json

    from radraft.core import canonical
    from radraft.vision_encoder.config import load_config
    from radraft.vision_encoder.weights import identity

    assert shipped.config_of(copy) == load_config()
    path = copy / IMAGE_FILE
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    even = load_config("radraft_cxr2")
    header["__metadata__"]["config"] = canonical.dumps(identity(even))
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    assert shipped.config_of(copy) == even
    assert shipped.encoder_id(copy).startswith("radraft_cxr2@")
    header["__metadata__"]["config"] = "another"
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(EncodingError, match="encoder_weights_invalid"):
        shipped.config_of(copy)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["missing", "cut", "another's"])
def test_a_damaged_image_tower_is_named(copy: Path, damage: str) -> None:
    path = copy / IMAGE_FILE
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-2])
    else:
        shutil.copy(copy / shipped.HEADS_FILE, path)
    with pytest.raises(EncodingError) as error:
        shipped.load_visual(copy)
    assert error.value.code == "encoder_weights_invalid"
    assert error.value.file == str(path)


@pytest.mark.slow
def test_both_towers_and_the_heads_fit_together() -> None:
    import torch

    model = shipped.load_model()
    heads = shipped.load_heads()
    visual = shipped.load_visual()
    state, alone = model.state_dict(), visual.state_dict()
    assert all(state[f"visual.{name}"].equal(value) for name, value in alone.items())
    assert {v.dtype for v in alone.values() if v.is_floating_point()} == {torch.float32}
    assert heads.dim == 1280 and "pneumonia_in_child" in heads.ids
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.slow
def test_similarity_is_the_cosine_of_open_clips_two_embeddings() -> None:
    import open_clip
    import torch

    model = shipped.load_model()
    sentences = ["右侧胸腔积液。", "No pleural effusion.", "Pneumothorax. " * 60]
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    tokens = open_clip.SimpleTokenizer(context_length=64)(sentences)
    with torch.inference_mode():
        image, text, _ = model(pixels, tokens)
    found = shipped.similarity(model, image.numpy(), sentences)
    assert found.shape == (2, 3) and np.abs(found).max() <= 1 + 1e-5
    np.testing.assert_allclose(found, (image @ text.T).numpy(), atol=1e-5)


@pytest.mark.slow
def test_each_edition_sees_by_its_own_config() -> None:
    """Tokens are of one form, so that projectors are; heads ask what the edition was taught."""
    from radraft.vision_encoder.encode import Encoder

    seen = {edition: Encoder.of(None, edition=edition) for edition in shipped.EDITIONS}
    names = {edition: encoder.encoder_id for edition, encoder in seen.items()}
    assert names == {
        edition: shipped.encoder_id(folder) for edition, folder in shipped.FOLDERS.items()
    }
    assert {name.partition("@")[0] for name in names.values()} == {"radraft_cxr", "radraft_cxr2"}
    assert len({(encoder.tokens_per_image, encoder.dim) for encoder in seen.values()}) == 1
    assert "covid" in seen[1].heads.ids and "covid" not in seen[2].heads.ids
    assert "lung_opacity" in seen[2].heads.ids
