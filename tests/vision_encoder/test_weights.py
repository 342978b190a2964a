from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps

from radraft.core.errors import EncodingError
from radraft.core.file_hash import file_sha256
from radraft.vision_encoder import weights
from radraft.vision_encoder.config import EncoderConfig, load_config

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    import torch


def test_everything_but_the_trunk_is_drawn_from_its_name(tiny_config: EncoderConfig) -> None:
    import timm

    trunk = timm.create_model("test_efficientnet", pretrained=False).state_dict()
    image, text = weights.initial_state(tiny_config, trunk)
    again, text_again = weights.initial_state(tiny_config, trunk)
    for one, other in ((image, again), (text, text_again)):
        assert one.keys() == other.keys()
        assert all(one[name].equal(other[name]) for name in one)
    assert {n for n in image if not n.startswith("trunk.")} == {"head.proj.weight"}
    assert not any(name.startswith("visual.") for name in text)
    head = image["head.proj.weight"]
    assert head.std().item() == pytest.approx(head.shape[1] ** -0.5, rel=0.1)
    biases = [value for name, value in text.items() if name.endswith("bias")]
    assert biases and all((value == 0).all() for value in biases)


def test_a_trunk_with_a_missing_extra_or_misshapen_weight_is_refused(
    tiny_config: EncoderConfig,
) -> None:
    import timm

    trunk = dict(timm.create_model("test_efficientnet", pretrained=False).state_dict())
    name = "conv_stem.weight"
    missing = {n: v for n, v in trunk.items() if n != name}
    for broken in (missing, trunk | {"extra": trunk[name]}, trunk | {name: trunk[name][:1]}):
        with pytest.raises(EncodingError) as error:
            weights.initial_state(tiny_config, broken)
        assert error.value.code == "encoder_trunk_mismatch"


def test_an_unknown_source_name_is_an_error() -> None:
    assert weights.trunk_names(["_blocks.3._bn0.weight"]) == {
        "_blocks.3._bn0.weight": "blocks.2.0.bn1.weight"
    }
    with pytest.raises(KeyError):
        weights.trunk_names(["_se_reduce.weight"])


def test_build_is_whole_idempotent_and_repairs_itself(real_cache: Path) -> None:
    folder = weights.build(real_cache)
    before = {p.name: (p.stat().st_mtime_ns, file_sha256(p)) for p in folder.iterdir()}
    assert weights.build(real_cache) == folder
    assert {p.name: (p.stat().st_mtime_ns, file_sha256(p)) for p in folder.iterdir()} == before
    # The identity that every stored embedding carries.
    assert before["encoder.safetensors"][1].startswith("89acaa57a8b1f7e7")

    image = folder / weights.IMAGE_FILE
    image.write_bytes(image.read_bytes()[:-1] + b"\0")
    assert not weights.is_whole(folder)
    assert weights.build(real_cache) == folder
    assert file_sha256(image) == before["encoder.safetensors"][1]
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".building")] == []


def test_two_processes_build_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from radraft.vision_encoder import weights;"
        "folder = weights.build(Path(sys.argv[1])); print(folder, weights.is_whole(folder))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(answers) == 1 and answers.pop().strip().endswith("True")


def test_the_trunk_computes_what_the_package_defines(real_cache: Path) -> None:
    import torch

    visual = weights.load_visual(weights.build(real_cache))
    pixels = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(3)) * 2 - 1
    source = torch.load(weights._source_path(), weights_only=True)
    with torch.inference_mode():
        found = visual.trunk.forward_features(pixels)  # type: ignore[operator, union-attr]
        expected = lite0_features(source, pixels)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("photo", "label"), [("lion.jpg", 291), ("cheetah.jpg", 293)])
def test_the_weights_still_know_photographs(photo: str, label: int) -> None:
    """With the config's own normalisation; the photographs come with gradio."""
    import timm
    import torch

    spec = find_spec("gradio")
    if spec is None or spec.origin is None:
        pytest.skip("gradio is not installed")
    config = load_config()
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    model.load_state_dict(weights.source_state())
    path = Path(spec.origin).parent / "media_assets" / "images" / photo
    with Image.open(path) as opened:
        pixels = np.asarray(ImageOps.fit(opened.convert("RGB"), (256, 256)))
    scaled = (pixels / 255 - np.array(config.mean)) / np.array(config.std)
    batch = torch.from_numpy(scaled.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        probabilities = model(batch).softmax(-1)[0]
    assert int(probabilities.argmax()) == label
    assert float(probabilities[label]) > 0.5


def test_the_whole_model_reads_both_languages_without_network(real_cache: Path) -> None:
    import open_clip
    import torch

    model = weights.load_model(weights.build(real_cache))
    tokenizer = open_clip.SimpleTokenizer(context_length=64)
    tokens = tokenizer(["双肺纹理清晰，心影不大。", "The heart is not enlarged."])
    with torch.inference_mode():
        text = model.encode_text(tokens)  # type: ignore[operator]
    assert text.shape == (2, 256) and bool(torch.isfinite(text).all())
    assert not text[0].equal(text[1])


def lite0_features(source: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """EfficientNet-Lite0 up to its last ReLU6, straight from the package's tensors.

    Block kernel sizes and strides: Tan and Le 2019, table 1; TensorFlow's SAME padding and its
    batch-norm epsilon of 0.001.
    """
    import torch
    import torch.nn.functional as F

    def conv(name: str, x: torch.Tensor, stride: int = 1, depthwise: bool = False) -> torch.Tensor:
        weight = source[f"{name}.weight"]
        kernel = weight.shape[-1]
        total = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
        top, left = total[0] // 2, total[1] // 2
        padded = F.pad(x, (left, total[1] - left, top, total[0] - top))
        return F.conv2d(padded, weight, stride=stride, groups=len(weight) if depthwise else 1)

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        mean, var = source[f"{name}.running_mean"], source[f"{name}.running_var"]
        scale = source[f"{name}.weight"] / torch.sqrt(var + 1e-3)
        shift = source[f"{name}.bias"] - mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def relu6(x: torch.Tensor) -> torch.Tensor:
        return x.clamp(0, 6)

    x = relu6(norm("_bn0", conv("_conv_stem", x, stride=2)))
    index = 0
    for repeats, first_stride in zip(weights.BLOCKS_PER_STAGE, (1, 2, 2, 2, 1, 2, 1), strict=True):
        for repeat in range(repeats):
            block, inputs = f"_blocks.{index}", x
            stride = first_stride if repeat == 0 else 1
            if f"{block}._expand_conv.weight" in source:
                x = relu6(norm(f"{block}._bn0", conv(f"{block}._expand_conv", x)))
            x = conv(f"{block}._depthwise_conv", x, stride, depthwise=True)
            x = relu6(norm(f"{block}._bn1", x))
            x = norm(f"{block}._bn2", conv(f"{block}._project_conv", x))
            if x.shape == inputs.shape:
                x = x + inputs
            index += 1
    return relu6(norm("_bn1", conv("_conv_head", x)))
