"""Which language is read, and what a report's mentions amount to."""

from __future__ import annotations

import pytest

from radraft.reports.findings.extract import claims_prior, extract, status
from radraft.reports.findings.values import Mention
from radraft.reports.values import Certainty, Lang


def test_status_takes_the_most_certain_statement() -> None:
    mentions = [
        Mention("pleural_effusion", Certainty.ABSENT),
        Mention("pleural_effusion", Certainty.UNCERTAIN),
        Mention("pneumothorax", Certainty.ABSENT),
    ]
    assert status(mentions) == {
        "pleural_effusion": Certainty.UNCERTAIN,
        "pneumothorax": Certainty.ABSENT,
    }


def test_status_implies_the_parents_of_what_is_there() -> None:
    found = status([Mention("consolidation", Certainty.PRESENT)])
    assert found == {
        "consolidation": Certainty.PRESENT,
        "airspace_opacity": Certainty.PRESENT,
        "lung_opacity": Certainty.PRESENT,
    }


def test_status_says_nothing_of_the_parents_of_what_is_absent() -> None:
    assert status([Mention("rib_fracture", Certainty.ABSENT)]) == {"rib_fracture": Certainty.ABSENT}


def test_status_counts_a_variant_as_its_finding() -> None:
    found = status([Mention("enlarged_cardiac_silhouette", Certainty.PRESENT)])
    assert found == {"cardiomegaly": Certainty.PRESENT}


@pytest.mark.parametrize(
    ("lang", "text"), [("en", "Small left pleural effusion."), ("zh", "左侧胸腔少量积液。")]
)
def test_both_languages_are_read(lang: Lang, text: str) -> None:
    (mention,) = extract(text, lang)
    assert mention.code == "pleural_effusion"
    assert not claims_prior(text, lang)
