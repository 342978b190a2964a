"""From past reports to a trained model by the commands of docs/training.md, over real films whose
reports were written from their own labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radraft.bench import archive_set
from radraft.finetune.train import dataset
from tests.scale import scaled

FILMS = Path(__file__).parents[2] / "../shared/data/cxr_nih14"

pytestmark = [pytest.mark.stress, pytest.mark.skipif(not FILMS.exists(), reason="no films here")]


def test_the_commands_lead_from_past_reports_to_a_trained_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = scaled(60, full=60)
    said = archive_set.measured(FILMS, count, tmp_path)
    (imported,) = said["archive import"]
    assert (imported["studies"], imported["kept"]) == (count, {"report": count})
    (exported,) = said["archive export"]
    assert exported["left_out"].keys() <= {
        "duplicate",
        "leaked",
        "leaked_text",
        "poor",
        "not_covered",
        "image: repeated",
        "impression: repeated",
        "translation: one_language",
        "prior: no_prior",
        "prior: leaked_prior",
        "prior: repeated",
    }
    written = [
        json.loads(line) for line in (tmp_path / "set.jsonl").read_text("utf-8").splitlines()
    ]
    kinds = {line["metadata"]["kind"] for line in written}
    assert {"image", "impression", "prior"} <= kinds
    assert exported["examples"] == len(written) and exported["without_embedding"] >= 0
    embedded = said["train embed, two processes"]
    assert sum(made["embedded_now"] for made in embedded) == embedded[0]["images"]
    assert embedded[0]["images"] == len({image for line in written for image in line["images"]})
    (trained,) = said["train language, 2 steps"]
    found = dataset.read(tmp_path / "embedded")
    assert trained["best_step"] == 2
    assert trained["pairs"]["train"] + trained["pairs"]["left_out"] == len(found.train)
    assert (tmp_path / "run" / "lora.safetensors").exists()
    assert "extrapolated, not measured" in capsys.readouterr().out
