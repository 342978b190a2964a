"""Negations of one another, over any words between them, and how many of the kinds are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.bench.finding_sentences import is_right, load
from radraft.reports.findings.extract import extract
from radraft.reports.values import Certainty

_FINDINGS = {
    "pleural_effusion": "a left pleural effusion",
    "splenic_rupture": "a splenic laceration",
    "subdural_hematoma": "a subdural haematoma",
    "cord_compression": "cord compression",
}
_TWICE = [
    "No film has failed to show {}.",
    "Not a single image fails to show {}.",
    "At no time was the patient free of {}.",
    "Nobody could deny {}.",
    "The claim that there is not {} is incorrect.",
    "The report of no sign of {} was mistaken.",
    "It would be wrong to call this study free of {}.",
    "The patient is by no means free of {}.",
    "Neither CT nor MRI fails to show {}.",
    "The study is not negative for {}.",
]
_OPEN = [
    "Nothing here disproves {}.",
    "There is no evidence against {}.",
    "I am not convinced that there is not {}.",
    "We could neither confirm nor refute {}.",
    "It cannot be claimed that there is not {}.",
    "Nobody can be sure that this is not {}.",
    "The absence of {} is far from certain.",
]
_ONCE = [
    "No film shows {}.",
    "Not one image shows {}.",
    "The patient is free of {}.",
    "The scan fails to show {}.",
    "The lungs are not fully expanded, without {}.",
    "Although not ideal, there is no sign of {}.",
]


def _polarities(sentence: str, code: str) -> list[Certainty]:
    return [mention.polarity for mention in extract(sentence, "en") if mention.code == code]


@pytest.mark.parametrize("code", _FINDINGS)
@pytest.mark.parametrize("frame", _TWICE)
def test_a_finding_denied_twice_is_there(frame: str, code: str) -> None:
    assert _polarities(frame.format(_FINDINGS[code]), code) == [Certainty.PRESENT]


@pytest.mark.parametrize("code", _FINDINGS)
@pytest.mark.parametrize("frame", _OPEN)
def test_what_is_not_ruled_out_is_in_doubt(frame: str, code: str) -> None:
    assert _polarities(frame.format(_FINDINGS[code]), code) == [Certainty.UNCERTAIN]


@pytest.mark.parametrize("code", _FINDINGS)
@pytest.mark.parametrize("frame", _ONCE)
def test_a_finding_denied_once_is_absent(frame: str, code: str) -> None:
    assert _polarities(frame.format(_FINDINGS[code]), code) == [Certainty.ABSENT]


def test_the_sentences_of_the_kinds_are_read() -> None:
    """The rules were mended on them: the share holds what was reached."""
    examples = load(Path(__file__).with_name("data") / "en_kinds.jsonl")
    right = sum(map(is_right, examples))
    assert len(examples) >= 1000
    assert right / len(examples) >= 0.955
