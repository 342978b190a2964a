"""Cards, and studies with what is known of them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radraft.core.errors import EvalError
from radraft.core.settings import CHECKOUT
from radraft.eval.card_file import card_file, names
from radraft.eval.sets import item_sha, load_set
from radraft.eval.values import EvalSet
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Certainty

SHARED = CHECKOUT.parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
PRESENT, ABSENT = Certainty.PRESENT, Certainty.ABSENT


def table(folder: Path, rows: list[dict[str, str]], card: str) -> Path:
    """A set of pictures: its table, a picture for each row, and its card."""
    images = folder / "images"
    images.mkdir(parents=True)
    for number, row in enumerate(rows):
        row.setdefault("file", f"images/{number}.png")
        pixels = np.full((8, 8), number, np.uint8)
        Image.fromarray(pixels).save(folder / row["file"])
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    path = folder / "card.yaml"
    path.write_text(
        "name: made\nsource: made up\nlicence: none\ntable: labels.csv\n" + card, encoding="utf-8"
    )
    return path


def load(card: Path, cache: Path, **options: Any) -> EvalSet:
    return load_set(str(card), data=None, cache=cache, **options)


FINDING = """
splits: [test, valid]
patient: patient
column: finding
values: {ill: {pneumonia: present}, well: {no_finding: present, pneumonia: absent}}
"""


def rows(count: int, **changes: str) -> list[dict[str, str]]:
    return [
        {"patient": f"p{n // 2}", "finding": "ill" if n % 3 else "well", "split": "test", **changes}
        for n in range(count)
    ]


def test_every_ready_card_is_valid() -> None:
    assert names() == ("cxr_covid", "cxr_kermany", "cxr_nih14", "demo")
    for name in names():
        card = card_file(name)
        assert card.name == name
        assert card.source and card.licence and card.note


def test_the_demo_set_is_the_demo_studies() -> None:
    chosen = load_set("demo", data=None, cache=Path("unused"))
    assert [item.id for item in chosen.items] == [f"{n:02d}" for n in range(1, 13)]
    assert all(item.study.is_dir() for item in chosen.items)
    by_id = {item.id: item.labels for item in chosen.items}
    assert by_id["05"] == {"cardiomegaly": PRESENT, "pleural_effusion": PRESENT}
    assert by_id["01"]["no_finding"] is PRESENT
    assert [by_id["01"][code] for code in ("pneumonia", "hiatal_hernia")] == [ABSENT, ABSENT]
    assert len(by_id["01"]) == 15
    assert by_id["12"] == {}


@needs_shared
def test_the_demo_labels_are_those_of_the_images() -> None:
    import yaml

    with (SHARED / "demo_cxr" / "labels.csv").open(encoding="utf-8", newline="") as file:
        found = {Path(row["file"]).name: row["findings"] for row in csv.DictReader(file)}
    cases = yaml.safe_load((CHECKOUT / "demo/cases.yaml").read_text(encoding="utf-8"))
    codes = {**card_file("cxr_nih14").present, "No_Finding": "no_finding"}
    for case in cases:
        if case["image"] in found:
            wanted = {codes[name] for name in found[case["image"]].split("|")}
            assert set(card_file("demo").labels[case["folder"]]) == wanted


@needs_shared
@pytest.mark.parametrize("name", ["cxr_nih14", "cxr_kermany", "cxr_covid"])
def test_the_public_sets_load(name: str, tmp_path: Path) -> None:
    chosen = load_set(name, data=SHARED, cache=tmp_path, limit=6, seed=1)
    assert len(chosen.items) == 6
    assert all(item.study.read_bytes()[128:132] == b"DICM" for item in chosen.items)
    assert all(set(item.labels) <= set(vocabulary()) for item in chosen.items)
    assert chosen == load_set(name, data=SHARED, cache=tmp_path, limit=6, seed=1)


@needs_shared
def test_absent_is_only_what_the_labels_say_is_absent(tmp_path: Path) -> None:
    chosen = load_set("cxr_nih14", data=SHARED, cache=tmp_path, limit=40)
    for item in chosen.items:
        normal = item.labels.get("no_finding") is PRESENT
        assert (ABSENT in item.labels.values()) == normal
        assert len(item.labels) == 15 or not normal


def test_a_row_that_contradicts_itself_is_left_out(tmp_path: Path) -> None:
    card = table(
        tmp_path,
        [
            {"Mass": "1", "normal": "0"},
            {"Mass": "1", "normal": "1"},
            {"Mass": "0", "normal": "1"},
            {"Mass": "0", "normal": "0"},
        ],
        "present: {Mass: pulmonary_mass}\nnormal: [normal]\n",
    )
    chosen = load(card, tmp_path / "cache")
    assert [(item.id, dict(item.labels)) for item in chosen.items] == [
        ("0", {"pulmonary_mass": PRESENT}),
        ("2", {"no_finding": PRESENT, "pulmonary_mass": ABSENT}),
    ]


def test_patients_are_drawn_by_the_seed(tmp_path: Path) -> None:
    card = table(tmp_path, rows(40), FINDING)
    drawn = [
        tuple(item.id for item in load(card, tmp_path / "c", limit=10, seed=seed).items)
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 10
    # Two pictures a patient: a drawn patient comes whole.
    assert len({int(key) // 2 for key in drawn[0]}) == 5


def test_the_hash_follows_images_and_labels(tmp_path: Path) -> None:
    card = table(tmp_path / "a", rows(4), FINDING)
    first = load(card, tmp_path / "c")
    assert first.card.sha256 == load(card, tmp_path / "d").card.sha256
    Image.fromarray(np.full((8, 8), 99, np.uint8)).save(tmp_path / "a/images/0.png")
    changed = load(card, tmp_path / "c")
    assert changed.card.sha256 != first.card.sha256
    assert item_sha(changed.items[1]) == item_sha(first.items[1])
    relabelled = table(tmp_path / "b", rows(4, finding="ill"), FINDING)
    assert load(relabelled, tmp_path / "c").card.sha256 != first.card.sha256


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"card": "no such set"}, "eval_unknown_set"),
        ({"split": "train"}, "eval_set_empty"),
        ({"split": "valid"}, "eval_set_empty"),
        ({"data": "nowhere"}, "eval_set_data_missing"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, change: dict[str, str], code: str) -> None:
    card = table(tmp_path, rows(4), FINDING)
    data = tmp_path / change["data"] if "data" in change else None
    with pytest.raises(EvalError) as caught:
        load_set(
            change.get("card", str(card)), data=data, cache=tmp_path / "c",
            split=change.get("split"),
        )  # fmt: skip
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "name: x",
        "[",
        "name: x\nsource: x\nlicence: x\ntable: a\nitems: b\n",
        "name: x\nsource: x\nlicence: x\nitems: b\nunknown: 1\n",
        "name: x\nsource: x\nlicence: x\ntable: b\npresent: {A: no_such_finding}\n",
        "name: x\nsource: x\nlicence: x\ntable: b\ncolumn: c\nvalues: {a: {pneumonia: maybe}}\n",
    ],
)
def test_a_bad_card_is_refused(tmp_path: Path, text: str) -> None:
    card = tmp_path / "card.yaml"
    card.write_text(text, encoding="utf-8")
    with pytest.raises(EvalError, match="eval_card_invalid"):
        load(card, tmp_path)


@pytest.mark.parametrize(("field", "value"), [("Mass", "2"), ("normal", "")])
def test_a_label_that_is_no_label_is_named_with_its_line(
    tmp_path: Path, field: str, value: str
) -> None:
    bad = [{"Mass": "1", "normal": "0"}, {"Mass": "0", "normal": "1", field: value}]
    card = table(tmp_path, bad, "present: {Mass: pulmonary_mass}\nnormal: [normal]\n")
    with pytest.raises(EvalError) as caught:
        load(card, tmp_path / "c")
    assert caught.value.details == {"name": "made", "line": 3, "field": field}


def own(folder: Path, *lines: Any) -> Path:
    """A hospital's own set: reports and labels in a JSONL file."""
    (folder / "studies").mkdir()
    (folder / "studies/1.dcm").write_bytes(b"one")
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "items.jsonl").write_text(text, encoding="utf-8")
    card = folder / "own.yaml"
    card.write_text("name: own\nsource: x\nlicence: x\nitems: items.jsonl\n", encoding="utf-8")
    return card


STUDY = {"id": "1", "study": "studies/1.dcm"}


def test_a_set_of_ones_own_brings_reports(tmp_path: Path) -> None:
    known = {"labels": {"pneumonia": "absent"}, "has_prior": True}
    row = {**STUDY, "report_zh": " 双肺清晰。", "report_en": None, **known}
    (item,) = load(own(tmp_path, row, ""), tmp_path).items
    assert (item.report_zh, item.report_en, item.has_prior) == ("双肺清晰。", None, True)
    assert item.labels == {"pneumonia": ABSENT}
    assert item.study == tmp_path / "studies/1.dcm"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("{", "line"),
        ({"study": "studies/1.dcm"}, "id"),
        ({**STUDY, "id": 3}, "id"),
        ({**STUDY, "study": "studies/2.dcm"}, "study"),
        ({**STUDY, "labels": {"no such": "present"}}, "labels"),
        ({**STUDY, "labels": {"pneumonia": "perhaps"}}, "labels"),
        ({**STUDY, "report_en": 5}, "report_en"),
    ],
)
def test_a_bad_item_is_named_with_its_line(tmp_path: Path, row: Any, field: str) -> None:
    with pytest.raises(EvalError) as caught:
        load(own(tmp_path, "", row), tmp_path)
    assert caught.value.details == {"name": "own", "line": 2, "field": field}


def test_an_id_may_be_there_once(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="eval_set_row_invalid"):
        load(own(tmp_path, STUDY, STUDY), tmp_path)


WRAPPING = """
import sys
from radraft.cli.evaluation import _wrapped
from radraft.core.settings import load
from radraft.eval.sets import load_set

with _wrapped(load()) as folder:
    load_set(sys.argv[1], data=None, cache=folder)
    print("wrapped", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_pictures_as_dicom_are_private_and_gone_after_the_run_or_the_next_start(
    tmp_path: Path,
) -> None:
    card = table(tmp_path / "set", rows(2, patient="MADE-UP-PATIENT"), FINDING)
    old = tmp_path / "cache" / "eval" / "sets" / "made"
    old.mkdir(parents=True)
    (old / "old.dcm").write_bytes(b"MADE-UP-PATIENT")
    env = {
        "RADRAFT_DATA_DIR": str(tmp_path / "data"),
        "RADRAFT_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": ":".join(sys.path),
        "PATH": "/usr/bin:/bin",
    }

    def run() -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", WRAPPING, str(card)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
        )  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "wrapped\n"
        return child

    def copies() -> list[Path]:
        return sorted(
            path
            for path in tmp_path.rglob("*")
            if path.is_file() and path.suffix != ".csv" and b"MADE-UP" in path.read_bytes()
        )

    killed = run()
    killed.kill()
    killed.communicate()
    left = copies()
    assert len(left) == 2
    for path in left:
        assert path.is_relative_to(tmp_path / "data" / "scratch")
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    again = run()
    assert len(copies()) == 2 and not set(copies()) & set(left)
    again.communicate("")
    assert copies() == []
