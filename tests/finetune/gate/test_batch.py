"""What stops a batch of signed reports, how surely, and what does not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from radraft.finetune.gate.batch import QUESTIONS, abnormality, check_batch, check_readings
from radraft.finetune.gate.limits import limits
from radraft.finetune.gate.reading import Reading, read
from radraft.llm.adapter import Check
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import Origin, Report, Sentence, both
from tests.finetune.gate.samples import (
    LEFT,
    RIGHT,
    Film,
    Habit,
    Poison,
    emptied,
    film,
    one_gone,
    pair,
    report,
    swapped,
    without_side,
)
from tests.scale import scaled

POISONS: Mapping[str, Poison] = {"swapped": swapped, "emptied": emptied, "one_gone": one_gone}
BATCHES = scaled(100, full=200)


@dataclass(frozen=True)
class Site:
    """Films of a site, each read as honestly signed and as poisoned."""

    films: tuple[Film, ...]
    honest: Mapping[str, Reading]
    poisoned: Mapping[str, Mapping[str, Reading]]

    @classmethod
    def of(cls, habit: Habit, *poisons: str) -> Site:
        draw = random.Random(7)
        films = tuple(film(number, draw, habit) for number in range(400))
        return cls(
            films,
            {one.case_id: read(one.pair()) for one in films},
            {
                name: {
                    one.case_id: read(one.pair(POISONS[name](one, draw)))
                    for one in films
                    if one.there and not (name == "swapped" and without_side(one))
                }
                for name in poisons
            },
        )

    def stopped(self, n: int, history: int, poison: str | None = None) -> Counter[str]:
        """How many of the batches each question stops, and all together; of a poisoned batch, a
        fifth of the reports are."""
        found: Counter[str] = Counter(dict.fromkeys(("any", *QUESTIONS), 0))
        for seed in range(BATCHES):
            draw = random.Random(seed)
            chosen = draw.sample(self.films, n + history)
            batch, before = chosen[:n], chosen[n:]
            bad = self.poisoned[poison] if poison else {}
            able = [one.case_id for one in batch if one.case_id in bad]
            hit = set(draw.sample(able, min(len(able), n // 5)))
            checks = check_readings(
                [(bad if one.case_id in hit else self.honest)[one.case_id] for one in batch],
                [self.honest[one.case_id] for one in before],
                {one.case_id: one.sights for one in chosen},
            )
            failed = [check.code for check in checks if not check.passed]
            found.update(failed)
            found["any"] += bool(failed)
        return found


@pytest.fixture(scope="module")
def site() -> Site:
    """Its adapter names sides, mostly right; each draft has several wrong findings."""
    return Site.of(Habit(), *POISONS)


@pytest.mark.slow
def test_the_encoder_and_the_reader_disagree_as_they_do(site: Site) -> None:
    """The simulated noise is what it is said to be."""
    scores = {one.case_id: abnormality(one.sights) or 0.0 for one in site.films}
    ill = [scores[one.case_id] for one in site.films if one.there]
    well = [scores[one.case_id] for one in site.films if not one.there]
    auroc = sum(a > b for a in ill for b in well) / (len(ill) * len(well))
    assert 0.84 < auroc < 0.92
    wrong = [len(one.drafted.keys() - one.there.keys()) for one in site.films]
    assert 2.5 < sum(wrong) / len(wrong) < 3.5


@pytest.mark.slow
@pytest.mark.scaled
def test_clean_batches_pass(site: Site) -> None:
    for n, history in ((60, 60), (80, 120), (100, 250)):
        assert site.stopped(n, history)["any"] <= 0.04 * BATCHES


@pytest.mark.slow
@pytest.mark.scaled
def test_exchanged_sides_are_caught(site: Site) -> None:
    for n, history in ((60, 60), (80, 120), (100, 250)):
        assert site.stopped(n, history, "swapped")["any"] >= 0.98 * BATCHES


@pytest.mark.slow
@pytest.mark.scaled
def test_exchanged_sides_are_caught_by_draft_and_by_sight(site: Site) -> None:
    found = site.stopped(100, 250, "swapped")
    assert found["batch_sides_changed"] >= 0.75 * BATCHES
    assert found["batch_sides_unseen"] >= 0.95 * BATCHES


@pytest.mark.slow
@pytest.mark.scaled
def test_missing_findings_are_caught(site: Site) -> None:
    """The larger the batch and the history, the surer."""
    counts = [
        site.stopped(n, history, "emptied")["batch_findings_denied"]
        for n, history in ((60, 60), (80, 120), (100, 250))
    ]
    assert counts[0] >= 0.5 * BATCHES
    assert counts[1] >= 0.775 * BATCHES
    assert counts[2] >= 0.975 * BATCHES
    assert site.stopped(100, 250, "one_gone")["any"] >= 0.55 * BATCHES


@pytest.mark.slow
@pytest.mark.scaled
def test_a_model_without_sides_leaves_it_to_the_encoder() -> None:
    site = Site.of(Habit(sided=0.0), "swapped")
    assert site.stopped(80, 120)["any"] <= 0.04 * BATCHES
    found = site.stopped(80, 120, "swapped")
    assert found["batch_sides_changed"] == 0
    assert found["batch_sides_unseen"] >= 0.95 * BATCHES


@pytest.mark.slow
@pytest.mark.scaled
def test_an_encoder_that_sees_no_sides_stops_nobody() -> None:
    """The shipped encoder is nearly so: then only drafts that name sides show an exchange."""
    site = Site.of(Habit(sided=0.95, side_shift=0.0), "swapped")
    assert site.stopped(80, 120)["any"] <= 0.04 * BATCHES
    found = site.stopped(100, 250, "swapped")
    assert found["batch_sides_unseen"] <= 0.05 * BATCHES
    assert found["batch_sides_changed"] >= 0.95 * BATCHES


def by_code(checks: Sequence[Check]) -> dict[str, Check]:
    return {check.code: check for check in checks}


def alike(count: int, signed: Report, drafted: Report, start: int = 0) -> list[TrainingPair]:
    return [
        pair(
            f"c-{number:016x}",
            replace(drafted, case_id=f"c-{number:016x}"),
            replace(signed, case_id=f"c-{number:016x}"),
            number=number,
        )
        for number in range(start, start + count)
    ]


RIGHT_SIDE = report("c", {"pleural_effusion": RIGHT})
LEFT_SIDE = report("c", {"pleural_effusion": LEFT})


def test_a_failed_check_names_the_cases_and_no_text() -> None:
    batch = alike(40, LEFT_SIDE, LEFT_SIDE) + alike(10, RIGHT_SIDE, LEFT_SIDE, start=40)
    history = alike(60, LEFT_SIDE, LEFT_SIDE, start=100)
    check = by_code(check_batch(batch, history, {}))["batch_sides_changed"]
    assert not check.passed
    assert (check.value, check.candidate, check.serving, check.n) == (0.2, 0.2, 0.0, 50)
    assert check.detail["cases"] == [f"c-{number:016x}" for number in range(40, 50)]
    assert check.detail["against"] == "history"
    assert check.detail["p"] < limits().batch.p
    assert set(check.detail) == {"p", "p_limit", "against", "history", "cases"}


@pytest.mark.slow
def test_a_rise_within_the_margin_passes_however_sure() -> None:
    batch = alike(950, LEFT_SIDE, LEFT_SIDE) + alike(50, RIGHT_SIDE, LEFT_SIDE, start=950)
    history = alike(1000, LEFT_SIDE, LEFT_SIDE, start=2000)
    check = by_code(check_batch(batch, history, {}))["batch_sides_changed"]
    assert check.detail["p"] < 1e-6
    assert check.passed


def test_without_history_the_prior_rates_hold() -> None:
    clean, half = alike(40, LEFT_SIDE, LEFT_SIDE), alike(40, RIGHT_SIDE, LEFT_SIDE, start=40)
    check = by_code(check_batch(clean, (), {}))["batch_sides_changed"]
    assert check.passed
    assert check.detail["against"] == "prior"
    assert check.serving == limits().batch.questions["batch_sides_changed"].prior
    assert not by_code(check_batch(half, clean[:29], {}))["batch_sides_changed"].passed


def test_what_no_report_bears_on_passes_without_a_value() -> None:
    normal = report("c", {})
    for check in check_batch(alike(40, normal, normal), alike(40, normal, normal, start=40), {}):
        if check.code in {"batch_sides_changed", "batch_sides_unseen", "batch_sections_disagree"}:
            assert (check.passed, check.value, check.n) == (True, None, 0)


def test_languages_and_sections_that_disagree_are_caught() -> None:
    mixed = [one.reworded(en=other.en) for one, other in
             zip(LEFT_SIDE.sentences, RIGHT_SIDE.sentences, strict=True)]  # fmt: skip
    languages = Report("c", tuple(mixed[:1]), tuple(mixed[1:]))
    sections = Report("c", LEFT_SIDE.findings, RIGHT_SIDE.impression)
    history = alike(60, LEFT_SIDE, LEFT_SIDE, start=100)
    for bad, code in (
        (languages, "batch_languages_disagree"),
        (sections, "batch_sections_disagree"),
    ):
        batch = alike(40, LEFT_SIDE, LEFT_SIDE) + alike(10, bad, LEFT_SIDE, start=40)
        failed = [check.code for check in check_batch(batch, history, {}) if not check.passed]
        assert failed == [code]


def test_both_lungs_and_the_lungs_are_the_same_side() -> None:
    clear = Sentence("f1", both("双肺清晰。", "The lungs are clear.", Origin.MODEL))
    opaque = Sentence("f1", both("双肺可见实变影。", "Consolidation is seen.", Origin.MODEL))
    right = Sentence(
        "f1", both("右肺可见实变影。", "Consolidation in the left lung.", Origin.MODEL)
    )
    for said, differing in ((clear, False), (opaque, False), (right, True)):
        signed = Report("c", (said,), ())
        assert bool(read(pair("c", signed, signed)).differing) is differing


def test_the_order_of_questions_is_the_limits_order() -> None:
    assert list(QUESTIONS) == list(limits().batch.questions)
    assert [check.code for check in check_batch((), (), {})] == list(QUESTIONS)
