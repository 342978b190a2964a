"""`radraft eval ...`: what each command prints, writes and refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from radraft.cli import evaluation
from radraft.cli.output import Output, reporting
from radraft.core.settings import CHECKOUT
from radraft.reports.findings import schemes
from tests.eval.looks.looking_model import Handler, LookingModel, looking_model

ZH = ("左侧胸腔积液。心影增大。", "双肺清晰，未见胸腔积液。", "右侧气胸。")
EN = ("Left pleural effusion. Cardiomegaly.", "No pleural effusion.", "Right pneumothorax.")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("RADRAFT_CACHE_DIR", str(tmp_path / "cache"))


def jsonl(path: Path, texts: tuple[str, ...]) -> Path:
    rows = [{"id": str(n), "report": text} for n, text in enumerate(texts)]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    value = json.loads(capsys.readouterr().out)
    assert isinstance(value, dict)
    return value


def score(tmp_path: Path, texts: tuple[str, ...], hyps: tuple[str, ...], **options: Any) -> Path:
    refs = jsonl(tmp_path / "refs.jsonl", texts)
    drafts = jsonl(tmp_path / "hyps.jsonl", hyps)
    out_dir = tmp_path / options.pop("out", "scored")
    evaluation.score(refs, drafts, options.pop("lang", "en"), out_dir, 100, out=Output(True))
    return out_dir


def named(value: dict[str, Any], section: str, measure: str) -> dict[str, Any]:
    (found,) = (one for one in value["sections"] if one["key"] == section)
    row: dict[str, Any] = next(one for one in found["values"] if one["name"] == measure)
    return row


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "texts"), [("zh", ZH), ("en", EN)])
def test_a_report_against_itself_is_perfect(
    lang: str, texts: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out_dir = score(tmp_path, texts, texts, lang=lang)
    value = printed(capsys)
    f1 = named(value, f"clinical_{lang}", "finding_f1_micro")
    assert (f1["value"], f1["low"], f1["high"], f1["better"]) == (1.0, 1.0, 1.0, "higher")
    assert named(value, f"text_{lang}", "edit_distance")["value"] == 0
    assert named(value, f"clinical_{lang}", "missed_per_report")["value"] == 0
    kept = json.loads((out_dir / "result.json").read_text(encoding="utf-8"))
    assert kept == value


def test_the_table_names_the_direction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refs, hyps = jsonl(tmp_path / "r", EN), jsonl(tmp_path / "h", EN[::-1])
    evaluation.score(refs, hyps, "en", None, 100, out=Output(False))
    text = capsys.readouterr().out
    assert "| `finding_f1_micro` | ↑ higher is better |" in text
    assert "| `hallucinated_per_report` | ↓ lower is better |" in text


def test_bad_input_ends_with_an_error_that_names_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad").write_text('{"id": "0", "report": "x"}\n{"id"', encoding="utf-8")
    with pytest.raises(typer.Exit), reporting(Output(True)) as out:
        evaluation.score(jsonl(tmp_path / "r", EN), tmp_path / "bad", "en", None, 100, out=out)
    error = printed(capsys)["error"]
    assert error["code"] == "eval_bad_json"
    assert error["file"] == str(tmp_path / "bad")
    assert "Line 2" in error["message_en"]
    assert "第 2 行" in error["message_zh"]


@pytest.mark.slow
def test_compare_says_what_is_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = EN * 8
    good = score(tmp_path, texts, texts, out="good")
    bad = score(tmp_path, texts, texts[1:] + texts[:1], out="bad")
    capsys.readouterr()
    evaluation.compare(good, bad / "result.json", out=Output(True))
    rows = {(one["section"], one["measure"]["name"]): one for one in printed(capsys)["differences"]}
    f1 = rows["clinical_en", "finding_f1_micro"]
    assert (f1["verdict"], f1["first"]) == ("worse", 1.0)
    assert f1["low"] <= f1["difference"] <= f1["high"] < 0
    assert rows["text_en", "edit_distance"]["verdict"] == "worse"
    evaluation.compare(good, good, out=Output(False))
    text = capsys.readouterr().out
    assert "| undecided |" in text
    assert "| worse |" not in text


@pytest.mark.slow
def test_compare_refuses_other_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = score(tmp_path, EN, EN, out="one")
    other = score(tmp_path, EN[:2], EN[:2], out="other")
    capsys.readouterr()
    with pytest.raises(typer.Exit), reporting(Output(True)) as out:
        evaluation.compare(one, other, out=out)
    assert printed(capsys)["error"]["code"] == "eval_results_differ"


def say(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))


def test_findings_answers_each_line_of_stdin_blank_ones_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, "右侧气胸。\n\n未见胸腔积液。\n".encode())
    evaluation.findings("zh", out=Output(True))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["line"] for line in lines] == [1, 2, 3]
    assert lines[1]["findings"] == []
    (found,) = lines[0]["findings"]
    assert (found["code"], found["polarity"], found["laterality"], found["text"]) == (
        "pneumothorax", "present", "right", "气胸",
    )  # fmt: skip
    assert [one["polarity"] for one in lines[2]["findings"]] == ["absent"]
    say(monkeypatch, b"a\n\nb\n")
    evaluation.findings("en", "chexpert14", out=Output(True))
    labels = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["line"] for line in labels] == [1, 2, 3]
    assert labels[1]["labels"] == {}


def test_findings_prints_a_table_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, b"A 12 mm nodule in the right upper lobe.\n")
    evaluation.findings("en", out=Output(False))
    text = capsys.readouterr().out
    assert "pulmonary_nodule  present  right" in text
    assert "12 mm" in text


def test_findings_answers_in_a_published_label_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, b"Borderline heart size. Possible pneumonia. No effusion.\n")
    evaluation.findings("en", "chexpert14", out=Output(True))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "line": 1,
        "labels": {"Cardiomegaly": "uncertain", "Pneumonia": "uncertain",
                   "Pleural Effusion": "absent"},
    }  # fmt: skip
    say(monkeypatch, "右侧气胸，未见胸腔积液。\n".encode())
    evaluation.findings("zh", "nih14", out=Output(False))
    assert "Pneumothorax present" in capsys.readouterr().out


def test_every_label_set_can_be_asked_for() -> None:
    assert set(get_args(evaluation.LabelSet)) == set(schemes.NAMES)


def test_findings_refuses_what_is_not_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, "正常\n".encode() + "右侧气胸".encode("gb18030"))
    with pytest.raises(typer.Exit), reporting(Output(True)) as out:
        evaluation.findings("zh", out=out)


def test_sets_are_listed_with_their_licences(capsys: pytest.CaptureFixture[str]) -> None:
    evaluation.sets(out=Output(True))
    found = {one["name"]: one for one in printed(capsys)["sets"]}
    assert found["cxr_kermany"]["licence"] == "CC BY 4.0"
    evaluation.sets(out=Output(False))
    assert "demo  (all)" in capsys.readouterr().out


class Served(Handler):
    """The looking model, which also says what it serves."""

    def do_GET(self) -> None:
        found = {"data": [{"id": "qwen3-vl-8b-instruct"}]}
        self._answer(json.dumps(found).encode(), "application/json")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LookingModel]:
    with looking_model() as made:
        made.RequestHandlerClass = Served
        monkeypatch.setenv("RADRAFT_LLM_URL", made.endpoint.url)
        monkeypatch.setenv("RADRAFT_LLM_KEY", "key")
        yield made


def own_set(folder: Path) -> Path:
    """Two radiographs with reports and the CT that the model does not cover."""
    studies = CHECKOUT / "demo" / "studies"
    rows = [
        {"id": name, "study": str(studies / name), "report_zh": zh, "report_en": en}
        for name, zh, en in zip(("04", "06", "12"), ZH, EN, strict=True)
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    (folder / "items.jsonl").write_text(text, encoding="utf-8")
    card = folder / "own.yaml"
    card.write_text("name: own\nsource: x\nlicence: x\nitems: items.jsonl\n", encoding="utf-8")
    return card


def run(card: Path, out_dir: Path, **options: Any) -> None:
    chosen = {
        "data": None, "split": None, "limit": None, "seed": 0, "support": False, "resamples": 100,
        "quality_gate": True,
    }  # fmt: skip
    evaluation.run(
        "qwen3-vl-8b-instruct", str(card), out_dir, out=Output(True), **{**chosen, **options}
    )


@pytest.mark.slow
def test_a_run_drafts_scores_and_goes_on_where_it_was(
    tmp_path: Path,
    server: LookingModel,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    card = own_set(tmp_path)
    run(card, tmp_path / "out")
    value = printed(capsys)
    assert value["drafting"] == {
        "items": 3, "drafted": 2, "not_covered": 1, "failed": {}, "quality_gate": True,
        "withheld": [],
    }  # fmt: skip
    assert "The quality gate of the product was applied" in (
        (tmp_path / "out/result.md").read_text(encoding="utf-8")
    )
    assert value["card"]["name"] == "own"
    keys = [section["key"] for section in value["sections"]]
    assert keys == ["text_zh", "clinical_zh", "text_en", "clinical_en", "agreement"]
    assert all(section["n"] == 3 for section in value["sections"][:4])
    asked = len(server.asked)
    assert asked == 2
    html = (tmp_path / "out/result.html").read_text(encoding="utf-8")
    assert "data:image/png;base64" in html
    assert (tmp_path / "out/result.md").exists()
    run(card, tmp_path / "out", support=True)
    assert len(server.asked) == asked
    again = printed(capsys)
    assert again["calibration"]["sentences"] > 0
    assert again["sections"] == value["sections"]
    # Without what the first scoring kept: every figure is computed anew.
    monkeypatch.setenv("RADRAFT_CACHE_DIR", str(tmp_path / "another-cache"))
    again.pop("out")
    drafts = tmp_path / "out/drafts.jsonl"
    evaluation.score(
        None, drafts, None, tmp_path / "again", 100, set_name=str(card), out=Output(True)
    )
    assert printed(capsys) == again
    kept = json.loads((tmp_path / "again/result.json").read_text(encoding="utf-8"))
    assert kept == json.loads((tmp_path / "out/result.json").read_text(encoding="utf-8"))
    # The same file against references alone, in the order of their ids, as here.
    refs = jsonl(tmp_path / "refs.jsonl", EN)
    rows = [json.loads(line) for line in refs.read_text(encoding="utf-8").splitlines()]
    named_rows = zip(rows, ("04", "06", "12"), strict=True)
    refs.write_text(
        "\n".join(json.dumps({**row, "id": key}) for row, key in named_rows), encoding="utf-8"
    )
    evaluation.score(refs, drafts, "en", None, 100, out=Output(True))
    alone = printed(capsys)["sections"]
    for section in ("text_en", "clinical_en"):
        for row in next(one for one in again["sections"] if one["key"] == section)["values"]:
            if row["name"] != "hallucinated_prior_rate":  # two files know of no prior
                assert named({"sections": alone}, section, row["name"]) == row


@pytest.mark.slow
def test_a_run_without_any_draft_fails_and_still_says_why(
    tmp_path: Path, server: LookingModel, capsys: pytest.CaptureFixture[str]
) -> None:
    card = own_set(tmp_path)
    with pytest.raises(typer.Exit):
        server.status = 200
        run(card, tmp_path / "out", limit=1, seed=_seed_of_the_ct(card, tmp_path))
    assert printed(capsys)["drafting"]["not_covered"] == 1


def _seed_of_the_ct(card: Path, cache: Path) -> int:
    from radraft.eval.sets import load_set

    return next(
        seed
        for seed in range(50)
        if load_set(str(card), data=None, cache=cache, limit=1, seed=seed).items[0].id == "12"
    )


@pytest.mark.slow
def test_looks_drafts_from_changed_images(
    tmp_path: Path, server: LookingModel, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, Any] = {"data": None, "split": None, "limit": None, "seed": 0}
    evaluation.looks(
        "qwen3-vl-8b-instruct", str(own_set(tmp_path)), tmp_path / "looked",
        resamples=50, out=Output(True), **options,
    )  # fmt: skip
    value = printed(capsys)
    assert json.loads((tmp_path / "looked" / "looks.json").read_text("utf-8")) == value
    assert value["verdict"]["en"] in (tmp_path / "looked" / "looks.md").read_text("utf-8")
    names = {one["perturbation"]["change"] for one in value["changes"]}
    assert {"blank", "noise", "shuffled", "mirrored", "another"} <= names
    assert value["verdict"]["zh"] and value["verdict"]["en"]
