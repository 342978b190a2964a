"""A set drafted by a model that looks, at the wire, beside reports that nobody drafted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from radraft.bench.starter_card.baselines import blank, common_note, majority, nearest, retrieved
from radraft.bench.starter_card.drafts import inputs, measure, written
from radraft.bench.starter_card.material import Material, Source
from radraft.bench.starter_card.questions import fourteen, stated
from radraft.bench.starter_card.values import Known
from radraft.eval.draft_set import Model
from radraft.eval.values import Drafted
from radraft.llm.profiles import load_profile
from radraft.reports.values import Certainty
from tests.bench.starter_card.builders_material import material
from tests.eval.looks.looking_model import LookingModel, looking_model
from tests.studies.builders import radiograph, write

RESAMPLES = 50
EFFUSION = {"pleural_effusion": Certainty.PRESENT}
NORMAL = {"no_finding": Certainty.PRESENT}
LABELS = (EFFUSION, NORMAL, EFFUSION, NORMAL)
AGES = ("050Y", "050Y", "050Y", "071Y")
POOL = (
    Known("a", {"pleural_effusion": True, "pneumothorax": False}, "Same note."),
    Known("b", {"pleural_effusion": False, "pneumothorax": False}, "Same note."),
    Known("c", {"pleural_effusion": False, "pneumothorax": False}, "Another."),
    Known("d", {"pleural_effusion": False, "pneumothorax": True}),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A bright left half is an effusion to the model; an even picture is normal."""
    folder = tmp_path_factory.mktemp("set")
    studies = []
    for number, labels in enumerate(LABELS):
        pixels = np.full((32, 48), 200 + number, dtype=np.uint16)
        pixels[:8, :8] = 3800
        if labels is EFFUSION:
            pixels[:, 24:] = 3800
        study = radiograph(
            pixels,
            StudyInstanceUID=f"1.2.826.0.1.3680043.10.2.{number + 1}",
            SOPInstanceUID=f"1.2.826.0.1.3680043.10.1.{number + 1}",
            SeriesInstanceUID=f"1.2.826.0.1.3680043.10.3.{number + 1}",
            PatientID=f"P{number}",
            PatientAge=AGES[number],
            PatientBirthDate="",
        )
        studies.append(write(study, folder / f"{number}" / "a.dcm").parent)
    return material(Source.NIH14, LABELS, POOL, studies=studies)


@pytest.fixture
def server() -> Iterator[LookingModel]:
    with looking_model() as server:
        yield server


@pytest.fixture
def model(server: LookingModel) -> Model:
    return Model(load_profile("qwen3-vl-8b-instruct"), server.endpoint, None)


def test_the_majority_is_the_most_frequent_labels(found: Material) -> None:
    drafts = majority(found.items, POOL)
    assert [draft.id for draft in drafts] == [item.id for item in found.items]
    assert len({(one.zh, one.en) for one in drafts}) == 1
    assert stated(" ".join(drafts[0].en), "en") == frozenset()
    more = majority(found.items, [*POOL, POOL[0], POOL[0]])
    assert stated(" ".join(more[0].en), "en") == {"Effusion"}


def test_retrieval_writes_the_nearest_images_labels(found: Material) -> None:
    pool = np.eye(4)
    near = nearest(np.array([[0.9, 0.1, 0, 0], [0, 0, 0.2, 0.8]]), pool)
    assert near.tolist() == [0, 3]
    drafts = retrieved(found.items[:2], POOL, near)
    assert [stated(" ".join(draft.en), "en") for draft in drafts] == [
        {"Effusion"},
        {"Pneumothorax"},
    ]
    assert [stated("".join(one.zh), "zh") for one in drafts] == [{"Effusion"}, {"Pneumothorax"}]


def test_the_common_note_is_the_most_frequent() -> None:
    assert common_note(POOL) == "Same note."
    assert common_note(POOL[3:]) == ""


def test_broken_answers_count_against_the_format_and_an_absent_server_does_not(
    found: Material,
) -> None:
    good = Drafted("i0", ("未见气胸。",), ("No pneumothorax.",))
    repeated = Drafted("i1", ("未见气胸。",) * 2, ("No pneumothorax.",) * 2)
    broken = Drafted("i2", (), (), failed="llm_answer_invalid")
    away = Drafted("i3", (), (), failed="llm_timeout")
    said = written([good, repeated, broken, away], found, RESAMPLES)
    assert (said["drafted"], said["answered"]) == (2, 3)
    assert said["valid_format"]["value"] == pytest.approx(2 / 3)
    assert said["failed"] == {"llm_answer_invalid": 1, "llm_timeout": 1}
    assert (said["with_a_repeated_sentence"], said["claim_a_prior"]) == (1, 0)
    assert said["agreement"]["zh_en_sentence_agreement"]["value"] == 1
    prior = Drafted("i0", ("与前片比较无变化。",), ("Unchanged from the prior study.",))
    assert written([prior], found, RESAMPLES)["claim_a_prior"] == 1


@pytest.mark.slow
def test_items_of_one_prompt_share_a_blank_draft(
    found: Material, model: Model, server: LookingModel, tmp_path: Path
) -> None:
    drafts = blank(found.items, model, tmp_path)
    assert [draft.id for draft in drafts] == [item.id for item in found.items]
    assert server.asked == ["none", "none"]
    assert len({one.en for one in drafts}) == 1


@pytest.mark.slow
def test_a_model_that_looks_is_ahead_of_all_that_do_not(
    found: Material, model: Model, server: LookingModel, tmp_path: Path
) -> None:
    neighbours = np.array([1, 0, 1, 0])
    asked = (fourteen(found.items),)
    result = measure(found, asked, neighbours, model, tmp_path, resamples=RESAMPLES)
    scores = result["scores"]["fourteen"]
    assert scores["systems"]["draft"]["zh"]["f1_micro"]["value"] == 1
    assert scores["systems"]["draft"]["en"]["f1/Effusion"]["value"] == 1
    for other in ("blank", "majority", "retrieval"):
        assert scores["systems"][other]["en"]["f1_micro"]["value"] == 0
        assert scores["ahead"][other]["en"]["value"] == 1
    assert scores["systems"]["shuffled"]["en"]["f1_micro"]["value"] < 1
    assert result["positives"]["Effusion"] == 2
    assert result["examples"] == []
    assert (result["items"], result["patients"], result["limit"]) == (4, 4, None)
    assert result["drafts"]["valid_format"]["value"] == 1
    assert result["drafts"]["different"] == 2
    count = len(server.asked)
    again = measure(found, asked, neighbours, model, tmp_path, resamples=RESAMPLES)
    assert again == result
    assert len(server.asked) == count
    assert inputs(found, model) == inputs(found, model)
