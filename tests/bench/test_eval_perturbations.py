"""Errors put into reports on purpose: each is what it is called, and the table is true."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from radraft.bench import eval_perturbations as bench
from radraft.reports.values import LANGS, Lang

REPORTS: dict[Lang, str] = {
    "en": "Left pleural effusion. Right rib fracture. Heart size is normal.",
    "zh": "左侧胸腔积液。右侧肋骨骨折。心影大小正常。",
}
OTHERS: dict[Lang, tuple[str, ...]] = {
    "en": (
        "Consolidation in the right lower lobe. No pneumothorax.",
        "Left lung nodule. Heart size is normal.",
    ),
    "zh": ("右下肺实变。未见气胸。", "左肺结节。心影大小正常。"),
}


@pytest.mark.parametrize(
    ("lang", "side", "negation", "synonym"),
    [
        (
            "en",
            "Right pleural effusion. Right rib fracture. Heart size is normal.",
            "No pleural effusion. Right rib fracture. Heart size is normal.",
            "Left pleural fluid. Right rib fracture. Heart size is normal.",
        ),
        (
            "zh",
            "右侧胸腔积液。右侧肋骨骨折。心影大小正常。",
            "未见胸腔积液。 右侧肋骨骨折。心影大小正常。",
            "左侧胸膜腔积液。右侧肋骨骨质断裂。心影大小正常。",
        ),
    ],
)
def test_one_finding_is_changed(lang: Lang, side: str, negation: str, synonym: str) -> None:
    text = REPORTS[lang]
    code = bench.one_sided(text, lang)
    assert code == "pleural_effusion"
    assert bench.flipped(text, code, lang) == side
    assert bench.denied(text, code, lang) == negation
    assert bench.reworded(text, lang) == synonym


@pytest.mark.parametrize("lang", LANGS)
def test_the_score_falls_from_row_to_row(lang: Lang) -> None:
    found = bench.rows([REPORTS[lang], *OTHERS[lang]], lang)
    assert [row.name for row in found] == list(bench.CHAIN)
    means = [row.scores.mean() for row in found]
    assert means[0] > 0.9
    assert means == sorted(means, reverse=True)


def test_what_is_known_is_not_invented() -> None:
    assert "tension" in bench.invention(REPORTS["en"], "en")
    assert "diaphragm" in bench.invention("No pneumothorax.", "en")


def test_reports_with_a_prior_or_without_a_side_are_left_out() -> None:
    assert bench.one_sided("Left pleural effusion, unchanged.", "en") is None
    assert bench.one_sided("Cardiomegaly.", "en") is None


def test_a_missed_critical_finding_has_its_own_row() -> None:
    row = bench.missed_row(["Left pneumothorax. Cardiomegaly.", "Cardiomegaly."], "en")
    assert row is not None
    assert len(row.scores) == 1
    assert row.scores[0] < 0.2


def test_a_score_that_does_not_fall_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    flat = [bench.Row(name, np.full(5, 0.5), {"m": 1.0}) for name in bench.CHAIN[:3]]
    assert bench.print_table("en", 5, flat, None, 20) == 1
    said = capsys.readouterr().out
    # The first two may be equal, the next two may not.
    assert said.count("DOES NOT FALL") == 1
    assert "NOT monotone" in said


def test_only_the_half_to_choose_on_is_read_and_each_patient_once(tmp_path: Path) -> None:
    uids = [str(number) for number in range(40)]
    rows = [{"uid": uid, "zh": "", "en": f"{uid} {turn}"} for uid in uids for turn in (1, 2)]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    even = [uid for uid in uids if not int(hashlib.sha256(uid.encode()).hexdigest(), 16) % 2]
    assert list(bench.read_reports(path, "en")) == [f"{uid} 1" for uid in even]
    odd = [uid for uid in uids if uid not in even]
    assert list(bench.read_reports(path, "en", "heldout")) == [f"{uid} 1" for uid in odd]
