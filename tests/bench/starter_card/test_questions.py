"""What counts as right, question by question."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.bench.starter_card.baselines import written
from radraft.bench.starter_card.material import Source
from radraft.bench.starter_card.questions import (
    LABELS14,
    Question,
    fourteen,
    pneumonia,
    positives,
    present,
    questions,
    stated,
)
from radraft.eval.values import NOTHING
from radraft.reports.values import LANGS, Certainty, Lang
from tests.bench.starter_card.builders_material import CHILD_SICK, CHILD_WELL, material

CODES = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Effusion": "pleural_effusion",
    "Infiltration": "infiltrate",
    "Mass": "pulmonary_mass",
    "Nodule": "pulmonary_nodule",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
    "Consolidation": "consolidation",
    "Edema": "pulmonary_edema",
    "Emphysema": "emphysema",
    "Fibrosis": "pulmonary_fibrosis",
    "Pleural_Thickening": "pleural_thickening",
    "Hernia": "hiatal_hernia",
}


def _text(findings: dict[str, bool], lang: Lang) -> str:
    draft = written("a", findings)
    return "\n".join(draft.zh if lang == "zh" else draft.en)


@pytest.mark.parametrize("lang", LANGS)
def test_a_written_label_is_read_back(lang: Lang) -> None:
    assert set(CODES) == set(LABELS14)
    for label, code in CODES.items():
        findings = dict.fromkeys(CODES.values(), False) | {code: True}
        assert stated(_text(findings, lang), lang) == {label}
    normal = dict.fromkeys(CODES.values(), False)
    assert stated(_text(normal, lang), lang) == frozenset()
    several = normal | {"pleural_effusion": True, "cardiomegaly": True}
    assert stated(_text(several, lang), lang) == {"Effusion", "Cardiomegaly"}


@pytest.mark.parametrize("lang", LANGS)
def test_children_are_right_only_where_the_report_says_so(lang: Lang) -> None:
    (labelled, both) = questions(
        material(Source.KERMANY, [CHILD_SICK, CHILD_WELL]), Path("data"), Path("cache")
    )
    sick = _text({"pneumonia": True, "lung_opacity": True}, lang)
    well = _text({"pneumonia": False, "lung_opacity": False}, lang)
    assert (pneumonia(sick, lang), pneumonia(well, lang)) == (
        Certainty.PRESENT,
        Certainty.ABSENT,
    )
    right = both.score([sick, well], lang).corpus()
    assert (right["f1_micro"], right["f1/present"], right["f1/absent"]) == (1, 1, 1)
    assert labelled.score([sick, well], lang).corpus()["finding_f1_micro"] == 1
    wrong = both.score([well, sick], lang).corpus()
    assert wrong["f1_micro"] == 0
    silent = both.score([NOTHING, NOTHING], lang).corpus()
    assert (silent["f1_micro"], silent["recall_micro"]) == (0, 0)
    assert both.score([sick, sick], lang).corpus()["f1/absent"] == 0


def test_adults_pay_for_what_they_invent_on_an_abnormal_film() -> None:
    items = material(
        Source.NIH14, [{"pleural_effusion": Certainty.PRESENT}, {"no_finding": Certainty.PRESENT}]
    ).items
    question: Question = fourteen(items)
    effusion = _text({"pleural_effusion": True}, "en")
    more = _text({"pleural_effusion": True, "pneumothorax": True}, "en")
    normal = _text(dict.fromkeys(CODES.values(), False), "en")
    assert question.score([effusion, normal], "en").corpus()["f1_micro"] == 1
    assert question.score([more, normal], "en").corpus()["precision_micro"] == 0.5
    assert question.score([normal, effusion], "en").corpus()["f1_micro"] == 0
    assert positives(items)["Effusion"] == 1
    assert sum(positives(items).values()) == 1
    assert present(items[1]) == frozenset()


def test_notes_are_compared_in_english_where_there_are_any() -> None:
    sick = {"pneumonia": Certainty.PRESENT}
    found = material(Source.COVID, [sick, sick, sick], notes=["Lobar pneumonia.", "", "Fever."])
    _, notes = questions(found, Path("data"), Path("cache"))
    assert (notes.langs, notes.places) == (("en",), (0, 2))
    same = notes.score(["Lobar pneumonia.", "Fever."], "en").corpus()
    other = notes.score(["Normal heart.", "Clear lungs."], "en").corpus()
    assert same["rouge_l_f1"] == pytest.approx(1)
    assert other["rouge_l_f1"] == pytest.approx(0)
    assert set(notes.measures) <= set(same)
