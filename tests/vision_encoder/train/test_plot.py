from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from radraft.vision_encoder.train.plot import loss_svg


def write_log(path: Path, steps: int, valid_every: int) -> Path:
    lines = []
    for step in range(1, steps + 1):
        line: dict[str, object] = {"step": step, "label": 1 / step, "contrast": 2 / step}
        if step % valid_every == 0:
            line["valid"] = {"films/a": 0.5, "films/b": 0.7, "screening/c": 0.9}
        lines.append(json.dumps(line))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "valid_every"), [(1, 5), (3, 2), (300, 100)])
def test_a_run_of_any_length_is_drawn(tmp_path: Path, steps: int, valid_every: int) -> None:
    write_log(tmp_path / "log.jsonl", steps, valid_every)
    svg = loss_svg(tmp_path)
    ElementTree.fromstring(svg)
    assert "label" in svg and "contrast" in svg
    assert ("films" in svg and "screening" in svg) == (steps >= valid_every)
    assert loss_svg(tmp_path) == svg
