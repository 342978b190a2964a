"""The bridge to RadEval: the real one where it is installed, small child programs elsewhere."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from radraft.core import settings
from radraft.core.errors import EvalError
from radraft.eval.radeval.bridge import RadEvalMetric, score_radeval
from radraft.eval.radeval.measures import MEASURES
from radraft.eval.values import Pair

ROOT = Path(__file__).parents[3]
REAL = settings.program(settings.load().radeval_python)
PYTHON = Path(sys.executable)
PAIRS = (
    Pair("1", "No acute disease. Mild cardiomegaly is present.", "Mild cardiomegaly is present."),
    Pair("2", "Small left pleural effusion.", "Small right pleural effusion."),
)
METRICS = (RadEvalMetric.BLEU, RadEvalMetric.RADGRAPH)


def _child(folder: Path, body: str) -> Path:
    path = folder / "child.py"
    path.write_text(f"import json, os, sys\nrequest = json.load(sys.stdin)\n{body}\n", "utf-8")
    return path


def test_without_its_environment(tmp_path: Path) -> None:
    with pytest.raises(EvalError) as caught:
        score_radeval(PAIRS, python=settings.program(tmp_path / "bin" / "python"))
    assert caught.value.code == "radeval_not_installed"
    assert "make radeval" in caught.value.message_zh
    assert "make radeval" in caught.value.message_en


def test_a_file_that_is_no_interpreter(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("not a program", "utf-8")
    with pytest.raises(EvalError) as caught:
        score_radeval(PAIRS, python=python)
    assert caught.value.code == "radeval_not_installed"


def test_request_and_answer(tmp_path: Path) -> None:
    child = _child(
        tmp_path,
        """
seen = {name: os.environ.get(name) for name in ("HF_HUB_OFFLINE", "HF_HOME")}
assert seen == {"HF_HUB_OFFLINE": "1", "HF_HOME": request["refs"][0].split("=")[1]}, seen
assert "radraft" not in sys.modules
print("a scorer's chatter", file=sys.stderr)
json.dump({"scores": {"bleu": {"bleu": len(request["hyps"])}},
           "unavailable": {request["metrics"][1]: ["weights_missing", "OSError"]}}, sys.stdout)
""",
    )
    weights = tmp_path / "weights"
    pairs = (Pair("1", f"HF_HOME={weights.resolve()}", "影"), Pair("2", "b", "c"))
    result = score_radeval(pairs, METRICS, python=PYTHON, weights=weights, child=child)
    assert result.scores == {"bleu": 2.0}
    assert list(result.unavailable) == [RadEvalMetric.RADGRAPH]
    error = result.unavailable[RadEvalMetric.RADGRAPH]
    assert error.code == "radeval_weights_missing"
    assert "radgraph" in error.message_zh
    assert "radgraph" in error.message_en


def test_a_child_that_fails_names_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    child = _child(tmp_path, "raise ValueError(request['refs'][0])")
    with caplog.at_level(logging.ERROR), pytest.raises(EvalError) as caught:
        score_radeval(PAIRS, METRICS, python=PYTHON, child=child)
    assert caught.value.code == "radeval_failed"
    assert caught.value.details == {"exit_code": 1}
    assert "ValueError" in caplog.text
    assert "cardiomegaly" not in caplog.text


def test_a_child_that_dies(tmp_path: Path) -> None:
    child = _child(tmp_path, "import signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(EvalError) as caught:
        score_radeval(PAIRS, METRICS, python=PYTHON, child=child)
    assert caught.value.details == {"exit_code": -9}


@pytest.mark.slow
def test_a_child_that_hangs_is_ended(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    child = _child(tmp_path, "import threading\nthreading.Event().wait()")
    with pytest.raises(EvalError) as caught:
        score_radeval(PAIRS, METRICS, python=PYTHON, child=child, timeout_s=0.5)
    assert caught.value.code == "radeval_timeout"
    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Loading model...",
        "[]",
        "{}",
        json.dumps({"scores": {"bleu": {"bleu": "high"}}, "unavailable": {}}),
        json.dumps({"scores": {"bleu": 1}, "unavailable": {}}),
        json.dumps({"scores": {}, "unavailable": {"no_such_metric": ["failed", "ValueError"]}}),
        json.dumps({"scores": {}, "unavailable": {"bleu": ["failed"]}}),
    ],
)
def test_an_answer_that_cannot_be_read(answer: str, tmp_path: Path) -> None:
    child = _child(tmp_path, f"sys.stdout.write({answer!r})")
    with pytest.raises(EvalError) as caught:
        score_radeval(PAIRS, METRICS, python=PYTHON, child=child)
    assert caught.value.code == "radeval_bad_answer"


def test_the_child_says_which_library_is_missing() -> None:
    """Our own environment has no RadEval: the real child runs and names what it could not have."""
    result = score_radeval(PAIRS, METRICS, python=PYTHON)
    assert result.scores == {}
    assert set(result.unavailable) == set(METRICS)
    for error in result.unavailable.values():
        assert error.code == "radeval_library_broken"
        assert "No module named 'radeval'" in error.message_en


def test_a_scorer_that_fails_names_no_text(tmp_path: Path) -> None:
    """A library that stands in for RadEval, in a real process: one metric fails, one does not."""
    library = tmp_path / "radeval"
    library.mkdir()
    (library / "__init__.py").write_text(
        """
class RadEval:
    def __init__(self, metrics, show_progress):
        print("loading", metrics)
        self.metric = metrics[0]

    def __call__(self, refs, hyps):
        if self.metric == "radgraph":
            raise ValueError(refs[0])
        open("results.csv", "w").write("left behind")
        return {"bleu": 0.25}
""",
        "utf-8",
    )
    child = tmp_path / "child.py"
    shutil.copy(ROOT / "eval/radeval/child.py", child)
    result = score_radeval(PAIRS, METRICS, python=PYTHON, child=child)
    assert result.scores == {"bleu": 0.25}
    error = result.unavailable[RadEvalMetric.RADGRAPH]
    assert error.code == "radeval_metric_failed"
    assert error.details == {"metric": "radgraph", "said": "ValueError"}
    assert not (ROOT / "results.csv").exists()


@pytest.mark.slow
@pytest.mark.skipif(REAL is None, reason="RadEval's environment is not installed")
def test_radeval_itself(tmp_path: Path) -> None:
    """BLEU and ROUGE need no weights; the clinical metrics say that theirs are not there."""
    metrics = tuple(RadEvalMetric)
    result = score_radeval(PAIRS, metrics, python=REAL, weights=tmp_path, timeout_s=500)
    # ROUGE-L by hand: 4 of 4 words found and 4 of 7 asked for, then 3 of 4 and 3 of 4.
    assert result.scores["rougeL"] == pytest.approx((2 * 4 / 11 + 0.75) / 2, abs=1e-4)
    assert 0 <= result.scores["bleu"] <= 1
    without = {metric for metric in metrics if metric not in ("bleu", "rouge")}
    assert set(result.unavailable) == without
    for metric, error in result.unavailable.items():
        assert error.code == "radeval_weights_missing", f"{metric}: {error}"
    assert {**result.scores}.keys() <= MEASURES.keys()
