"""Drafting a set through the line, against a model at the wire that looks at the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from radraft.core.errors import EvalError
from radraft.core.settings import CHECKOUT
from radraft.eval.draft_set import Model, draft_set
from radraft.eval.looks.calibration import calibrate
from radraft.eval.looks.correct import judged
from radraft.eval.looks.intake import content_sha
from radraft.eval.looks.run import run
from radraft.eval.looks.values import Change, Drop, Perturbation
from radraft.eval.values import Drafted, SetItem
from radraft.llm.profiles import load_profile
from radraft.reports.values import Certainty
from tests.eval.looks.looking_model import WORDS, LookingModel, looking_model
from tests.studies.builders import radiograph, write

pytestmark = pytest.mark.slow

SIDES = ("left", "right", "right", "left", "right")
PROFILE = load_profile("qwen3-vl-8b-instruct")


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[SetItem]:
    """A bright side each; the picture's left is the patient's right."""
    folder = tmp_path_factory.mktemp("set")
    found = []
    for number, side in enumerate(SIDES):
        pixels = np.full((32, 48), 200 + number, dtype=np.uint16)
        half = slice(24, 48) if side == "left" else slice(0, 24)
        pixels[:, half] = 3800
        study = radiograph(
            pixels,
            StudyInstanceUID=f"1.2.826.0.1.3680043.10.2.{number + 1}",
            SOPInstanceUID=f"1.2.826.0.1.3680043.10.1.{number + 1}",
            SeriesInstanceUID=f"1.2.826.0.1.3680043.10.3.{number + 1}",
            PatientID=f"P{number}",
        )
        path = write(study, folder / f"{number}" / "a.dcm")
        zh, en = WORDS[side]
        labels = {"pleural_effusion": Certainty.PRESENT}
        found.append(SetItem(f"i{number}", path.parent, labels, zh, en))
    return found


@pytest.fixture(scope="module")
def keep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies are taken in once for all tests; drafts too, unless a test asks anew."""
    return tmp_path_factory.mktemp("keep")


@pytest.fixture
def server() -> Iterator[LookingModel]:
    with looking_model() as server:
        yield server


@pytest.fixture
def model(server: LookingModel) -> Model:
    return Model(PROFILE, server.endpoint, None)


def drop_drafts(keep: Path) -> None:
    for path in keep.glob("drafts/*.json"):
        path.unlink()


def sides(drafts: list[Drafted]) -> list[str]:
    named = {zh: side for side, (zh, _) in WORDS.items()}
    return [named[draft.zh[0]] for draft in drafts]


def test_drafts_come_in_order_and_finished_ones_are_never_asked_again(
    items: list[SetItem], keep: Path, model: Model, server: LookingModel
) -> None:
    drop_drafts(keep)
    moves: list[tuple[int, int]] = []
    first = draft_set(items, model, keep=keep, progress=lambda *move: moves.append(move))
    assert [draft.id for draft in first] == [item.id for item in items]
    assert sides(first) == list(SIDES)
    assert first[0].zh == (WORDS["left"][0],) * 2
    assert first[0].en == (WORDS["left"][1],) * 2
    assert moves == [(n, 5) for n in range(1, 6)]
    assert len(server.asked) == 5
    assert draft_set(items, model, keep=keep) == first
    assert len(server.asked) == 5


def test_a_broken_off_run_goes_on_where_it_was(
    items: list[SetItem], keep: Path, model: Model, server: LookingModel
) -> None:
    drop_drafts(keep)
    draft_set(items[:3], model, keep=keep)
    kept = sorted(keep.glob("drafts/*.json"))
    assert len(kept) == len(server.asked) == 3
    # A file that a power cut left half counts as none.
    kept[0].write_text(kept[0].read_text()[:20])
    assert sides(draft_set(items, model, keep=keep)) == list(SIDES)
    assert len(server.asked) == 3 + 2 + 1


def test_a_failure_of_the_server_is_not_kept(
    items: list[SetItem], keep: Path, model: Model, server: LookingModel
) -> None:
    drop_drafts(keep)
    server.status = 500
    failed = draft_set(items[:2], model, keep=keep)
    assert [draft.failed for draft in failed] == ["llm_unreachable"] * 2
    assert (failed[0].zh, failed[0].en) == ((), ())
    assert not list(keep.glob("drafts/*.json"))
    server.status = 200
    assert sides(draft_set(items[:2], model, keep=keep)) == ["left", "right"]


def test_another_adapter_or_change_is_drafted_anew(
    items: list[SetItem], keep: Path, model: Model, server: LookingModel
) -> None:
    drop_drafts(keep)
    draft_set(items[:1], model, keep=keep)
    tuned = Model(PROFILE, server.endpoint, None, adapter_id="site-a-1")
    assert tuned.sha != model.sha
    draft_set(items[:1], tuned, keep=keep)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change.REPEAT, list(SIDES)),
        (Change.BLANK, ["none"] * 5),
        (Change.NOISE, ["none"] * 5),
        (Change.MIRRORED, ["right", "left", "left", "right", "left"]),
    ],
)
def test_the_model_sees_the_changed_picture(
    items: list[SetItem], keep: Path, model: Model, change: Change, expected: list[str]
) -> None:
    found = draft_set(items, model, keep=keep, perturb=Perturbation(change))
    assert sides(found) == expected


def test_shuffling_gives_everybody_anothers_picture(
    items: list[SetItem], keep: Path, model: Model
) -> None:
    found = sides(draft_set(items, model, keep=keep, perturb=Perturbation(Change.SHUFFLED)))
    assert sorted(found) == sorted(SIDES)
    one = sides(draft_set(items, model, keep=keep, perturb=Perturbation(Change.ANOTHER)))
    # All but the donor itself see the same picture.
    assert max(one.count("left"), one.count("right")) >= 4


def test_support_is_the_difference_to_a_blank_image(
    items: list[SetItem], keep: Path, model: Model, server: LookingModel
) -> None:
    (found,) = draft_set(items[:1], model, keep=keep, support=True)
    letters = len(WORDS["left"][0]) + len(WORDS["left"][1])
    # The server gives each character -1 nat with its side in sight and -2 with a blank image.
    assert found.support == pytest.approx((letters, letters))
    assert server.scored == 2
    assert draft_set(items[:1], model, keep=keep, support=True) == [found]
    assert server.scored == 2
    (blank,) = draft_set(
        items[:1], model, keep=keep, perturb=Perturbation(Change.BLANK), support=True
    )
    assert blank.support == (0.0, 0.0)


def test_support_that_cannot_be_had_is_none(
    items: list[SetItem], keep: Path, model: Model, server: LookingModel
) -> None:
    draft_set(items[1:2], model, keep=keep)
    server.status = 400
    (found,) = draft_set(items[1:2], model, keep=keep, support=True)
    assert found.support == (None, None)
    assert found.zh


def test_what_is_no_single_study_is_a_code(items: list[SetItem], keep: Path, model: Model) -> None:
    folder = items[0].study.parent
    text = keep / "text"
    text.mkdir(exist_ok=True)
    (text / "a.dcm").write_text("no DICOM")
    wrong = [
        SetItem("gone", folder / "nowhere"),
        SetItem("many", folder),
        SetItem("text", text),
        items[0],
    ]
    found = draft_set(wrong, model, keep=keep)
    assert [draft.failed for draft in found[:2]] == [
        "eval_item_without_study",
        "eval_item_several_studies",
    ]
    assert found[2].failed is not None
    assert found[3].failed is None


def test_what_the_profile_does_not_cover_is_said_so(
    tmp_path: Path, keep: Path, model: Model
) -> None:
    study = write(
        radiograph(BodyPartExamined="KNEE", StudyInstanceUID="1.2.826.0.1.3680043.10.2.99"),
        tmp_path / "knee.dcm",
    )
    (found,) = draft_set([SetItem("knee", study)], model, keep=keep)
    assert found == Drafted("knee", (), (), failed="not_covered")


def test_the_quality_gate_withholds_what_the_product_would_not_draft_from(
    items: list[SetItem], keep: Path, model: Model
) -> None:
    film = SetItem("film", CHECKOUT / "demo" / "studies" / "04")
    asked = [items[0], film]
    assert [draft.failed for draft in draft_set(asked, model, keep=keep)] == [None, None]
    gated = draft_set(asked, model, keep=keep, quality_gate=True)
    assert [draft.failed for draft in gated] == ["withheld_by_quality", None]
    # Neither kind of run answers for the other, in either order.
    assert draft_set(asked, model, keep=keep)[0].failed is None
    again = draft_set(asked, model, keep=keep, quality_gate=True)
    assert again == gated


def test_repeated_ids_are_refused(items: list[SetItem], tmp_path: Path, model: Model) -> None:
    with pytest.raises(EvalError) as caught:
        draft_set([items[0], items[0]], model, keep=tmp_path / "keep")
    assert caught.value.code == "eval_items_repeated"


def test_a_folder_is_its_files_and_their_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").write_bytes(b"x")
    assert content_sha(tmp_path / "a") == content_sha(tmp_path / "b")
    (tmp_path / "b" / "1").rename(tmp_path / "b" / "2")
    assert content_sha(tmp_path / "a") != content_sha(tmp_path / "b")
    assert content_sha(tmp_path / "a" / "1") != content_sha(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        content_sha(tmp_path / "c")


def test_a_model_that_looks_is_found_out(items: list[SetItem], keep: Path, model: Model) -> None:
    """By the real extractor and scorers: it reads the right finding and its side off the image."""
    found = run(items, partial(_drafted, items, model, keep), model_id="m", resamples=100)
    changes = {change.perturbation.change: change for change in found.changes}
    assert changes[Change.REPEAT].unchanged == 5
    assert changes[Change.BLANK].unchanged == 0
    for lang in ("zh", "en"):
        blank = _measures(changes[Change.BLANK].drops[f"clinical_{lang}"])
        assert (blank["finding_f1_micro"].true, blank["finding_f1_micro"].changed) == (1.0, 0.0)
        assert blank["missed_per_report"].drop == 1.0
        assert blank["finding_f1_micro"].lost
        mirrored = changes[Change.MIRRORED]
        sided = _measures(mirrored.drops[f"clinical_{lang}"])["finding_f1_micro_sided"]
        assert (sided.true, sided.changed) == (1.0, 0.0)
        again = _measures(mirrored.against_mirrored[f"clinical_{lang}"])
        assert again["finding_f1_micro_sided"].drop == 0.0
        assert mirrored.flips[lang].rate == 1
        assert f"text_{lang}" in mirrored.against_mirrored
        assert f"labels_{lang}" not in mirrored.against_mirrored


def test_sentences_are_judged_by_finding_and_side(
    items: list[SetItem], keep: Path, model: Model
) -> None:
    mirrored = Perturbation(Change.MIRRORED)
    true = draft_set(items, model, keep=keep, support=True)
    wrong = draft_set(items, model, keep=keep, support=True, perturb=mirrored)
    found = judged([*items, *items], [*true, *wrong])
    assert [one.correct for one in found] == [True] * 10 + [False] * 10
    # Each draft leans on the image it was given, which is as good an image when it is mirrored.
    assert all(one.support > 0 for one in found)
    assert calibrate(found, resamples=20).correct == 10


def _measures(drops: Sequence[Drop]) -> dict[str, Drop]:
    return {drop.measure: drop for drop in drops}


def _drafted(
    items: list[SetItem], model: Model, keep: Path, perturbation: Perturbation | None
) -> list[Drafted]:
    return draft_set(items, model, keep=keep, perturb=perturbation)
