"""`radraft.eval` as others call it: what goes in, what comes out, and the notebook of its page."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from radraft import eval as reports
from radraft.cli import evaluation
from radraft.cli.output import Output
from radraft.core.errors import EvalError
from radraft.eval.report.markdown import markdown
from radraft.eval.result import Result

DOCS = Path(__file__).parents[2] / "docs"
REFS = {"b": "The lungs are clear.", "a": "Left pleural effusion.", "c": "Cardiomegaly."}
HYPS = {"a": "Right pleural effusion.", "b": "The lungs are clear.", "c": "Cardiomegaly."}


def rows(texts: dict[str, str]) -> list[dict[str, str]]:
    return [{"id": key, "report": text} for key, text in texts.items()]


def figures(result: Result) -> list[dict[str, Any]]:
    return list(result.as_json()["sections"])


def test_the_notebook_is_the_page_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = json.loads((DOCS / "eval-python.ipynb").read_text(encoding="utf-8"))
    (code,) = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    page = (DOCS / "eval-python.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert code == shown.strip()
    assert (
        len([line for line in code.splitlines() if not line.startswith(("import", "from"))]) <= 10
    )
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "eval-python.ipynb", "exec"), {})
    said = capsys.readouterr().out
    assert re.search(r"value +1\.0", said)
    assert "{'report_score': 0.25}" in said
    assert (tmp_path / "good.json").exists()


def test_every_form_gives_the_figures_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("RADRAFT_CACHE_DIR", str(tmp_path / "cache"))
    files = {}
    for name, texts in (("refs", REFS), ("hyps", HYPS)):
        files[name] = tmp_path / f"{name}.jsonl"
        lines = map(json.dumps, rows(texts))
        files[name].write_text("\n".join(lines), encoding="utf-8")
        pd.DataFrame(rows(texts)).to_csv(tmp_path / f"{name}.csv", index=False)
    evaluation.score(files["refs"], files["hyps"], "en", None, 100, out=Output(True))
    command = json.loads(capsys.readouterr().out)["sections"]
    forms: list[tuple[Any, Any]] = [
        (files["hyps"], files["refs"]),
        (str(tmp_path / "hyps.csv"), tmp_path / "refs.csv"),
        (pd.DataFrame(rows(HYPS)), pd.DataFrame(rows(REFS)).set_index("id")),
        (HYPS, REFS),
        (HYPS, {key: [text] for key, text in REFS.items()}),
        ([HYPS[key] for key in "abc"], [REFS[key] for key in "abc"]),
    ]
    for predictions, references in forms:
        result = reports.score_reports(predictions, references, lang="en", resamples=100)
        found = figures(result)
        if isinstance(predictions, list):  # their ids are their places
            found = [{**new, "refs_sha": old["refs_sha"], "hyps_sha": old["hyps_sha"]}
                     for new, old in zip(found, command, strict=True)]  # fmt: skip
        assert found == command
    values = {row["name"]: row["value"] for section in command for row in section["values"]}
    assert reports.compute(predictions=HYPS, references=REFS, lang="en") == values
    some = reports.compute(
        predictions=HYPS, references=REFS, lang="en", measures=["bleu4_coco_r2gen", "report_score"]
    )
    assert list(some) == ["bleu4_coco_r2gen", "report_score"]
    frame = reports.read_reports(tmp_path / "refs.csv", "en")
    assert frame.to_dict("list") == {"id": list(REFS), "report": list(REFS.values())}


def test_the_nearest_of_several_references_counts() -> None:
    several = {**REFS, "a": ["Left pleural effusion.", "Right pleural effusion, small."]}
    one = reports.score_reports(HYPS, REFS, lang="en", resamples=100)
    best = reports.score_reports(HYPS, several, lang="en", resamples=100)
    per_report = reports.per_report_frame(best, "clinical_en")
    assert per_report.loc["a", "report_score"] == 1
    assert reports.per_report_frame(one, "clinical_en").loc["a", "report_score"] == 0.5
    assert "the one it agrees with most" in markdown(best)
    with pytest.raises(EvalError, match="eval_results_differ"):
        reports.compare_results(one, best)
    # Another system is held against the same references, whichever came nearest.
    other = {**HYPS, "a": "Left pleural effusion."}
    second = reports.score_reports(other, several, lang="en", resamples=100)
    compared = reports.as_frame(reports.compare_results(best, second)).set_index("measure")
    assert compared.loc["report_score", "difference"] == 0
    frame = pd.DataFrame([*rows(REFS), {"id": "a", "report": "Right pleural effusion, small."}])
    again = reports.score_reports(HYPS, frame, lang="en", resamples=100)
    assert figures(again) == figures(best)


def test_a_result_is_kept_and_compared(tmp_path: Path) -> None:
    first = reports.score_reports(HYPS, REFS, lang="en", resamples=100)
    reports.save_result(first, tmp_path / "r.json")
    kept = reports.load_result(tmp_path / "r.json")
    found = reports.as_frame(reports.compare_results(kept, first))
    assert set(found["verdict"]) == {"undecided"}
    assert list(reports.as_frame(first)["value"]) == pytest.approx(
        list(reports.as_frame(kept)["value"]), nan_ok=True
    )
    with pytest.raises(EvalError, match="eval_no_section"):
        reports.per_report_frame(kept, "clinical_en")
    with pytest.raises(EvalError, match="eval_not_written"):
        reports.save_result(first, tmp_path / "none" / "r.json")


@pytest.mark.parametrize(
    ("predictions", "code"),
    [
        ({"a": "Clear."}, "eval_ids_differ"),
        ({**HYPS, "a": " "}, "eval_empty_report"),
        ({**HYPS, "a": 3}, "eval_wrong_type"),
        ({**HYPS, "a": "双肺清晰。"}, "eval_wrong_language"),
        ({**HYPS, "a": ["Clear.", "Clear."]}, "eval_duplicate_id"),
        ({**HYPS, " ": "Clear."}, "eval_bad_id"),
        ({}, "eval_no_reports"),
        (pd.DataFrame({"id": ["a"]}), "eval_no_report"),
        (pd.DataFrame({"id": ["a"], "report": [math.nan]}), "eval_no_report"),
        (pd.DataFrame({"id": ["a"], "report": ["Clear."], "findings": ["x"]}), "eval_two_reports"),
    ],
)
def test_what_cannot_be_scored_is_refused(predictions: Any, code: str) -> None:
    with pytest.raises(EvalError, match=code):
        reports.compute(predictions=predictions, references=REFS, lang="en")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(EvalError, match="eval_unknown_measure"):
        reports.compute(predictions=HYPS, references=REFS, lang="en", measures=["bleu5"])
    with pytest.raises(AttributeError):
        reports.no_such_function  # noqa: B018


def test_a_study_without_a_draft_states_nothing() -> None:
    found = reports.compute(predictions={**HYPS, "a": "∅"}, references=REFS, lang="en")
    assert found["missed_per_report"] == pytest.approx(1 / 3)
