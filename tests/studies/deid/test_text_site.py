"""A hospital's own recognisers, in Presidio's form, and ours in Presidio's engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.errors import SettingsError
from radraft.studies.deid import recognisers_site
from radraft.studies.deid.text import find, recognisers
from radraft.studies.deidentify import identifies
from tests.studies.deid.text_corpus import corpus

OWN = """
recognizers:
  - name: ward tag
    supported_entity: WARD_TAG
    supported_languages: [zh, en]
    patterns:
      - {name: sure, regex: 'WT-[A-Z]{3}', score: 0.8}
      - {name: unsure, regex: '[A-Z]{2}/[A-Z]{2}', score: 0.2}
    context: [病区, ward]
    deny_list: [Tower B]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("tag wt-abc", ["wt-abc"]),
        ("病区 AB/CD", ["AB/CD"]),
        ("ratio AB/CD", []),
        ("ward" + 50 * "." + "AB/CD", []),
        ("from Tower B", ["Tower B"]),
        ("from Tower Bay", []),
    ],
)
def test_own_patterns(own: Path, text: str, values: list[str]) -> None:
    found = find(text, recognisers_site.read(own))
    assert [text[one.start : one.end] for one in found] == values
    assert {one.kind for one in found} <= {"WARD_TAG"}


def test_the_file_that_the_environment_names_is_used(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not identifies("tag WT-ABC")
    recognisers_site.of_site.cache_clear()
    monkeypatch.setenv(recognisers_site.VARIABLE, str(own))
    try:
        assert identifies("tag WT-ABC")
        assert len(recognisers()) > len(recognisers_site.of_site()) == 3
    finally:
        monkeypatch.delenv(recognisers_site.VARIABLE)
        recognisers_site.of_site.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "recognizers: 3",
        OWN.replace("WT-[A-Z]{3}", "WT-["),
        OWN.replace("WT-[A-Z]{3}", "x*"),
        OWN.replace("score: 0.8", "score: 8"),
        OWN + "    unknown: 1\n",
        "{",
    ],
)
def test_a_file_that_cannot_be_used_stops_everything(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        recognisers_site.read(path)
    assert caught.value.code == "deid_recognisers_invalid"
    with pytest.raises(SettingsError):
        recognisers_site.read(tmp_path / "missing.yaml")


def test_a_recogniser_can_be_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        OWN.replace("    context:", "    enabled: false\n    context:"), encoding="utf-8"
    )
    assert recognisers_site.read(path) == ()


@pytest.mark.slow
def test_presidio_finds_the_same_with_our_recognisers(own: Path) -> None:
    from radraft.studies.deid.recognisers_presidio import analyzer

    rules = (*recognisers(), *recognisers_site.read(own))
    engine = analyzer(rules)
    for planted in corpus(6107, 150, held=False):
        text = " ".join(planted.text.split())
        theirs = {
            place
            for one in engine.analyze(text, language="zh")
            for place in range(one.start, one.end)
        }
        ours = {place for one in find(text, rules) for place in range(one.start, one.end)}
        # Stars that stood there before stay stars.
        assert ours == {place for place in theirs if text[place] != "*"}, text
