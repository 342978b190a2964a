from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from radraft.core.errors import DraftingError
from radraft.core.settings import Settings
from radraft.llm import checkpoint, pins, vocabulary
from radraft.llm.lora import merge
from radraft.prompts.build import build
from radraft.prompts.clean import clean
from radraft.prompts.values import ImagePart
from radraft.vision_encoder.shipped import EDITIONS, Edition
from tests import children
from tests.builders import make_deid, make_images


@pytest.mark.slow
def test_the_joined_weights_are_the_pinned_ones(tmp_path: Path) -> None:
    checkpoint.join_gguf(tmp_path / "weights.gguf")
    assert (tmp_path / "weights.gguf").read_bytes()[:4] == b"GGUF"


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "GGUF_PARTS", checkpoint.GGUF_PARTS[:1])
    with pytest.raises(DraftingError) as caught:
        checkpoint.build(tmp_path)
    assert caught.value.code == "starter_corrupt"
    assert not list(tmp_path.glob("starter-*"))
    assert not list(tmp_path.glob("starter.partial-*"))


def test_missing_weights_say_how_to_install_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "GGUF_PARTS", (("no_such_package", "data/part00"),))
    with pytest.raises(DraftingError) as caught:
        checkpoint.build(tmp_path)
    assert caught.value.code == "starter_missing"
    assert "make install" in caught.value.message_en


def test_the_hash_names_what_goes_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = [(checkpoint.starter_hash(), checkpoint.base_hash())]
    assert {len(name) for name in seen[0]} == {16}
    shipped = pins.files()
    for part in ("lora", "lora_config", "projector"):
        changed = tmp_path / part
        changed.write_bytes(shipped[part].read_bytes() + b" ")
        monkeypatch.setattr(
            pins, "files", lambda edition=1, part=part, path=changed: shipped | {part: path}
        )
        seen.append((checkpoint.starter_hash(), checkpoint.base_hash()))
    # The base is made from neither LoRA nor projector.
    assert len({whole for whole, _ in seen}) == 4 and len({base for _, base in seen}) == 1
    monkeypatch.setattr(checkpoint, "GGUF_SHA256", "0" * 64)
    assert checkpoint.base_hash() != seen[0][1]
    assert checkpoint.starter_hash() not in {whole for whole, _ in seen}


def test_the_words_that_are_kept_are_named_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shipped, before = pins.files(2), checkpoint.starter_hash(2)
    whole = checkpoint.whole_starter_hash(2)
    assert checkpoint.whole_starter_hash(1) == checkpoint.starter_hash(1)
    other = tmp_path / "other"
    other.write_bytes(shipped["vocabulary"].read_bytes() + b" ")
    monkeypatch.setattr(pins, "files", lambda edition=1: shipped | {"vocabulary": other})
    assert len({checkpoint.starter_hash(2), before, whole}) == 3
    assert checkpoint.whole_starter_hash(2) == whole


def test_vllms_cache_has_room_for_an_image() -> None:
    tower = checkpoint.VISION_TOWER
    assert (tower["image_size"] // tower["patch_size"]) ** 2 >= checkpoint.TOKENS_PER_IMAGE


@pytest.fixture(scope="module")
def cache() -> Path:
    """The user's cache: there `make checkpoint` built the starter; vLLM and training load it."""
    return Settings().cache_dir


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_vllm_and_training_find_what_they_load(cache: Path) -> None:
    starter, base = checkpoint.build(cache), checkpoint.build_base(cache)
    assert starter == cache / f"starter-{checkpoint.starter_hash()}"
    assert base == cache / f"starter-base-{checkpoint.base_hash()}"
    assert_whole(starter, base)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_edition_with_fewer_words_has_their_rows_of_the_table(cache: Path) -> None:
    from safetensors import safe_open

    second, base = checkpoint.build(cache, edition=2), checkpoint.build_base(cache)
    kept = vocabulary.load(pins.files(2)["vocabulary"])
    with (
        safe_open(second / "model.safetensors", "pt") as fewer,
        safe_open(base / "model.safetensors", "pt") as all_of_them,
    ):
        rows = fewer.get_tensor(checkpoint.WORDS)
        assert rows.equal(all_of_them.get_tensor(checkpoint.WORDS)[kept])
    config = json.loads((second / "config.json").read_text())
    assert config["text_config"]["vocab_size"] == len(kept) == len(rows)
    assert_tokenizer(second, markers=100)
    assert_read_alike(second, base, kept)


def build_in_place(cache: Path, edition: Edition = 1) -> Path:
    """`checkpoint.build` in a process of its own, with a file in the place of the weights."""
    checkpoint._assemble = assemble_in_place
    return checkpoint.build(cache, edition=edition)


def assemble_in_place(folder: Path, report: checkpoint.Progress, edition: Edition | None) -> None:
    assert edition is not None
    (folder / f"{edition}-{os.getpid()}").touch()


@pytest.mark.slow
def test_two_processes_build_one_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "starter.partial-old").mkdir()
    folders = children.together(build_in_place, tmp_path, processes=2)
    assert folders == [tmp_path / f"starter-{checkpoint.starter_hash()}"] * 2
    assert sorted(item.name for item in tmp_path.iterdir()) == [folders[0].name, "starter.lock"]
    assert len(list(folders[0].iterdir())) == 1


@pytest.mark.slow
def test_two_editions_are_built_into_one_cache_at_once(tmp_path: Path) -> None:
    """Each process finds its own, whoever comes first; neither takes the other's for a leftover."""
    cache, other = tmp_path / "cache", tmp_path / "other"
    other.mkdir()
    for name in (*checkpoint.PARTS, "vocabulary"):
        (other / pins.files(2)[name].name).write_bytes(b"another")
    folders = children.together_each(build_edition, [(cache, each, other) for each in EDITIONS * 2])
    assert folders[:2] == folders[2:] and len(set(folders)) == len(EDITIONS)
    assert folders[0] == checkpoint.folder(cache, 1)
    names = {path.name for path in cache.iterdir()}
    assert names == {*(path.name for path in folders), "starter.lock"}
    for edition, built in zip(EDITIONS, folders, strict=False):
        (written,) = built.iterdir()
        assert written.name.startswith(f"{edition}-")


def build_edition(cache: Path, edition: Edition, other: Path) -> Path:
    """As above; the second edition's language model lies in `other`."""
    pins.STARTER = {**pins.STARTER, 2: other}
    return build_in_place(cache, edition)


def assert_whole(starter: Path, base: Path) -> None:
    config = json.loads((starter / "config.json").read_text())
    assert config["architectures"] == ["LlavaForConditionalGeneration"]
    assert config["image_token_index"] == checkpoint.IMAGE_TOKEN_ID
    assert config["text_config"]["hidden_size"] == checkpoint.WIDTH
    assert not (starter / "weights.gguf").exists()
    assert_names(starter)
    assert_tokenizer(starter)
    assert (base / "tokenizer.json").read_bytes() == (starter / "tokenizer.json").read_bytes()
    assert_merged(base, starter)


def assert_names(folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as tensors:
        names = set(tensors.keys())
        words = tensors.get_slice("model.language_model.embed_tokens.weight")
        assert words.get_shape() == [262144, checkpoint.WIDTH]
    heads = {".".join(name.split(".")[:2]) for name in names}
    assert heads == {
        "model.language_model",
        "vision_tower.vision_model",
        "multi_modal_projector.linear_1",
        "multi_modal_projector.linear_2",
    }


def assert_read_alike(fewer: Path, base: Path, kept: vocabulary.Kept) -> None:
    """A request, chat template and all, is the same tokens as over all of the base's words."""
    from transformers import AutoTokenizer

    request = build(
        make_deid(), make_images(make_deid().case_id), None, template="starter", adapter_id=None
    )
    asked = [
        {
            "role": message.role,
            "content": [
                {"type": "image"} if isinstance(part, ImagePart) else {"type": "text"} | vars(part)
                for part in message.parts
            ],
        }
        for message in request.messages
    ]
    small, whole = (AutoTokenizer.from_pretrained(folder) for folder in (fewer, base))
    text = whole.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert "CR chest" in text and text.count(checkpoint.IMAGE_TOKEN) == 1
    read = small(text, add_special_tokens=False).input_ids
    assert [int(kept[word]) for word in read] == whole(text, add_special_tokens=False).input_ids


def assert_merged(base: Path, starter: Path) -> None:
    """The two differ by the shipped LoRA and by nothing else."""
    from safetensors.torch import load_file

    tensors = load_file(base / "model.safetensors")
    shipped = pins.files()
    merge(tensors, shipped["lora"], shipped["lora_config"], prefix=checkpoint.LANGUAGE)
    found = load_file(starter / "model.safetensors")
    assert found.keys() == tensors.keys()
    assert all(found[name].equal(value) for name, value in tensors.items())


def assert_tokenizer(folder: Path, *, markers: int = 6000) -> None:
    """It begins with <bos>, and no cleaned text can become one of its special tokens."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer("肺").input_ids[0] == tokenizer.bos_token_id == 2
    assert tokenizer(checkpoint.IMAGE_TOKEN).input_ids == [2, checkpoint.IMAGE_TOKEN_ID]
    added = tokenizer.added_tokens_decoder
    special = {number for number, token in added.items() if token.special or number < 10}
    contents = [added[number].content for number in sorted(special)]
    assert len(contents) > markers
    cleaned = tokenizer([clean(f"咳{marker}嗽") for marker in contents], add_special_tokens=False)
    assert not special & {number for ids in cleaned.input_ids for number in ids}
    user = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "CR"}]}]
    text = tokenizer.apply_chat_template(user, add_generation_prompt=True, tokenize=False)
    assert text == "<bos>### Study\n<unused0>CR\n### Report\n"
