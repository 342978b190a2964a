"""Whether a goal is called met when, and only when, it is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from radraft.bench.starter_card.goals import Goal, Met, goals
from tests.bench.starter_card.builders import figure, stages


def _goal(of: dict[str, Any], start: str) -> Goal:
    (found,) = [goal for goal in goals(of) if goal.what.en.startswith(start)]
    return found


def _pneumonia(of: dict[str, Any]) -> list[Goal]:
    """The goal, the goal beside the untrained trunk, and that of the covered lungs."""
    return [goal for goal in goals(of) if "normal vs pneumonia" in goal.what.en]


def test_auroc_goals_compare_the_value_itself() -> None:
    of = stages()
    ways = of["encoder"]["values"]["kermany"]["auroc"]["pneumonia_in_child"]
    ways["trained"], ways["untrained"] = figure(0.993), figure(0.9929)
    plain, above, _ = _pneumonia(of)
    assert (plain.met, above.met) == (Met.YES, Met.YES)
    assert plain.wanted == "≥ 0.993"
    assert plain.found == "0.993 (0.973 to 1.013)"
    ways["trained"] = figure(0.9925)
    plain, above, _ = _pneumonia(of)
    assert (plain.met, above.met) == (Met.NO, Met.NO)
    ways["lungs_covered"] = figure(0.52, 0.02)
    assert _pneumonia(of)[2].met is Met.YES
    ways["lungs_covered"] = figure(0.53, 0.02)
    assert _pneumonia(of)[2].met is Met.NO


def test_a_baseline_is_far_below_only_with_its_whole_interval() -> None:
    of = stages()
    ahead = of["draft_kermany"]["values"]["scores"]["present_absent"]["ahead"]["shuffled"]
    ahead["zh"], ahead["en"] = figure(0.23, 0.02), figure(0.21, 0.02)
    found = {
        goal.what.en[-2:]: goal.met for goal in goals(of) if "shuffled images far" in goal.what.en
    }
    assert found == {"zh": Met.YES, "en": Met.NO}


def test_being_level_with_a_baseline_is_not_being_ahead() -> None:
    of = stages()
    systems = of["draft_nih14"]["values"]["scores"]["fourteen"]["systems"]
    for lang in ("zh", "en"):
        systems["draft"][lang]["f1_micro"] = figure(0.4)
        systems["majority"][lang]["f1_micro"] = figure(0.4)
        systems["retrieval"][lang]["f1_micro"] = figure(0.39)
        systems["blank"][lang]["f1_micro"] = figure(None)
    met = {
        goal.what.en.split("ahead of the ")[1]: goal.met
        for goal in goals(of)
        if goal.what.en.startswith("adults, all 14")
    }
    assert met["majority report, zh"] is Met.NO
    assert met["nearest-neighbour retrieval, en"] is Met.YES
    assert met["blank image, en"] is Met.UNKNOWN


def test_one_claimed_prior_or_one_broken_draft_is_too_many() -> None:
    of = stages()
    assert _goal(of, "sentences that claim a prior (covid)").met is Met.YES
    assert _goal(of, "valid format (covid)").met is Met.YES
    worse = deepcopy(of)
    drafts = worse["draft_covid"]["values"]["drafts"]
    drafts["claim_a_prior"] = 1
    drafts["valid_format"] = {"value": 0.998, "low": 0.99, "high": 0.999}
    assert _goal(worse, "sentences that claim a prior (covid)").met is Met.NO
    assert _goal(worse, "valid format (covid)").met is Met.NO


def test_stages_that_were_not_run_have_no_goals() -> None:
    of = stages()
    assert goals({}) == ()
    only = goals({"encoder": of["encoder"]})
    assert len(only) == 12
    assert all("AUROC" in one.what.en or "covered" in one.what.en for one in only)
