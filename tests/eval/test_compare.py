"""Two results: paired differences, verdicts, and what must not be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.core import canonical
from radraft.core.errors import EvalError
from radraft.eval.bootstrap import interval, resample
from radraft.eval.compare import Verdict, compare, verdict
from radraft.eval.report.markdown import comparison_markdown
from radraft.eval.result import Result, Section, Value, read_result, rounded
from radraft.eval.values import Better, FloatArray, SetCard
from tests.eval.scores import Given

CARD = SetCard("a set", "made up", "none", "test", "ab" * 32)


def result(column: FloatArray, **changes: Any) -> Result:
    """A result of one section over the values in `column`."""
    scores = Given(column)
    rows = resample(scores, column.size, resamples=400)
    found = []
    for measure in scores.measures:
        bounds = interval(rows[measure.name])
        low, high = (bounds.low, bounds.high) if bounds else (None, None)
        value = rounded(scores.corpus()[measure.name])
        found.append(Value(measure, value, low, high, column.size))
    section = Section(
        "text_en", "en", column.size, "refs", "hyps", tuple(found),
        resamples={name: tuple(map(rounded, row.tolist())) for name, row in rows.items()},
    )  # fmt: skip
    made = Result(CARD, "model", 1, 400, {"numpy": "2"}, "metrics", (section,))
    return replace(made, **changes)


def column(n: int = 80) -> FloatArray:
    return np.random.default_rng(3).normal(0, 1, n)


def test_a_constant_gain_is_better_or_worse_by_the_direction() -> None:
    found = {
        d.measure.name: d for d in compare(result(column()), result(column() + 0.25)).differences
    }
    assert found["mean"].difference == pytest.approx(0.25, abs=1e-6)
    # Paired: the interval of a constant difference has no width, however wide each side's is.
    assert found["mean"].low == pytest.approx(0.25, abs=1e-6)
    assert found["mean"].high == pytest.approx(0.25, abs=1e-6)
    assert found["mean"].verdict is Verdict.BETTER
    assert found["cost"].verdict is Verdict.WORSE
    assert found["rate"].verdict is Verdict.HIGHER


def test_the_same_result_is_undecided() -> None:
    assert {d.verdict for d in compare(result(column()), result(column())).differences} == {
        Verdict.UNDECIDED
    }


def test_exchanging_the_two_turns_every_difference_around() -> None:
    noise = np.random.default_rng(9).normal(0.3, 1, 80)
    one, other = result(column()), result(column() + noise)
    for there, back in zip(
        compare(one, other).differences, compare(other, one).differences, strict=True
    ):
        assert there.difference == pytest.approx(-(back.difference or 0))
        assert (there.low, there.high) == pytest.approx((-(back.high or 0), -(back.low or 0)))


@given(st.sampled_from(Better), st.floats(-1, 1), st.floats(0, 1))
def test_verdicts_follow_the_interval(better: Better, low: float, width: float) -> None:
    said = verdict(better, low, low + width)
    if low <= 0 <= low + width:
        assert said is Verdict.UNDECIDED
    elif better is Better.NEITHER:
        assert said is (Verdict.HIGHER if low > 0 else Verdict.LOWER)
    else:
        assert (said is Verdict.BETTER) == ((low > 0) == (better is Better.HIGHER))


def test_no_interval_is_undecided() -> None:
    assert verdict(Better.HIGHER, None, 1.0) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"card": replace(CARD, name="another")}, "set"),
        ({"card": None}, "set"),
        ({"card": replace(CARD, sha256="cd" * 32)}, "set_sha256"),
        ({"seed": 2}, "seed"),
        ({"resamples": 300}, "resamples"),
        ({"metrics_sha": "changed"}, "metrics_sha"),
        ({"sections": ()}, "sections"),
    ],
)
def test_what_differs_in_anything_but_the_drafts_is_refused(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(EvalError) as caught:
        compare(result(column()), result(column(), **changes))
    assert caught.value.code == "eval_results_differ"
    assert caught.value.details["field"] == field


@pytest.mark.parametrize(("field", "value"), [("n", 79), ("refs_sha", "other references")])
def test_other_reports_are_refused(field: str, value: Any) -> None:
    one = result(column())
    other = replace(one, sections=(replace(one.sections[0], **{field: value}),))
    with pytest.raises(EvalError, match="eval_results_differ"):
        compare(one, other)


def test_a_written_result_compares_like_the_one_in_memory(tmp_path: Path) -> None:
    one, other = result(column()), result(column() + 0.1)
    (tmp_path / "result.json").write_text(canonical.dumps(one.as_json()), encoding="utf-8")
    read = read_result(tmp_path)
    assert canonical.dumps(read.as_json()) == canonical.dumps(one.as_json())
    assert compare(read, other).differences[0].low == compare(one, other).differences[0].low


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "radraft-eval-0"}', "\udcff", "3"])
def test_what_is_no_result_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(EvalError, match="eval_result_unreadable"):
        read_result(file)
    with pytest.raises(EvalError, match="eval_result_unreadable"):
        read_result(tmp_path / "none")


def test_an_undefined_measure_stays_undefined_through_json(tmp_path: Path) -> None:
    scores = result(column())
    blank = replace(scores.sections[0].values[0], value=None, low=None, high=None)
    section = replace(scores.sections[0], values=(blank,), resamples={"mean": (None,) * 400})
    one = replace(scores, sections=(section,))
    file = tmp_path / "one.json"
    file.write_text(json.dumps(one.as_json(), allow_nan=False), encoding="utf-8")
    (found,) = compare(read_result(file), one).differences
    assert (found.difference, found.verdict) == (None, Verdict.UNDECIDED)


def test_the_table_says_direction_and_verdict() -> None:
    table = comparison_markdown(compare(result(column()), result(column() + 1)))
    assert "| text_en | `cost` | ↓ lower is better |" in table
    assert "| worse |" in table
    assert "not adjusted for the number of measures" in table
