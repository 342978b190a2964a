"""`train embed`: killed at any moment, shared by processes, no image twice, whole files or none."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from radraft.core.errors import TrainingError
from radraft.finetune.train import dataset
from radraft.finetune.train.embedding import BATCH, embed
from radraft.finetune.train.text import EncodedFile
from radraft.finetune.train.values import Encoded
from tests.finetune.train.embedding_process import SHAPE, Encoder

COUNT = 5 * BATCH + 3


def line(images: list[str], split: str = "train", text: str = "{}") -> str:
    content = [*({"type": "image"} for _ in images), {"type": "text", "text": "CR"}]
    messages = [
        {"role": "user", "content": content},
        {"role": "assistant", "content": [{"type": "text", "text": text}]},
    ]
    return json.dumps({"messages": messages, "images": images, "metadata": {"split": split}}) + "\n"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Pairs of films that are each of one gray, one shown twice, and one pair of text alone."""
    folder = tmp_path / "set.images"
    folder.mkdir()
    for gray in range(COUNT):
        Image.fromarray(np.full((8, 8), gray, np.uint8)).save(folder / f"{gray}.png")
    path = tmp_path / "set.jsonl"
    names = [f"set.images/{gray}.png" for gray in range(COUNT)]
    text = "".join(line([name]) for name in names) + line(names[:2], "valid") + line([], text="[]")
    path.write_text(text, encoding="utf-8")
    return path


def started(
    pairs: Path, folder: Path, seen: Path, *more: str, **options: Any
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.finetune.train.embedding_process"]
    return subprocess.Popen(
        [*command, str(pairs), str(folder), str(seen), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        **options,
    )


def shown(seen: Path) -> Counter[int]:
    return Counter(map(int, seen.read_text("utf-8").split())) if seen.exists() else Counter()


def whole(folder: Path) -> None:
    found = dataset.read(folder)
    assert found.encoder_id == Encoder.encoder_id
    assert (len(found.train), len(found.held_out)) == (COUNT + 1, 1)
    for gray in range(COUNT):
        tokens = found.tokens(f"set.images/{gray}.png")
        assert tokens.shape == SHAPE and (tokens == gray).all()
    assert found.train[-1].images == () and found.train[COUNT].chosen == "[]"
    assert [one.images for one in found.train[:2]] == [one.images for one in found.train][:2]


def test_two_processes_share_the_work_and_no_image_is_embedded_twice(
    pairs: Path, tmp_path: Path
) -> None:
    folder, seen = tmp_path / "embedded", tmp_path / "seen"
    children = [started(pairs, folder, seen) for _ in range(2)]
    said = [child.communicate() for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    counts = [tuple(map(int, out.split())) for out, _ in said]
    assert {count[:2] for count in counts} == {(COUNT, COUNT)}
    assert sum(count[2] for count in counts) == COUNT
    assert shown(seen) == Counter(range(COUNT))
    whole(folder)
    # A call more has nothing to do.
    again = embed(pairs, cast(Any, Encoder(seen)), folder, lambda far: None)
    assert (again.done, again.own) == (COUNT, 0)
    assert shown(seen) == Counter(range(COUNT))


def test_killed_it_leaves_no_half_file_and_goes_on(pairs: Path, tmp_path: Path) -> None:
    folder, seen = tmp_path / "embedded", tmp_path / "seen"
    child = started(pairs, folder, seen, "2")
    assert child.stdout is not None and child.stdout.readline() == "waiting\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == []
    with pytest.raises(TrainingError, match="training_data_missing"):
        dataset.read(folder)
    made = embed(pairs, cast(Any, Encoder(seen)), folder, lambda far: None)
    assert (made.done, made.own) == (COUNT, COUNT - 2 * BATCH)
    # Of what was done before, nothing again; of what it was killed at, all of it.
    again = range(2 * BATCH, 3 * BATCH)
    assert shown(seen) == Counter([*range(COUNT), *again])
    whole(folder)


def test_what_a_killed_process_had_is_taken_over_by_one_that_waits(
    pairs: Path, tmp_path: Path
) -> None:
    folder, seen = tmp_path / "embedded", tmp_path / "seen"
    first = started(pairs, folder, tmp_path / "first", "1")
    assert first.stdout is not None and first.stdout.readline() == "waiting\n"
    second = started(pairs, folder, seen)
    first.kill()
    first.communicate()
    out, _ = second.communicate()
    assert out == f"{COUNT} {COUNT} {COUNT - BATCH}\n"
    assert shown(seen) == Counter(range(BATCH, COUNT))
    whole(folder)


def test_a_disk_without_room_is_said_before_anything_is_embedded(
    pairs: Path, tmp_path: Path
) -> None:
    folder, seen = tmp_path / "embedded", tmp_path / "seen"
    size = 2 * COUNT * SHAPE[0] * SHAPE[1]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    child = started(pairs, folder, seen, preexec_fn=limited)
    _, error = child.communicate()
    assert child.returncode == 1 and "OSError" in error
    assert shown(seen) == Counter()
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == []
    embed(pairs, cast(Any, Encoder(seen)), folder, lambda far: None)
    whole(folder)


def test_another_set_or_a_strange_folder_is_refused(pairs: Path, tmp_path: Path) -> None:
    encoder = cast(Any, Encoder(tmp_path / "seen"))
    embed(pairs, encoder, tmp_path / "embedded", lambda far: None)
    pairs.write_text(pairs.read_text("utf-8") + line([]), encoding="utf-8")
    with pytest.raises(TrainingError, match="training_run_differs") as caught:
        embed(pairs, encoder, tmp_path / "embedded", lambda far: None)
    assert caught.value.details["fields"] == "pairs"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").touch()
    with pytest.raises(TrainingError, match="training_run_differs"):
        embed(pairs, encoder, tmp_path / "mine", lambda far: None)


def test_a_picture_that_is_gone_is_named_before_any_is_embedded(
    pairs: Path, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    (tmp_path / "set.images" / f"{COUNT - 1}.png").unlink()
    with pytest.raises(TrainingError, match="training_picture_invalid") as caught:
        embed(pairs, cast(Any, Encoder(seen)), tmp_path / "embedded", lambda far: None)
    assert caught.value.details["path"] == f"set.images/{COUNT - 1}.png"
    assert shown(seen) == Counter()


def test_progress_says_how_long_it_takes(pairs: Path, tmp_path: Path) -> None:
    states = []
    began = time.monotonic()
    embed(pairs, cast(Any, Encoder(tmp_path / "seen")), tmp_path / "embedded", states.append)
    assert [state.done for state in states] == [*range(BATCH, COUNT, BATCH), COUNT]
    assert 0 < states[-1].seconds * COUNT <= time.monotonic() - began


def test_encoded_examples_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    kept = EncodedFile(tmp_path)
    examples = [
        Encoded((1, 2, 70000), ("a", "b"), (3,), (4, 5)),
        Encoded((), (), (6,), None),
        Encoded((7,), ("c",), (8, 9), ()),
    ]
    for example in examples:
        kept.add(example)
    assert list(kept) == examples and kept[-1] == examples[2] and kept[:2] == examples[:2]
    with pytest.raises(IndexError):
        kept[3]
    assert list(tmp_path.iterdir()) == []
