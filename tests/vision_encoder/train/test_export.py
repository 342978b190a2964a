from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from radraft.core.errors import TrainingError
from radraft.core.file_hash import file_sha256
from radraft.core.run_folder import CHECKPOINT
from radraft.vision_encoder import weights
from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.train import model
from radraft.vision_encoder.train.data import Images
from radraft.vision_encoder.train.export import export
from radraft.vision_encoder.train.run import train
from tests.vision_encoder.train import builders

if TYPE_CHECKING:
    import torch

PLAN = builders.recipe(steps=2)


@pytest.fixture(scope="module")
def run(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(builders.model(), images, PLAN, builders.config(), folder, seed=0)
    return folder


def net_of(folder: Path) -> torch.nn.ModuleDict:
    """The averaged weights of a run as they were trained."""
    import torch

    net = model.build(builders.model(), PLAN)
    net.load_state_dict(torch.load(folder / CHECKPOINT, weights_only=True)["averaged"])
    return net.eval()


@pytest.mark.slow
def test_what_was_exported_computes_the_same(run: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    exported = export(run, PLAN, builders.config(), tmp_path / "export")
    image, text = (
        {n: v.float() if v.is_floating_point() else v for n, v in load_file(path).items()}
        for path in (tmp_path / "export" / weights.IMAGE_FILE, exported.folder / weights.TEXT_FILE)
    )
    clip = weights.model_of(builders.config(), image, text)
    heads = Heads.load(exported.folder / "heads.safetensors")
    assert heads.ids == PLAN.head_ids

    net = net_of(run)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    words = torch.randint(1, 1000, (2, 16), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        logits, embedded = model.see(net, pixels)
        tokens = clip.visual.trunk.forward_features(pixels)  # type: ignore[operator, union-attr]
        found = clip.encode_image(pixels, normalize=True)  # type: ignore[operator]
        read = clip.encode_text(words, normalize=True)  # type: ignore[operator]
        expected = net["clip"].encode_text(words, normalize=True)  # type: ignore[operator]
    torch.testing.assert_close(found, embedded, atol=5e-3, rtol=0)
    torch.testing.assert_close(read, expected, atol=5e-3, rtol=0)
    for one, answer in zip(tokens.flatten(2).transpose(1, 2).numpy(), logits.numpy(), strict=True):
        np.testing.assert_allclose(heads.logits(one), answer, atol=5e-3)


def test_names_types_and_metadata(run: Path, tmp_path: Path) -> None:
    import torch
    from safetensors import safe_open

    exported = export(run, PLAN, builders.config(), tmp_path / "export")
    assert set(exported.sha256) == {
        "encoder.safetensors", "text.safetensors", "heads.safetensors"
    }  # fmt: skip
    initial = dict(
        zip(("encoder", "text"), weights.initial_state(builders.config(), trunk()), strict=True)
    )
    for name, about in (("encoder", {"config"}), ("text", set()), ("heads", {"heads"})):
        with safe_open(exported.folder / f"{name}.safetensors", "pt") as file:
            assert set(file.metadata() or {}) == about
            values = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if name in initial:
            shapes = {key: value.shape for key, value in initial[name].items()}
            assert {key: value.shape for key, value in values.items()} == shapes
        for key, value in values.items():
            counter = key.endswith("num_batches_tracked")
            assert value.dtype == (torch.int64 if counter else torch.float16), key
    with safe_open(exported.folder / "heads.safetensors", "np") as file:
        assert json.loads(file.metadata()["heads"]) == list(builders.HEADS)


def trunk() -> dict[str, torch.Tensor]:
    import timm

    state: dict[str, torch.Tensor] = timm.create_model("test_efficientnet").state_dict()
    return state


def test_the_same_weights_give_the_same_bytes(run: Path, tmp_path: Path) -> None:
    one = export(run, PLAN, builders.config(), tmp_path / "one")
    two = export(run, PLAN, builders.config(), tmp_path / "two")
    assert one.sha256 == two.sha256
    for name, sha in one.sha256.items():
        assert file_sha256(one.folder / name) == sha


def test_an_older_export_is_replaced_whole(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "old.safetensors").write_bytes(b"old")
    export(run, PLAN, builders.config(), folder)
    assert {path.name for path in folder.iterdir()} == {
        "encoder.safetensors", "text.safetensors", "heads.safetensors"
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_an_unfinished_run_gives_nothing(run: Path, tmp_path: Path) -> None:
    for folder, plan in ((tmp_path, PLAN), (run, builders.recipe(steps=3))):
        with pytest.raises(TrainingError) as caught:
            export(folder, plan, builders.config(), tmp_path / "export")
        assert caught.value.code == "training_run_unfinished"
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("value", [float("nan"), 1e5])
def test_a_weight_that_is_no_usable_number_is_refused(
    run: Path, tmp_path: Path, value: float
) -> None:
    import torch

    state = torch.load(run / CHECKPOINT, weights_only=True)
    state["averaged"]["head.bias"][1] = value
    torch.save(state, tmp_path / CHECKPOINT)
    with pytest.raises(TrainingError) as caught:
        export(tmp_path, PLAN, builders.config(), tmp_path / "export")
    assert caught.value.code == "training_diverged"
    assert "head.bias" in caught.value.message_en
