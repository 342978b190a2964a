"""What a changed image costs: arithmetic on hand-made scores, and the verdict in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radraft.core.errors import EvalError
from radraft.eval.looks.run import drops, run, sections, sentences_kept
from radraft.eval.looks.values import ALL, Answer, Change, Changed, Drop, Perturbation
from radraft.eval.looks.verdict import DECIDING, verdict
from radraft.eval.values import Better, Drafted, FloatArray, IntArray, Measure, Scores, SetItem
from radraft.reports.values import Certainty, Lang
from tests.eval.looks.fake_reading import read

SHUFFLED, ANOTHER, BLANK, MIRRORED = (
    Perturbation(change)
    for change in (Change.SHUFFLED, Change.ANOTHER, Change.BLANK, Change.MIRRORED)
)


class Means:
    """Scores that are means of values of single reports."""

    def __init__(self, **values: Sequence[float]) -> None:
        self._values = {name: np.array(list(row), dtype=np.float64) for name, row in values.items()}

    @property
    def measures(self) -> tuple[Measure, ...]:
        lower = {"missed": Better.LOWER, "length": Better.NEITHER}
        return tuple(Measure(n, lower.get(n, Better.HIGHER), n) for n in self._values)

    @property
    def per_report(self) -> Mapping[str, FloatArray]:
        return self._values

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        return {
            name: float(np.mean(row if index is None else row[index]))
            for name, row in self._values.items()
        }


def by_name(found: Sequence[Drop]) -> dict[str, Drop]:
    return {drop.measure: drop for drop in found}


def test_a_drop_is_positive_where_the_changed_image_is_worse() -> None:
    true = Means(f1=[1, 0.5, 1, 0.5], missed=[0, 1, 0, 1], length=[3, 3, 3, 3])
    other = Means(f1=[0, 0.5, 0, 0.5], missed=[2, 1, 2, 1], length=[5, 5, 5, 5])
    found = by_name(drops(true, other, 4, 200, 1))
    assert (found["f1"].true, found["f1"].changed, found["f1"].drop) == (0.75, 0.25, 0.5)
    assert (found["missed"].true, found["missed"].changed, found["missed"].drop) == (0.5, 1.5, 1.0)
    assert found["length"].drop == -2
    assert (found["length"].low, found["length"].high) == (-2, -2)
    assert not found["length"].lost


def test_intervals_are_of_pairs() -> None:
    # Reports differ widely, every one loses exactly 0.1: pairs leave no doubt about that.
    spread = np.linspace(0.2, 1.0, 40).tolist()
    less = [value - 0.1 for value in spread]
    found = by_name(drops(Means(f1=spread), Means(f1=less), 40, 200, 1))["f1"]
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)
    assert found.lost
    shifted = by_name(drops(Means(f1=spread), Means(f1=less[::-1]), 40, 200, 1))["f1"]
    assert shifted.low is not None
    assert shifted.low < 0.05


def test_an_undefined_measure_has_no_drop() -> None:
    found = by_name(drops(Means(f1=[1, 1]), Means(f1=[math.nan, 1]), 2, 20, 1))["f1"]
    assert (found.true, found.changed, found.drop, found.low) == (1.0, None, None, None)
    assert not found.lost


def drop(true: float | None, changed: float | None, low: float, high: float) -> Drop:
    gap = None if true is None or changed is None else true - changed
    return Drop(DECIDING, Better.HIGHER, true, changed, gap, low, high)


def change(perturbation: Perturbation, unchanged: int, *found: Drop, reports: int = 100) -> Changed:
    return Changed(perturbation, reports, 0, unchanged, 0.0, {"labels_en": found})


@pytest.mark.parametrize(
    ("changes", "answer", "says"),
    [
        ([change(SHUFFLED, 2, drop(0.6, 0.3, 0.2, 0.4))], Answer.LOOKS, "from 0.60 to 0.30"),
        ([change(SHUFFLED, 96, drop(0.6, 0.6, 0, 0))], Answer.IGNORES, "96 of 100"),
        ([change(SHUFFLED, 2, drop(0.6, 0.6, -0.02, 0.03))], Answer.NO_GAIN, "is 0.60"),
        ([change(SHUFFLED, 2, drop(0.0, 0.0, 0, 0))], Answer.NO_GAIN, "none of the known"),
        ([change(SHUFFLED, 2, drop(0.6, 0.5, -0.1, 0.3))], Answer.UNDECIDED, "-0.10 and 0.30"),
        ([change(SHUFFLED, 2, drop(None, None, 0, 0))], Answer.UNDECIDED, "cannot be told"),
        ([change(SHUFFLED, 0, reports=0)], Answer.UNDECIDED, "cannot be told"),
        ([], Answer.UNDECIDED, "cannot be told"),
        # A blank image may cost marks just because no such image was ever trained on.
        ([change(BLANK, 0, drop(0.6, 0.1, 0.4, 0.6))], Answer.UNDECIDED, "cannot be told"),
        (
            [
                change(ANOTHER, 0, drop(0.6, 0.6, 0, 0.01)),
                change(SHUFFLED, 0, drop(0.6, 0.3, 0.2, 0.4)),
            ],
            Answer.LOOKS,
            "from 0.60",
        ),
        # Two runs with the same images agree no better than that.
        (
            [
                change(Perturbation(Change.REPEAT), 70),
                change(SHUFFLED, 68, drop(0.6, 0.6, -0.1, 0.1)),
            ],
            Answer.IGNORES,
            "68 of 100",
        ),
        (
            [
                change(Perturbation(Change.REPEAT), 70),
                change(SHUFFLED, 60, drop(0.6, 0.6, -0.1, 0.1)),
            ],
            Answer.UNDECIDED,
            "-0.10",
        ),
        # A mirrored image still shows everything: staying the same there proves nothing.
        ([change(MIRRORED, 100, drop(0.6, 0.6, 0, 0))], Answer.UNDECIDED, "cannot be told"),
    ],
)
def test_verdicts(changes: list[Changed], answer: Answer, says: str) -> None:
    found = verdict(changes)
    assert found.answer is answer
    assert says.replace(" and ", " to ") in found.en.replace(" and ", " to ")
    assert found.zh
    assert "{" not in found.zh + found.en


ITEMS = [
    SetItem(f"i{n}", Path(f"{n}.dcm"), {"pleural_effusion": Certainty.PRESENT}, None, "Left side.")
    for n in range(6)
]


def drafts(words: Callable[[int], str]) -> list[Drafted]:
    return [Drafted(f"i{n}", (f"第{n}",), (words(n),)) for n in range(6)]


def score(
    items: Sequence[SetItem], texts: Sequence[str], lang: Lang
) -> dict[str, tuple[Scores, int]]:
    """A text is as good as it repeats the reference."""
    good = [float((i.report_en or "none") in t) for i, t in zip(items, texts, strict=True)]
    scores: Scores = Means(**{DECIDING: good})
    return {f"clinical_{lang}": (scores, len(good)), f"labels_{lang}": (scores, len(good))}


def test_the_run_compares_every_change_with_the_true_images() -> None:
    def draft(perturbation: Perturbation | None) -> list[Drafted]:
        if perturbation is None or perturbation.change is Change.REPEAT:
            return drafts(lambda n: "Left side.")
        if perturbation.change is Change.MIRRORED:
            return drafts(lambda n: "Right side.")
        made = drafts(lambda n: "Left side." if n == 0 else "Nothing.")
        made[5] = replace(made[5], zh=(), en=(), failed="llm_cut_off")
        return made

    found = run(ITEMS, draft, model_id="m", score=score, read=read, resamples=100)
    assert (found.model_id, found.reports, found.items) == ("m", 6, 6)
    assert [one.perturbation for one in found.changes] == list(ALL)
    shuffled = next(one for one in found.changes if one.perturbation == SHUFFLED)
    assert (shuffled.reports, shuffled.failed, shuffled.unchanged) == (5, 1, 1)
    assert shuffled.unchanged_share == shuffled.sentences_kept == 0.2
    (lost,) = shuffled.drops["labels_en"]
    assert (lost.true, lost.changed) == (1.0, 0.2)
    assert shuffled.against_mirrored == {}
    mirrored = next(one for one in found.changes if one.perturbation == MIRRORED)
    assert mirrored.drops["clinical_en"][0].drop == 1.0
    # Against the mirrored reference the mirrored draft is as good as before.
    assert mirrored.against_mirrored["clinical_en"][0].drop == 0.0
    assert set(mirrored.against_mirrored) == {"clinical_zh", "clinical_en"}
    assert found.verdict.answer is Answer.LOOKS


def test_a_model_that_always_writes_the_same_is_told_so() -> None:
    found = run(
        ITEMS,
        lambda p: drafts(lambda n: "Left side."),
        model_id="m",
        score=score,
        read=read,
        resamples=20,
    )
    assert found.verdict.answer is Answer.IGNORES
    assert found.verdict.en.startswith("The drafts do not depend on the image: 24 of 24")
    assert found.verdict.zh.startswith("草稿不依赖影像")


def test_drafts_of_other_items_are_refused() -> None:
    with pytest.raises(EvalError) as caught:
        run(ITEMS, lambda p: drafts(lambda n: "")[:5], model_id="m", score=score)
    assert caught.value.code == "eval_looks_drafts_disagree"


def test_kept_sentences_are_whole_pairs() -> None:
    before = [Drafted("a", ("一", "二"), ("One", "Two"))]
    after = [Drafted("a", ("二", "一"), ("Two", "Uno"))]
    assert sentences_kept(before, after) == 0.5
    assert sentences_kept([Drafted("a", (), ())], after) is None


def test_only_sections_that_the_set_knows_something_for_are_scored() -> None:
    effusion = {"pleural_effusion": Certainty.PRESENT}
    items = [
        SetItem("a", Path("a"), effusion),
        SetItem("b", Path("b")),
        SetItem("c", Path("c"), effusion),
    ]
    found = sections(items, ["左侧胸腔积液。", "双肺清晰。", "双肺清晰。"], "zh")
    assert set(found) == {"labels_zh"}
    scores, n = found["labels_zh"]
    assert n == 2
    # One of two found, none invented.
    assert scores.corpus()[DECIDING] == pytest.approx(2 / 3)
    assert sections(items[1:2], ["Left effusion."], "en") == {}
