"""`radraft profile check`: one page of what fits and what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from radraft.core.errors import SettingsError
from radraft.core.settings import Settings
from radraft.llm.profile_check import facts, image_tokens, memory
from radraft.llm.profile_check.check import check, room, serves
from radraft.llm.profile_check.values import CheckedPart, Fit, ModelFacts, Part
from radraft.llm.profiles import load_profile, names
from radraft.studies._limits import MAX_IMAGE_SIDE
from tests.cli.test_commands import answer, radraft
from tests.embeds_model import build_all, build_base
from tests.llm.tiny_vlm import build_tiny_vlm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def embeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_all(tmp_path_factory.mktemp("embeds"))


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pixels")
    build_tiny_vlm(folder)
    return folder / "profile.yaml"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")


def examine(path: Path, settings: Settings) -> dict[Part, CheckedPart]:
    """The last that was found of each part."""
    return {part.part: part for part in check(load_profile(str(path)), settings)}


def copied(profile: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    """The profile and its parts in a folder of their own, its text changed."""
    shutil.copytree(profile.parent, folder)
    path = folder / profile.name
    text = path.read_text("utf-8").replace(str(profile.parent), str(folder))
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_native_model_that_is_all_there_can_serve(pixels: Path, settings: Settings) -> None:
    found = examine(pixels, settings)
    assert {part for part, one in found.items() if one.fit is Fit.MISSING} == set()
    assert found[Part.CHAT_TEMPLATE].code == "profile_chat_model"
    # 112 x 112 pixels at most, a token for 28 x 28.
    assert found[Part.IMAGE_TOKENS].details == {"tokens": 16}
    assert found[Part.CONTEXT].details["each"] == 16
    assert found[Part.LICENCE].fit is Fit.UNSURE


def test_memory_is_that_of_every_tensor_and_of_keys_and_values(
    embeds: Path, settings: Settings
) -> None:
    from safetensors import safe_open

    count = 0
    for file in (embeds.parent / "base").glob("*.safetensors"):
        with safe_open(file, "numpy") as tensors:
            count += sum(tensors.get_tensor(name).size for name in tensors.keys())  # noqa: SIM118
    profile = load_profile(str(embeds))
    need = memory.needed(facts.read(embeds.parent / "base"), profile.vllm, 1024)
    # float32; two layers of one head of 32 for keys and for values.
    assert need.weights == 4 * count
    assert need.cache_token == 4 * 2 * 2 * 1 * 32
    assert (need.cache_least, need.cache_most) == (1024 * need.cache_token, 2048 * need.cache_token)


def test_an_embeds_profile_says_its_parts_and_that_nothing_was_trained(
    embeds: Path, settings: Settings
) -> None:
    found = examine(embeds, settings)
    assert [p for p, one in found.items() if one.fit is Fit.MISSING] == [Part.PROJECTOR]
    assert found[Part.PROJECTOR].code == "profile_untrained"
    assert found[Part.IMAGE_TOKENS].details["token"] == "<|image_pad|>"
    assert found[Part.ENCODER].details["resize"] == "squash"
    assert found[Part.ENCODER].details["mean"] == "0.4,0.4,0.4"
    assert not serves(tuple(found.values()))


@pytest.mark.parametrize(
    ("old", "new", "part", "code"),
    [
        ("context_tokens: 1024", "context_tokens: 4096", Part.CONTEXT, "profile_context_too_long"),
        (
            "sampling: {max_tokens: 256}",
            "sampling: {max_tokens: 1000}",
            Part.CONTEXT,
            "profile_context_too_short",
        ),
        ("projector: {parts: ", "projector: {image_token: '<none>', parts: ",
         Part.IMAGE_TOKENS, "base_image_token_missing"),
        ("q_proj, v_proj", "q_proj, nothing", Part.ADAPTERS, "profile_lora_target_unknown"),
        ("template: prompt.yaml", "template: none.yaml", Part.CONTEXT, "template_not_found"),
        ("{folder: encoder}", "{folder: nowhere}", Part.ENCODER, "encoder_not_here"),
        (
            "{kind: path, path: ",
            "{kind: path, content: '0000000000000000', path: ",
            Part.WEIGHTS,
            "checkpoint_changed",
        ),
    ],
)  # fmt: skip
def test_each_thing_that_does_not_fit_has_its_code(
    embeds: Path, settings: Settings, tmp_path: Path, old: str, new: str, part: Part, code: str
) -> None:
    found = examine(copied(embeds, tmp_path / "own", (old, new)), settings)
    assert (found[part].fit, found[part].code) == (Fit.MISSING, code)


@pytest.mark.parametrize(
    ("targets", "architecture", "expected"),
    [
        ("[q_proj, vision.qkv, connector.mlp.2]", None, (Fit.FITS, "profile_adapters")),
        ("[q_proj, vision.q_proj]", None, (Fit.MISSING, "profile_layers_unserved")),
        ("[q_proj]", "LlavaOnevisionForConditionalGeneration",
         (Fit.UNSURE, "profile_adapters_unserved")),
    ],
)  # fmt: skip
def test_layers_that_vllm_would_leave_out_are_said(
    pixels: Path,
    settings: Settings,
    tmp_path: Path,
    targets: str,
    architecture: str | None,
    expected: tuple[Fit, str],
) -> None:
    folder = shutil.copytree(pixels.parent, tmp_path / "model")
    text = pixels.read_text("utf-8").replace(str(pixels.parent), str(folder))
    own = folder / pixels.name
    own.write_text(f"{text}lora_targets: {targets}\n", encoding="utf-8")
    if architecture is not None:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        config["architectures"] = [architecture]
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = examine(own, settings)
    assert (found[Part.ADAPTERS].fit, found[Part.ADAPTERS].code) == expected


def test_weights_that_are_cut_off_or_not_there_are_said(
    embeds: Path, settings: Settings, tmp_path: Path
) -> None:
    path = copied(embeds, tmp_path / "own")
    shard = sorted((tmp_path / "own" / "base").glob("*.safetensors"))[0]
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    found = examine(path, settings)[Part.WEIGHTS]
    assert (found.code, found.details["missing"]) == ("checkpoint_incomplete", shard.name)
    shard.unlink()
    found = examine(path, settings)[Part.WEIGHTS]
    assert (found.code, found.details["missing"]) == ("checkpoint_incomplete", shard.name)
    for file in (tmp_path / "own" / "base").glob("*.safetensors"):
        file.unlink()
    assert examine(path, settings)[Part.WEIGHTS].details["missing"] == "*.safetensors"
    (tmp_path / "own" / "base" / "config.json").write_text("{")
    assert examine(path, settings)[Part.WEIGHTS].code == "profile_config_unreadable"


def test_a_base_without_a_chat_template_is_said(
    embeds: Path, settings: Settings, tmp_path: Path
) -> None:
    path = copied(embeds, tmp_path / "own")
    shutil.rmtree(tmp_path / "own" / "base")
    build_base(tmp_path / "own" / "base", chat_template=None)
    assert examine(path, settings)[Part.CHAT_TEMPLATE].code == "base_without_chat_template"


def test_a_hubs_model_is_missing_and_its_published_figures_are_told(
    embeds: Path, settings: Settings, tmp_path: Path
) -> None:
    hub = "{kind: hub, id: nobody/nothing, revision: '" + "0" * 40 + "'}"
    base = "{kind: path, path: " + str(tmp_path / "own" / "base") + "}"
    published = (
        "published: {source: 'https://example.org/config.json', parameters: 8.0, layers: 36,"
        " kv_heads: 8, head_dim: 128, context_tokens: 40960}\ntemplate: prompt.yaml"
    )
    path = copied(
        embeds, tmp_path / "own", (base, hub), ("template: prompt.yaml", published),
        ("dtype: float32", "dtype: bfloat16"),
    )  # fmt: skip
    parts = check(load_profile(str(path)), settings)
    told = {part.code: part for part in parts}
    assert told["checkpoint_not_here"].part is Part.WEIGHTS
    # Two bytes for each of 8 billion numbers; 2 x 36 x 8 x 128 of them for a token.
    assert told["profile_memory"].details["weights"] == round(16e9 / 2**30, 2)
    assert told["profile_memory"].details["kib"] == 144.0
    assert told["profile_memory_published"].fit is Fit.UNSURE
    assert len([part for part in parts if part.code == "checkpoint_not_here"]) == 1


def test_the_command_prints_a_page_in_both_languages_and_exits_by_it(
    embeds: Path, pixels: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    good = radraft(home, "profile", "check", pixels)
    assert good.returncode == 0
    assert good.stdout.endswith("It can serve.\n")
    bad = radraft(home, "profile", "check", embeds, "--lang", "zh")
    assert bad.returncode == 1
    assert "[profile_untrained]" in bad.stdout and "不能使用" in bad.stdout
    value: dict[str, Any] = answer(home, "profile", "check", embeds, code=1)
    assert value["serves"] is False
    assert {part["part"] for part in value["parts"]} >= {"weights", "memory", "context"}
    assert all(part["zh"] and part["en"] for part in value["parts"])
    assert json.dumps(value)


def test_a_profile_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("name: [")
    value = answer(tmp_path / "home", "profile", "check", tmp_path / "odd.yaml", code=1)
    assert value["error"]["code"] == "profile_invalid"


SMALL = {"vision_config": {"patch_size": 14, "image_size": 336, "spatial_merge_size": 2}}


@pytest.mark.parametrize(
    ("config", "processor", "tokens"),
    [
        # 2048 pixels in squares of 28, or as many as the processor lets.
        ({"model_type": "qwen2_5_vl"}, {}, 5329),
        ({"model_type": "qwen2_5_vl"}, {"max_pixels": 784000}, 1000),
        (
            {"model_type": "qwen3_vl", "vision_config": {"patch_size": 16}},
            {"size": {"longest_edge": 16777216, "shortest_edge": 65536}},
            4096,
        ),
        ({"model_type": "gemma3", "mm_tokens_per_image": 256}, {}, 256),
        ({"model_type": "internvl", "image_seq_length": 256}, {"max_patches": 6}, 7 * 256),
        ({"model_type": "llava"}, {}, 576),
        ({"model_type": "llava", "vision_config": {"patch_size": 0}}, {}, None),
        ({"model_type": "something_new"}, {}, None),
    ],
)
def test_tokens_of_an_image_are_those_of_the_models_kind(
    tmp_path: Path, config: dict[str, Any], processor: dict[str, Any], tokens: int | None
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    facts = ModelFacts(2, 2, 16, 1024, 1.0, 4, config=SMALL | config, folder=tmp_path)
    assert image_tokens.most(facts) == tokens
    assert image_tokens.LONGEST_SIDE == MAX_IMAGE_SIDE


@pytest.mark.parametrize(
    ("machine", "cache_gib", "code"),
    [
        (memory.Machine(gpu=24 << 30, main=1), 8, "profile_memory_gpu"),
        (memory.Machine(gpu=16 << 30, main=1 << 40), 8, "profile_memory_gpu_short"),
        (memory.Machine(gpu=None, main=32 << 30), 8, "profile_memory_main"),
        (memory.Machine(gpu=None, main=20 << 30), 8, "profile_memory_short"),
        (memory.Machine(gpu=None, main=32 << 30), 1, "profile_memory_cache_short"),
    ],
)
def test_a_machine_too_small_for_a_model_is_said(
    machine: memory.Machine, cache_gib: int, code: str
) -> None:
    # Of the published figures of an 8B model: 15.3 GiB and 144 KiB a token.
    profile = load_profile("qwen3-8b-embeds")
    assert profile.published is not None
    engine = profile.vllm.model_copy(update={"cpu_kv_cache_gib": cache_gib})
    profile = profile.model_copy(update={"vllm": engine, "context_tokens": 8192})
    need = memory.needed(facts.of_published(profile.published), engine, profile.context_tokens)
    try:
        found = room(need, machine, profile).code
    except SettingsError as error:
        found = error.code
    assert found == code


def test_the_ready_profiles_fit_their_models_context(settings: Settings) -> None:
    """Told from published figures, with the most tokens that an image takes where it is known."""
    for name in names():
        codes = {part.code for part in check(load_profile(name), settings)}
        assert not codes & {"profile_context_too_long", "profile_context_too_short"}, name
        assert not codes & {"profile_languages_prompt", "template_without_priors"}, name
