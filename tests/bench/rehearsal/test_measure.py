"""The final figures and the page made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from radraft.bench.rehearsal import page
from radraft.bench.rehearsal.goals import Met, goals
from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.measure import figures
from radraft.bench.rehearsal.values import Film, Group, Part, Text, Truth
from radraft.eval.values import Drafted, SetItem
from radraft.finetune.starter.teacher import FINDINGS
from radraft.reports.values import Certainty
from tests.bench.rehearsal.houses_of_tests import NARRATIVE, TERSE

RESAMPLES = 200
COUNT = 24


def film(number: int) -> Film:
    there = {FINDINGS[number % len(FINDINGS)]} if number % 3 else set()
    labels = {code: Certainty.PRESENT if code in there else Certainty.ABSENT for code in FINDINGS}
    item = SetItem(f"film-{number}", Path("none"), labels)
    return Film(item, Path("none"), Group.ADULT, f"p{number // 2}", "terse", Part.FINAL)


FILMS = tuple(map(film, range(COUNT)))
TRUTHS = {one.item.id: Truth(one.group, one.present, {}) for one in FILMS}


def written(house: House, truths: Mapping[str, Truth]) -> list[Drafted]:
    """Drafts that are the house's own reports."""

    def drafted(name: str, text: Text) -> Drafted:
        return Drafted(name, tuple(text.zh.split("\n")), tuple(text.en.split("\n")))

    return [drafted(one.item.id, house.text(truths[one.item.id])) for one in FILMS]


def measured(**drafts: Sequence[Drafted]) -> dict[str, Any]:
    systems = {name.replace("_", "-"): found for name, found in drafts.items()}
    return figures(FILMS, TERSE, TRUTHS, systems, RESAMPLES)


def failing() -> list[Drafted]:
    return [Drafted(one.item.id, (), (), failed="llm_timeout") for one in FILMS]


def good() -> dict[str, Any]:
    narrative = written(NARRATIVE, TRUTHS)
    return measured(base=narrative, own_1=narrative, own_2=written(TERSE, TRUTHS), other=narrative)


def test_the_last_own_adapter_that_writes_as_signed_falls_to_nothing() -> None:
    found = good()
    assert found["values"]["distance"]["own-2"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["changes"]["fall_distance"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["changes"]["other_worse_distance"]["low"] > 0
    assert found["values"]["f1_zh"]["own-2"]["value"] == 1.0
    assert found["changes"]["rise_f1_en"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert (found["films"], found["patients"]) == (COUNT, COUNT // 2)


def test_a_draft_that_failed_is_all_to_be_written_and_finds_nothing() -> None:
    same = written(TERSE, TRUTHS)
    found = measured(base=same, own_1=failing(), other=same)
    assert found["values"]["distance"]["own-1"]["value"] == 1.0
    assert found["failed"] == {"base": 0, "own-1": COUNT, "other": 0}
    assert found["values"]["f1_en"]["own-1"]["value"] == 0.0
    assert found["changes"]["rise_f1_en"]["value"] == -1.0


CHECK = {"code": "batch_sides_changed", "passed": False, "value": 0.2, "low": None, "high": None,
         "limit": 0.08, "candidate": 0.3, "serving": 0.1, "n": 70}  # fmt: skip
STOPPED = {"stage": "batch", "passed": False, "checks": [CHECK], "failed": [CHECK["code"]]}
PASSED = {"stage": "adapter", "passed": True, "checks": [], "failed": []}


def result(final: dict[str, Any]) -> dict[str, Any]:
    """All that a rehearsal of two rounds keeps."""
    signed = {"signed": 8, "undrafted": 0, "distance_zh": 0.5, "distance_en": 0.6,
              "sentences": {"added": 3, "kept": 1}, "sided": 2}  # fmt: skip
    adapted = {"adapter": "a-1", "parent": None, "counts": {"new": 7, "replay": 2}}
    one = {"site": "terse", "drafted": {"base": 8}, "signed": signed}
    seconds = {"adapted": 60.0, "gated": 30.0}
    later = {**one, "seconds": seconds, "served": {"serving": "a-1"}}
    stopped = {"adapter": None, "record": STOPPED}
    return {
        "format": "radraft-flywheel-1",
        "made": "2026-11-22",
        "minutes": 40,
        "machine": "2 cores",
        "tiny": True,
        "poisoned": "terse",
        "facts": {
            "sizes": {"rounds": 2, "cases": 8, "frozen": 8, "final": COUNT},
            "seed": 0,
            "patients": 30,
            "films": {"terse": {"frozen": {"child": 1, "adult": 2}}},
            "houses": {"terse": {"sentences": 42, "mined": 20}},
            "sides": {"least": 0.5, "findings": 10, "sided": 5},
            "most_of_one": 3,
        },
        "rounds": [
            {**one, "round": 0, "seconds": {}},
            {**later, "round": 1, "adapted": adapted, "gated": PASSED},
            {**later, "round": 2, "adapted": stopped, "gated": None},
        ],
        "final": {"terse": final, "narrative": final},
        "poisons": {
            "sides": {"reports": 70, "changed": 14, "batch": STOPPED, "gate": PASSED},
            "leaked": {"reports": 60, "left_out_by_selection": 60, "batch": None, "gate": PASSED},
        },
    }


def test_the_page_holds_every_figure_and_no_text_of_a_report(tmp_path: Path) -> None:
    whole = json.loads(json.dumps(result(good())))
    page.write(whole, tmp_path)
    text = (tmp_path / "flywheel.md").read_text(encoding="utf-8")
    assert "100% (100% to 100%)" in text
    assert "batch_sides_changed 0.200, limit 0.080" in text
    assert "selection leaves out 60 of 60" in text
    assert "14 of 70" in text
    assert "figures say nothing" in text
    ElementTree.parse(tmp_path / "flywheel-curve.svg")
    for truth in TRUTHS.values():
        for sentence in TERSE.text(truth).zh.split("\n"):
            assert sentence not in json.dumps(whole, ensure_ascii=False)


def test_goals_are_met_by_the_figures_alone() -> None:
    found = {goal.what: goal.met for goal in goals(result(good()))}
    assert found.pop("poison leaked") is Met.NO
    assert set(found.values()) == {Met.YES}


@pytest.mark.parametrize("better", ["base", "other"])
def test_an_adapter_that_is_no_better_fails(better: str) -> None:
    same = written(TERSE, TRUTHS)
    worse = written(NARRATIVE, TRUTHS)
    final = measured(**{"base": worse, "other": worse, "own_1": worse, better: same})
    found = {goal.what: goal.met for goal in goals(result(final))}
    assert found["terse: edit distance falls from the base to the last adapter"] is Met.NO
    assert found["terse: the other site's adapter is worse here"] is Met.NO
