"""Figures of what drafts state, by hand."""

from __future__ import annotations

import pytest

from radraft.bench.drafted_statements import Film, adults, children, share
from radraft.eval.values import Drafted
from radraft.finetune.starter.teacher import FINDINGS


def film(number: int, said: dict[str, bool], there: set[str], opacity: bool | None = None) -> Film:
    labels = {code: code in there for code in FINDINGS} | {"no_finding": not there}
    draft = Drafted(str(number), ("见图。",), ("See image.",))
    return Film(str(number), str(number), draft, {"zh": said, "en": said}, labels, opacity)


def test_adults() -> None:
    films = [
        film(1, {"pleural_effusion": True, "lung_opacity": True}, {"pleural_effusion"}, True),
        film(2, {"pneumothorax": False, "lung_opacity": True}, {"pneumothorax"}, False),
        film(3, {"atelectasis": True, "lung_opacity": False}, set(), False),
        film(4, {}, set()),
    ]
    found = adults(films)
    own = found["zh"]
    assert found["languages_agree"]["value"] == 1.0
    assert (own["precision"]["part"], own["precision"]["of"]) == (1, 2)
    assert (own["recall"]["part"], own["recall"]["of"]) == (1, 2)
    assert own["findings_told_a_film_without"]["value"] == 0.5
    assert own["films_without_told_none"]["value"] == 0.5
    assert (own["denials_wrong"]["part"], own["denials_wrong"]["of"]) == (1, 1)
    assert (own["opacity_precision"]["part"], own["opacity_precision"]["of"]) == (1, 2)
    assert own["opacity_recall"]["value"] == 1.0
    assert own["opacity_denials_wrong"]["part"] == 0 and own["opacity_denials_wrong"]["of"] == 1


def test_children() -> None:
    draft = Drafted("1", ("见图。",), ("See image.",))
    films = [
        Film(str(at), str(at), draft, {"zh": said, "en": said}, {"pneumonia": ill}, None)
        for at, (said, ill) in enumerate(
            [({"pneumonia": True}, True), ({"pneumonia": False}, True), ({}, False)]
        )
    ]
    own = children(films)["en"]
    assert own["precision"]["value"] == 1.0 and own["recall"]["value"] == 0.5
    assert own["denials_wrong"]["value"] == 1.0
    assert own["nothing_said"]["value"] == pytest.approx(0.333)


def test_few_decide_nothing_and_patients_are_drawn_whole() -> None:
    films = [film(1, {}, set())] * 30
    found = share(films, [True] * 15 + [False] * 15)
    # One patient: no other half could have been drawn.
    assert (found["value"], found["low"], found["high"]) == (0.5, 0.5, 0.5)
    assert not found["undecided"] and share(films[:19], [True] * 19)["undecided"]
    assert share(films, [False] * 30, [False] * 30)["value"] is None
