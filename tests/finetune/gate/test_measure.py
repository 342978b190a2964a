"""Each bad candidate is stopped by the figure that it is bad in; an honest one passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radraft.eval.values import Drafted
from radraft.finetune.gate.decide import MANDATORY, complete, decide
from radraft.finetune.gate.drafts import Both, Pace
from radraft.finetune.gate.limits import limits
from radraft.finetune.gate.measure import measure
from radraft.llm.adapter import Check
from tests.finetune.gate.candidates import (
    Write,
    as_now,
    better,
    chinese_only,
    compared,
    copying,
    films,
    findings_missing,
    inventing,
    sides_exchanged,
)
from tests.finetune.gate.samples import Film
from tests.scale import scaled

pytestmark = pytest.mark.slow

HELD = limits().adapter
NO_LEAK = Check("leak", True, 0.0, None, None, 0.0, n=60)


@pytest.fixture(scope="module")
def shown() -> list[Film]:
    return films(60)


def checked(shown: list[Film], both: Both, patients: list[str] | None = None) -> dict[str, Check]:
    checks = complete((NO_LEAK, *measure([one.pair() for one in shown], both, HELD, patients)))
    return {check.code: check for check in checks}


def failed(checks: dict[str, Check]) -> set[str]:
    return {code for code, check in checks.items() if not check.passed}


def test_an_honest_improvement_passes(shown: list[Film]) -> None:
    checks = checked(shown, compared(shown, better))
    assert decide(list(checks.values()))
    assert tuple(checks) == MANDATORY
    distance = checks["edit_distance"]
    assert distance.value is not None
    assert distance.high is not None
    assert distance.value < distance.high < 0
    assert distance.candidate is not None
    assert distance.serving is not None
    assert distance.candidate - distance.serving == pytest.approx(distance.value)
    assert distance.n == 60


@pytest.mark.slow
@pytest.mark.scaled
def test_honest_improvements_pass_mostly() -> None:
    """60 reports are what the margins are made for."""
    sets = scaled(7, full=20)
    passed = 0
    for seed in range(1, sets + 1):
        shown = films(60, seed)
        passed += not failed(checked(shown, compared(shown, better, seed=seed)))
    assert passed >= 0.85 * sets


def test_the_same_again_is_no_improvement(shown: list[Film]) -> None:
    checks = checked(shown, compared(shown, as_now))
    assert failed(checks) == {"edit_distance"}
    assert (checks["edit_distance"].value, checks["edit_distance"].high) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("write", "by"),
    [
        (copying, {"image_dependence", "finding_f1_zh", "finding_f1_en"}),
        (chinese_only, {"finding_f1_en", "agreement"}),
        (sides_exchanged, {"laterality_errors_zh", "laterality_errors_en"}),
        (findings_missing, {"finding_f1_zh", "finding_f1_en", "image_dependence"}),
    ],
)
def test_a_bad_candidate_is_stopped_by_its_number(
    shown: list[Film], write: Write, by: set[str]
) -> None:
    checks = checked(shown, compared(shown, write))
    assert by <= failed(checks)
    assert not decide(list(checks.values()))


def test_one_language_is_judged_by_itself(shown: list[Film]) -> None:
    found = failed(checked(shown, compared(shown, chinese_only)))
    assert not {"finding_f1_zh", "hallucinations_zh", "laterality_errors_zh"} & found


SILENT = findings_missing
INVENTED = {"hallucinations_zh", "hallucinations_en"}


def test_beside_a_silent_model_what_is_mostly_right_may_invent() -> None:
    shown = films(60, seed=2)
    checks = checked(shown, compared(shown, inventing(0.95, 0.07), serving=SILENT))
    for code in INVENTED:
        check = checks[code]
        assert check.high is not None
        assert check.limit is not None
        assert check.high > check.limit
        assert check.passed
        assert check.detail["by"] == "stated_right"
        assert check.detail["right_low"] >= HELD.stated_right
        assert check.detail["found_serving"] == 0
        assert check.detail["found_gain_low"] > 0


@pytest.mark.parametrize(("right", "invented"), [(0.9, 0.3), (0.3, 0.15), (0.0, 0.15)])
def test_beside_a_silent_model_guesses_are_stopped(right: float, invented: float) -> None:
    shown = films(60, seed=2)
    checks = checked(shown, compared(shown, inventing(right, invented), serving=SILENT))
    assert failed(checks) >= INVENTED


def test_what_finds_no_more_may_not_invent_more() -> None:
    """It is as often right as one that may, and nothing is gained."""
    shown = films(60, seed=2)
    checks = checked(shown, compared(shown, inventing(1.0, 0.08), serving=inventing(1.0, 0.0)))
    assert failed(checks) >= INVENTED
    assert checks["hallucinations_zh"].detail["right_low"] > HELD.stated_right


def test_what_is_within_the_margin_needs_no_more(shown: list[Film]) -> None:
    assert checked(shown, compared(shown, better))["hallucinations_zh"].detail["by"] == "margin"


def test_wrong_sides_are_found_where_sides_are_rare() -> None:
    """Hardly an error a report, and all sides wrong."""
    shown = films(500, seed=5)
    sided = [one for one in shown if any(one.there.values())][:12]
    plain = [one for one in shown if not any(one.there.values())][:160]
    mixed = [replace(one, drafted=dict(one.there)) for one in (*sided, *plain)]
    checks = checked(mixed, compared(mixed, sides_exchanged))
    wrong = checks["laterality_errors_zh"]
    assert wrong.high is not None
    assert wrong.limit is not None
    assert wrong.high < wrong.limit
    assert wrong.detail["rate"] > HELD.side_rate
    assert not wrong.passed


def test_a_draft_that_failed_is_the_candidates_fault(shown: list[Film]) -> None:
    both = compared(shown, better)
    own = list(both.candidate.own)
    own[3] = Drafted(own[3].id, (), (), failed="llm_bad_format")
    own[5] = replace(own[5], en=("",) * len(own[5].zh))
    checks = checked(shown, replace(both, candidate=replace(both.candidate, own=tuple(own))))
    assert failed(checks) == {"format"}
    assert checks["format"].value == 2.0
    assert checks["format"].detail["cases"] == sorted((own[3].id, own[5].id))
    assert checks["format"].detail["reasons"] == ["empty", "llm_bad_format"]


def test_a_slow_candidate_is_stopped(shown: list[Film]) -> None:
    checks = checked(shown, compared(shown, better, seconds=11.5))
    assert failed(checks) == {"speed"}
    assert checks["speed"].value == pytest.approx(1.15, abs=0.03)


def test_a_shorter_report_is_not_slower(shown: list[Film]) -> None:
    """Reading the prompt takes most of the time: half the tokens take more than half of it."""
    both = compared(shown, better)
    paces = tuple(Pace(8.0, 50) for _ in range(24))
    speed = checked(shown, replace(both, candidate=replace(both.candidate, paces=paces)))["speed"]
    assert speed.passed
    assert speed.detail["per"] == "draft"
    assert speed.detail["ratio_per_token"] > HELD.speed_ratio


def test_too_few_timed_drafts_do_not_pass(shown: list[Film]) -> None:
    both = compared(shown, better)
    few = replace(both.candidate, paces=both.candidate.paces[:15])
    assert failed(checked(shown, replace(both, candidate=few))) == {"speed"}


def test_what_the_set_cannot_tell_is_recorded_and_passes() -> None:
    normal = [replace(film, there={}, denied=()) for film in films(30, seed=3)]
    both = replace(compared(normal, better), shuffled=())
    checks = checked(normal, both)
    for code in ("critical_recall_zh", "image_dependence"):
        assert (checks[code].passed, checks[code].value) == (True, None)


def test_reports_of_one_patient_are_drawn_together(shown: list[Film]) -> None:
    """Twelve patients of five reports each: other draws, the same value."""
    both = compared(shown, better)
    alone = checked(shown, both)["finding_f1_zh"]
    together = checked(shown, both, [f"p{place % 12}" for place in range(60)])["finding_f1_zh"]
    assert alone.value == together.value
    assert (alone.low, alone.high) != (together.low, together.high)
    each = checked(shown, both, [f"p{place}" for place in range(60)])["finding_f1_zh"]
    assert (alone.low, alone.high) == (each.low, each.high)


def test_no_check_can_be_left_out() -> None:
    passing = [Check(code, True, 0.0, None, None, 0.0) for code in MANDATORY]
    assert decide(passing)
    for place, check in enumerate(passing):
        without = passing[:place] + passing[place + 1 :]
        assert not decide(without)
        (missing,) = [one for one in complete(without) if not one.passed]
        assert (missing.code, missing.detail["missing"]) == (check.code, True)
        assert not decide([*passing, check])
    assert not decide([])
