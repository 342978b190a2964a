"""The kept questions about signed reports are well-formed, and are what their README counts."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "bench" / "unseen" / "ask"
FIRST = ("seen", "unseen")
"""The halves of the set that was asked for."""
HALVES = (*FIRST, "second_unseen")
LEARNED = ("learned_a", "learned_b", "learned_c", "learned_d")
"""Sets to learn from: their notes on injections are not held to what a test set is."""
LANGUAGES = ("zh", "en", "mixed")
OUTCOMES = (
    "answered", "corrected premise", "uncertain", "not mentioned", "cannot answer", "refused",
)  # fmt: skip
ANSWERABLE = frozenset(OUTCOMES[:3])
KINDS = (
    "presence", "side", "place", "size", "number", "change", "certainty", "cause", "advice",
    "device_position", "quality", "who_when_how", "definition", "comparison", "image",
    "out_of_scope",
)  # fmt: skip
SENTENCE_LISTS = ("findings", "impression", "addenda")
METADATA: dict[str, Callable[[dict[str, Any]], Any]] = {
    "technique": lambda report: report["examination"]["technique"],
    "quality": lambda report: report["examination"]["quality"],
    "history": lambda report: report["order"]["history"],
    "ordered_by": lambda report: report["order"]["ordered_by"],
    "author": lambda report: report["author"],
    "reviewer": lambda report: report["reviewer"],
    "performed_at": lambda report: report["times"]["performed"],
    "signed_at": lambda report: report["times"]["signed"],
    "critical_alert": lambda report: report["critical_alert"],
}
VALUES = {"numbers", "side", "change", "date", "time", "any_of"}
CHANGES = {"larger", "smaller", "unchanged", "new", "resolved", "moved", "better", "worse"}


def _lines(name: str) -> list[dict[str, Any]]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@cache
def reports(half: str) -> dict[str, dict[str, Any]]:
    """Return the reports of that half by their ids."""
    return {report["id"]: report for report in _lines(f"reports_{half}.jsonl")}


@cache
def questions(half: str) -> list[dict[str, Any]]:
    """Return the questions of that half."""
    return _lines(f"questions_{half}.jsonl")


def sentences(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the report's sentences by their ids."""
    return {each["id"]: each for name in SENTENCE_LISTS for each in report[name]}


def ids(half: str) -> set[str]:
    """Return everything of that half that an answer may cite: `report/sentence` and
    `report/metadata field`, without the fields that are empty."""
    found = set()
    for report in reports(half).values():
        found |= {f"{report['id']}/{each}" for each in sentences(report)}
        found |= {f"{report['id']}/{field}" for field, read in METADATA.items() if read(report)}
    return found


def table(half: str) -> str:
    """Return the README's table of that half: questions by kind, outcome and language."""
    counts = Counter((each["kind"], each["expected"], each["lang"]) for each in questions(half))
    rows = [("kind", *OUTCOMES), ("---",) * (len(OUTCOMES) + 1)]
    for kind in KINDS:
        cells = (
            "/".join(str(counts[kind, outcome, lang]) for lang in LANGUAGES) for outcome in OUTCOMES
        )
        rows.append((kind, *cells))
    sums = Counter(each["expected"] for each in questions(half))
    rows.append(("all", *(str(sums[outcome]) for outcome in OUTCOMES)))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


@pytest.mark.parametrize("half", HALVES + LEARNED)
def test_ids_are_unique_and_every_report_names_its_own_earlier_ones(half: str) -> None:
    kept = reports(half)
    assert len(kept) == len(_lines(f"reports_{half}.jsonl"))
    assert len({each["accession"] for each in kept.values()}) == len(kept)
    assert len({each["id"] for each in questions(half)}) == len(questions(half))
    for report in kept.values():
        patient, performed = report["patient"]["id"], report["times"]["performed"]
        earlier = {
            other["id"]
            for other in kept.values()
            if other["patient"]["id"] == patient and other["times"]["performed"] < performed
        }
        assert set(report["priors"]) == earlier, report["id"]


@pytest.mark.parametrize("half", HALVES)
def test_a_report_is_whole(half: str) -> None:
    for report in reports(half).values():
        own = sentences(report)
        assert len(own) == sum(len(report[name]) for name in SENTENCE_LISTS), report["id"]
        assert 6 <= len(own) <= 30, report["id"]
        assert report["findings"], report["id"]
        assert report["impression"], report["id"]
        assert all(each.get("zh") or each.get("en") for each in own.values()), report["id"]
        times = [datetime.fromisoformat(report["times"][name]) for name in
                 ("ordered", "performed", "submitted", "signed")]  # fmt: skip
        assert times == sorted(times), report["id"]
        for name in ("measurements", "devices", "changes"):
            assert {each["sentence"] for each in report[name]} <= set(own), report["id"]
        assert {each["prior"] for each in report["changes"]} <= set(report["priors"])
        assert {each["change"] for each in report["changes"]} <= CHANGES
        alert = report["critical_alert"]
        assert alert is None or alert["sentence"] in own, report["id"]


def test_no_patient_is_in_both_halves() -> None:
    for one, other in combinations(HALVES + LEARNED, 2):
        first, second = (
            {each["patient"]["id"] for each in reports(half).values()} for half in (one, other)
        )
        assert not first & second
        assert not set(reports(one)) & set(reports(other))


@pytest.mark.parametrize("half", HALVES + LEARNED)
def test_a_question_cites_what_there_is(half: str) -> None:
    citable = ids(half)
    for question in questions(half):
        name, report = question["id"], reports(half)[question["report"]]
        assert question["kind"] in KINDS, name
        assert question["lang"] in LANGUAGES, name
        assert question["expected"] in OUTCOMES, name
        others = question.get("also_right", [])
        assert set(others) <= set(OUTCOMES) - {question["expected"]}, name
        assert ("false_premise" in question) == (question["expected"] == "corrected premise"), name
        assert bool(question.get("cites")) == (question["expected"] in ANSWERABLE), name
        assert ("related" in question) == (question["expected"] not in ANSWERABLE), name
        reachable = {report["id"], *report["priors"]}
        for alternative in question.get("cites", []) + question.get("related", []):
            assert alternative, name
            assert set(alternative) <= citable, name
            assert {cited.split("/")[0] for cited in alternative} <= reachable, name
        for value in question.get("values", []):
            assert VALUES & set(value), name
            assert value.get("change", "new") in CHANGES, name
        assert question.get("polarity", "present") in ("present", "absent", "uncertain"), name
        if question["expected"] == "uncertain":
            assert question["polarity"] == "uncertain", name


@pytest.mark.parametrize("half", HALVES)
def test_languages_are_what_they_say(half: str) -> None:
    for question in questions(half):
        chinese = bool(re.search("[\u4e00-\u9fff]", question["text"]))
        assert chinese == (question["lang"] != "en") or "injection" in question, question["id"]


@pytest.mark.parametrize("half", HALVES + LEARNED)
def test_chains_are_three_turns_about_one_report(half: str) -> None:
    chains = defaultdict(list)
    for question in questions(half):
        if "chain" in question:
            chains[question["chain"]].append(question)
    for name, turns in chains.items():
        assert [each["turn"] for each in turns] == [1, 2, 3], name
        assert len({each["report"] for each in turns}) == 1, name


@pytest.mark.parametrize("half", HALVES + LEARNED)
def test_a_pair_asks_for_one_fact_in_both_languages(half: str) -> None:
    pairs = defaultdict(list)
    for question in questions(half):
        if "pair" in question:
            pairs[question["pair"]].append(question)
    same = ("report", "kind", "expected", "cites", "related", "values", "polarity", "also_right")
    for name, pair in pairs.items():
        assert sorted(each["lang"] for each in pair) == ["en", "zh"], name
        assert all(pair[0].get(key) == pair[1].get(key) for key in same), name


@pytest.mark.parametrize("half", HALVES)
def test_a_canary_stands_where_it_was_planted_and_nowhere_else(half: str) -> None:
    planted: dict[str, str] = {}
    for report in reports(half).values():
        for injection in report["injections"]:
            where = f"{report['id']}/{injection['where']}"
            assert injection["canary"] not in planted, where
            planted[injection["canary"]] = where
    for question in questions(half):
        injection = question.get("injection")
        if injection is None:
            continue
        name, canary = question["id"], injection["canary"]
        assert injection["where"] in ("question", "history", "sentence", "prior"), name
        if injection["where"] == "question":
            assert canary in question["text"], name
            assert canary not in planted, name
            assert injection["in"] is None, name
        else:
            assert planted[canary] == injection["in"], name
            assert canary not in question["text"], name
            is_prior = injection["in"].split("/")[0] != question["report"]
            assert is_prior == (injection["where"] == "prior"), name
    texts = {
        f"{report['id']}/{key}": text
        for report in reports(half).values()
        for key, text in (
            ("history", report["order"]["history"]),
            *((key, each.get("zh", "") + each.get("en", "")) for key, each in
              sentences(report).items()),
        )
    }  # fmt: skip
    canaries = {*planted, *(each["injection"]["canary"] for each in questions(half)
                            if "injection" in each)}  # fmt: skip
    for canary in canaries:
        found = {name for name, text in texts.items() if canary in text}
        assert found == ({planted[canary]} if canary in planted else set()), canary
    others = " ".join(
        path.read_text(encoding="utf-8")
        for path in FOLDER.iterdir()
        if not path.stem.endswith((f"_{half}", *LEARNED))
    )
    assert not [canary for canary in canaries if canary in others]


def test_the_set_is_as_large_as_asked() -> None:
    asked = [each for half in FIRST for each in questions(half)]
    outcomes = Counter(each["expected"] for each in asked)
    assert len(asked) >= 440
    assert outcomes["corrected premise"] >= len(asked) / 4
    assert outcomes["not mentioned"] >= len(asked) / 4
    assert len({each["chain"] for each in asked if "chain" in each}) >= 20
    assert len({each["pair"] for each in asked if "pair" in each}) >= 60
    assert sum("injection" in each for each in asked) >= 40
    kept = [each for half in FIRST for each in reports(half).values()]
    assert len(kept) >= 60
    patients = Counter(each["patient"]["id"] for each in kept)
    assert sum(count >= 2 for count in patients.values()) >= 20


@pytest.mark.parametrize("half", HALVES + LEARNED)
def test_the_readme_counts_what_there_is(half: str) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    asked, kept = questions(half), reports(half)
    assert table(half) in text
    lengths = [len(sentences(report)) for report in kept.values()]
    patients = Counter(each["patient"]["id"] for each in kept.values())
    injections = Counter(each["injection"]["where"] for each in asked if "injection" in each)
    row = (
        half, len(patients), sum(count > 1 for count in patients.values()), len(kept),
        sum(lengths), len(asked),
        len({each["chain"] for each in asked if "chain" in each}),
        len({each["pair"] for each in asked if "pair" in each}),
        "/".join(str(injections[where]) for where in ("question", "history", "sentence", "prior")),
    )  # fmt: skip
    assert "| " + " | ".join(map(str, row)) + " |" in text
