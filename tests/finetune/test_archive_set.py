"""Sets of the archive: four kinds of examples, what is left out of each, and who is held out."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radraft.core.errors import ArchiveError
from radraft.core.file_hash import file_sha256
from radraft.finetune.archive_set.card import card_path, folded
from radraft.finetune.archive_set.texts import languages, report_of
from radraft.finetune.archive_set.values import Kind
from radraft.finetune.archived import export_archive, held_out_path, reference_path, set_paths
from radraft.llm import concluding, translate
from radraft.llm.profiles import Profile, load_profile
from radraft.reports.archive.values import TaughtText
from radraft.reports.training_pair import split_of
from radraft.reports.values import Origin, Report
from radraft.store import images, quality, reports
from radraft.store.database import Store
from radraft.store.signatures import sign
from radraft.studies.quality.values import StudyQuality, Verdict
from tests.builders import make_draft, make_sentence, of_origin, person, save_draft
from tests.finetune.archive_world import (
    FINDINGS,
    IMPRESSION,
    add,
    embedded,
    exported,
    image_of,
    lines,
    patient,
    renamed,
)

EVERY = tuple(Kind)


@pytest.fixture
def instruct() -> Profile:
    """A profile whose prompt has a place for earlier reports."""
    return load_profile("starter").model_copy(update={"template": "instruct"})


def said(example: dict) -> str:  # type: ignore[type-arg]
    return "\n".join(
        part.get("text", "<image>") for one in example["messages"] for part in one["content"]
    )


def test_every_kind_says_what_it_is_and_asks_as_the_service_asks(
    sqlite_store: Store, tmp_path: Path, instruct: Profile
) -> None:
    before = add(sqlite_store, 1, findings="左肺见结节影。", impression="左肺结节。")
    after = add(sqlite_store, 2, who=1, days=90)
    both = add(
        sqlite_store,
        3,
        findings="双肺清晰。The lungs are clear.\n未见气胸。No pneumothorax.",
        impression="双肺未见异常。\nThe lungs are normal.",
    )
    count = exported(sqlite_store, tmp_path / "set.jsonl", instruct, kinds=EVERY)
    found = lines(tmp_path / "set.jsonl")
    by_kind = {kind: [x for x in found if x["metadata"]["kind"] == kind] for kind in EVERY}
    assert {kind: len(some) for kind, some in by_kind.items()} == {
        Kind.IMAGE: 3,
        Kind.IMPRESSION: 3,
        Kind.TRANSLATION: 6,
        Kind.PRIOR: 1,
    }
    written = {kind: sum(shares.values()) for kind, shares in count.kinds.items()}
    assert written == {kind.value: len(some) for kind, some in by_kind.items()}

    (prior,) = by_kind[Kind.PRIOR]
    assert prior["metadata"]["case_id"] == after
    assert prior["metadata"]["prior_case_id"] == before
    assert (prior["metadata"]["prior_days"], prior["metadata"]["prior_origin"]) == (90, "archive")
    assert "90 days before" in said(prior) and "左肺结节" in said(prior)
    assert "2015" not in said(prior) and "植入" not in said(prior)
    alone = next(x for x in by_kind[Kind.IMAGE] if x["metadata"]["case_id"] == after)
    assert "左肺结节" not in said(alone) and alone["metadata"]["languages"] == ["zh"]

    impression = next(x for x in by_kind[Kind.IMPRESSION] if x["metadata"]["case_id"] == after)
    findings = [make_sentence("f1").reworded(zh=text, en="") for text in
                ("右肺下叶见斑片影。", "未见胸腔积液。")]  # fmt: skip
    asked = [(one["role"], one["content"][0]["text"]) for one in impression["messages"][:-1]]
    assert asked == [(one["role"], one["content"]) for one in concluding.asked(findings)]
    assert json.loads(impression["messages"][-1]["content"][0]["text"]) == {
        "impression": [{"zh": IMPRESSION}]
    }
    assert impression["images"] == []

    first = by_kind[Kind.TRANSLATION][0]
    assert first["metadata"]["case_id"] == both
    assert (first["metadata"]["from"], first["metadata"]["languages"]) == ("zh", ["en"])
    assert first["messages"][1]["content"][0]["text"] == "双肺清晰。"
    assert first["messages"][0]["content"][0]["text"] == translate.asked("", "zh")[0]["content"]
    assert first["messages"][-1]["content"][0]["text"] == '{"text":"The lungs are clear."}'
    twice = next(x for x in by_kind[Kind.IMAGE] if x["metadata"]["case_id"] == both)
    report = json.loads(twice["messages"][-1]["content"][0]["text"])
    assert report["findings"][1] == {"zh": "未见气胸。", "en": "No pneumothorax."}


def test_what_is_left_out_is_counted_by_its_reason(
    sqlite_store: Store, tmp_path: Path, instruct: Profile
) -> None:
    store = sqlite_store
    kept = add(store, 1)
    add(store, 2, film=-1)
    add(store, 3, body_part="KNEE")
    add(store, 4, findings="1. ***", impression="***")
    add(store, 5, findings="左肺见结节影。", addendum="补充：左侧第3肋骨骨折。")
    add(store, 6, findings="双肺清晰。The lungs are hazy.", impression="")
    add(store, 7, findings="与2014-05-06片比较，右肺渗出影吸收。")
    gone, poor = add(store, 8, findings="心影增大。"), add(store, 9, findings="左侧气胸。")
    again = add(store, 10, film=1)
    copied = add(store, 11, findings="右肺下叶见斑片影 ；未见胸腔积液")
    store.objects.remove(images.keys(image_of(store, gone))[0])
    with store.begin() as session:
        quality.save(session, poor, StudyQuality(Verdict.POOR, (), (), None))
    embedded(store, kept, 1, 0, 0)
    embedded(store, copied, 1, 0.01, 0)
    count = exported(store, tmp_path / "set.jsonl", instruct)
    assert [x["metadata"]["case_id"] for x in lines(tmp_path / "set.jsonl")] in (
        [kept],
        [again],
        [copied],
    )
    assert count.left_out == {
        "addendum": 1,
        "duplicate": 2,
        "empty": 1,
        "identified": 1,
        "mixed_languages": 1,
        "no_images": 1,
        "no_pixels": 1,
        "not_covered": 1,
        "poor": 1,
    }
    assert (count.images, count.examples) == (1, 1)
    # Text alone needs no image, and no coverage of any.
    texts = exported(store, tmp_path / "texts.jsonl", instruct, kinds=(Kind.IMPRESSION,))
    assert texts.examples == 7 and "no_images" not in texts.left_out


def test_nothing_of_a_held_out_patient_stands_in_what_trains(
    sqlite_store: Store, tmp_path: Path, instruct: Profile
) -> None:
    store = sqlite_store
    held = add(store, 1, share="held_out", findings="右肺上叶见空洞影。")
    same_film = add(store, 2, film=1, findings="左肺见结节影。")
    copy = add(store, 3, findings="左肺门影增大。")
    same_text = add(store, 4, findings="右肺上叶见空洞影。")
    fine = add(store, 5, findings="心影增大。")
    embedded(store, held, 1, 0, 0)
    embedded(store, copy, 1, 0.02, 0)
    embedded(store, fine, 0, 1, 0)
    out = tmp_path / "set.jsonl"
    count = exported(store, out, instruct, kinds=EVERY)
    assert {x["metadata"]["case_id"] for x in lines(out)} == {fine}
    assert count.left_out["leaked"] == 2 and count.left_out["leaked_text"] == 1
    held_lines = lines(held_out_path(out))
    assert {x["metadata"]["case_id"] for x in held_lines} == {held}
    assert {x["metadata"]["kind"] for x in held_lines} == {"image", "impression"}
    assert [x["id"] for x in lines(reference_path(out, "zh"))] == [held]
    assert {x["metadata"]["split"] for x in held_lines} == {"held_out"}
    # A stock text tells nothing of anybody.
    for number in range(6, 9):
        add(store, number, findings="右肺上叶见空洞影。")
    exported(store, out, instruct)
    assert same_text in {x["metadata"]["case_id"] for x in lines(out)}
    # Who is merged into a held-out patient follows him, and back.
    renamed(store, fine, patient(1, "held_out"))
    exported(store, out, instruct)
    assert fine not in {x["metadata"]["case_id"] for x in lines(out)}
    assert fine in {x["id"] for x in lines(reference_path(out, "zh"))}
    assert same_film not in {x["metadata"]["case_id"] for x in lines(out)}


def test_a_prior_of_a_held_out_number_and_of_another_site_stays_out(
    sqlite_store: Store, tmp_path: Path, instruct: Profile
) -> None:
    store, out = sqlite_store, tmp_path / "set.jsonl"
    before = add(store, 1, findings="左肺见结节影。")
    after = add(store, 2, who=1, days=30)
    elsewhere = add(store, 3, site="site-b", findings="右肺见结节影。")
    add(store, 4, who=3, days=30, findings="双肺清晰。")
    add(store, 5, film=-1, kept=False)
    add(store, 6, who=5, days=30, findings="心影增大。")
    kinds = (Kind.PRIOR,)
    count = exported(store, out, instruct, kinds=kinds)
    assert [x["metadata"]["case_id"] for x in lines(out)] == [after]
    assert count.left_out == {"prior: no_prior": 1, "prior: prior_elsewhere": 1,
                              "prior: prior_unreported": 1}  # fmt: skip
    count = exported(store, out, instruct, kinds=kinds, other_sites=True)
    found = {x["metadata"]["prior_case_id"] for x in lines(out)}
    # At another site nobody's number makes him the same person without a person's word.
    assert before in found and found <= {before, elsewhere}
    # One person, two numbers, one of them held out.
    renamed(store, before, patient(99, "held_out"))
    count = exported(store, out, instruct, kinds=kinds)
    assert lines(out) == [] and count.left_out["prior: leaked_prior"] == 1
    # The earlier study shows the film of somebody who is held out, or says his report.
    add(store, 7, share="held_out", findings="右肺上叶见空洞影。", film=8)
    add(store, 8, findings="左肺门影增大。", film=8)
    add(store, 9, who=8, days=30, findings="主动脉硬化。")
    add(store, 10, findings="右肺上叶见空洞影。", film=-1)
    add(store, 11, who=10, days=30, findings="胸椎退行性变。")
    count = exported(store, out, instruct, kinds=kinds)
    assert lines(out) == [] and count.left_out["prior: leaked_prior"] == 3


def test_one_text_stands_so_often_and_no_more(
    sqlite_store: Store, tmp_path: Path, instruct: Profile
) -> None:
    for number in range(1, 8):
        add(
            sqlite_store,
            number,
            findings=FINDINGS if number % 2 else "未见胸腔积液；右肺下叶见斑片影",
        )
    out = tmp_path / "set.jsonl"
    kinds = (Kind.IMAGE, Kind.IMPRESSION)
    count = exported(sqlite_store, out, instruct, kinds=kinds, most_same=5)
    assert count.left_out == {"image: repeated": 2, "impression: repeated": 2}
    assert exported(sqlite_store, out, instruct, kinds=kinds, most_same=0).examples == 14


def test_a_prompt_without_a_place_for_priors_is_refused_by_name(
    sqlite_store: Store, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match="archive_kind_without_priors"):
        exported(sqlite_store, tmp_path / "x.jsonl", load_profile("starter"), kinds=EVERY)
    assert list(tmp_path.glob("x*")) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from radraft.core.settings import Settings
from radraft.finetune.archived import WRITING, export_archive
from radraft.llm.profiles import load_profile
from radraft.store.database import open_store

def tell(stage, done, total):
    if stage == WRITING and done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

store = open_store(Settings(data_dir=Path(sys.argv[1])))
with store.read() as session:
    export_archive(session, store.objects, load_profile("starter"), Path(sys.argv[2]),
                   on_progress=tell)
"""


def test_killed_while_it_writes_it_leaves_the_set_of_before_and_no_card_beside_another(
    sqlite_store: Store, tmp_path: Path
) -> None:
    starter, out = load_profile("starter"), tmp_path / "sets" / "set.jsonl"
    out.parent.mkdir()
    for number in range(1, 6):
        add(sqlite_store, number, findings=f"右肺见结节影，大小约{number}mm。")
    exported(sqlite_store, out, starter)
    before = {path.name: path.read_bytes() for path in set_paths(out)}
    other = out.with_name("set2.jsonl")
    exported(sqlite_store, other, starter)
    add(sqlite_store, 6, findings="双肺清晰。")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "data"), str(out)]
    assert subprocess.run(command, check=False).returncode == -9
    assert {path.name: path.read_bytes() for path in set_paths(out)} == before
    assert not card_path(out).exists() and card_path(other).exists()
    stale = [path for path in out.parent.iterdir() if path.name.startswith(".set.jsonl.")]
    assert len(stale) == 2, "the lock, and what was half written"
    assert exported(sqlite_store, out, starter).examples == 6
    found = {path.name for path in out.parent.iterdir() if path.name.startswith(".")}
    assert found == {".set.jsonl.lock", ".set2.jsonl.lock"}
    card = json.loads(card_path(out).read_text("utf-8"))
    assert card["files"]["set.jsonl"] == file_sha256(out)


def test_a_disk_without_room_leaves_the_set_of_before(sqlite_store: Store, tmp_path: Path) -> None:
    starter, out = load_profile("starter"), tmp_path / "set.jsonl"
    add(sqlite_store, 1)
    exported(sqlite_store, out, starter)
    before = out.read_bytes()
    for number in range(2, 6):
        add(sqlite_store, number, findings=f"右肺见结节影，大小约{number}mm。")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with sqlite_store.read() as session:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) * 2, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                export_archive(session, sqlite_store.objects, starter, out)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.glob(".set.*")] == [".set.jsonl.lock"]


def test_pictures_go_beside_the_set_and_one_that_is_damaged_is_counted(
    sqlite_store: Store, tmp_path: Path
) -> None:
    starter, out = load_profile("starter"), tmp_path / "set.jsonl"
    fine, damaged = add(sqlite_store, 1), add(sqlite_store, 2, findings="左侧气胸。")
    sqlite_store.objects.put(images.keys(image_of(sqlite_store, damaged))[0], b"no picture")
    count = exported(sqlite_store, out, starter, pixels=True)
    (example,) = lines(out)
    assert example["metadata"]["case_id"] == fine
    assert example["metadata"]["image_ids"] == [image_of(sqlite_store, fine)]
    (path,) = example["images"]
    assert path == f"set.images/{image_of(sqlite_store, fine)}.png"
    assert (tmp_path / path).is_file() and count.left_out == {"image: no_pixels": 1}


def test_a_damaged_row_is_counted_and_hides_no_other(sqlite_store: Store, tmp_path: Path) -> None:
    fine, damaged = add(sqlite_store, 1), add(sqlite_store, 2, findings="左侧气胸。", lang="??")
    count = exported(sqlite_store, tmp_path / "set.jsonl", load_profile("starter"))
    assert [x["metadata"]["case_id"] for x in lines(tmp_path / "set.jsonl")] == [fine]
    assert damaged != fine and count.left_out == {"unreadable": 1}


def test_the_card_says_what_is_in_it_and_of_few_studies_nothing(
    sqlite_store: Store, tmp_path: Path, instruct: Profile
) -> None:
    for number in range(1, 12):
        add(
            sqlite_store,
            number,
            findings=f"右肺见结节影，大小约{number}mm。",
            sex="M" if number < 7 else "F",
            age_band="65-89" if number == 1 else "40-64",
            modality="DX" if number < 10 else "CR",
            days=0 if number < 9 else 400,
        )
    out = tmp_path / "set.jsonl"
    exported(sqlite_store, out, instruct, kinds=(Kind.IMAGE, Kind.IMPRESSION))
    card = json.loads(card_path(out).read_text("utf-8"))
    about = card["about"]["train"]
    assert card["examples"] == {
        "image": {"train": 10, "valid": "<5"},
        "impression": {"train": 10, "valid": "<5"},
    }
    assert about["sex"] == {"M": 6, "F": 5}
    assert about["language"] == {"zh": 11}
    assert about["modality"] == {"other": 11}, "two of CR are what nine of DX leave"
    assert card["findings"]["train"]["pulmonary_nodule"] == {
        "present": 11,
        "uncertain": 0,
        "absent": 0,
    }
    assert card["shares"] == {"with_a_prior": 0.0, "comparing_without_a_prior": 0.0}
    assert set(card["files"]) == {path.name for path in set_paths(out)}
    assert card["settings"]["kinds"] == ["image", "impression"]
    text = card_path(out, "md").read_text("utf-8") + card_path(out, "svg").read_text("utf-8")
    assert "pulmonary_nodule" in text and "<svg" in text
    for word in ("植入", "PLANTED", "ACC-", "p-", "c-"):
        assert word not in card_path(out).read_text("utf-8").replace('"prompt"', "")
    again = card_path(out).read_bytes()
    exported(sqlite_store, out, instruct, kinds=(Kind.IMAGE, Kind.IMPRESSION))
    assert card_path(out).read_bytes() == again


@pytest.mark.parametrize(
    ("counts", "cells"),
    [
        ({"a": 9, "b": 5}, {"a": 9, "b": 5}),
        ({"a": 9, "b": 7, "c": 2}, {"a": 9, "other": 9}),
        ({"a": 9, "b": 3, "c": 2}, {"a": 9, "other": 5}),
        ({"a": 2, "b": 1}, {"other": "<5"}),
        ({}, {}),
    ],
)
def test_small_cells_are_folded(counts: dict[str, int], cells: dict[str, int | str]) -> None:
    assert folded(counts) == cells


def test_of_few_patients_one_says_when_to_stop_and_one_alone_trains(
    sqlite_store: Store, tmp_path: Path
) -> None:
    starter, out = load_profile("starter"), tmp_path / "set.jsonl"
    add(sqlite_store, 1)
    assert exported(sqlite_store, out, starter).kinds == {"image": {"train": 1}}
    add(sqlite_store, 2, who=1, findings="双肺清晰。")
    assert exported(sqlite_store, out, starter).kinds == {"image": {"train": 2}}
    add(sqlite_store, 3, findings="左侧气胸。")
    count = exported(sqlite_store, out, starter)
    assert sum(count.kinds["image"].values()) == 3 and set(count.kinds["image"]) == {
        "train",
        "valid",
    }


def test_patients_of_the_made_shares() -> None:
    assert split_of(patient(1, "held_out")) == "held_out"
    assert split_of(patient(1, "valid")) == split_of(patient(1, "train")) == "train"


def test_an_archived_and_a_signed_report_of_one_study_teach_to_translate(
    sqlite_store: Store, tmp_path: Path, instruct: Profile
) -> None:
    archived = {"findings": "右肺下叶见斑片影。未见胸腔积液。", "impression": "右肺下叶肺炎。"}
    same, other = add(sqlite_store, 1, **archived), add(sqlite_store, 2, **archived)
    for case_id, side in ((same, "right"), (other, "left")):
        texts = (
            f"Patchy opacity in the {side} lower lobe.",
            "No pleural effusion.",
            f"Pneumonia of the {side} lower lobe.",
        )
        *findings, impression = (
            of_origin(make_sentence(f"f{n}", en=text).reworded(zh=""), Origin.PERSON)
            for n, text in enumerate(texts, 1)
        )
        findings = [replace(one, wordings=one.wordings[-1:]) for one in findings]
        impression = replace(impression, wordings=impression.wordings[-1:])
        with sqlite_store.begin() as session:
            save_draft(session, make_draft(case_id))
            base = reports.current(session, case_id).revision
            report = Report(case_id, tuple(findings), (impression,))
            reports.save(session, case_id, report, base_revision=base, editor=person("李"))
            base = reports.current(session, case_id).revision
            sign(session, case_id, base_revision=base, signer=person("王"), now=datetime.now(UTC))
    out = tmp_path / "set.jsonl"
    count = exported(sqlite_store, out, instruct, kinds=EVERY)
    # What was signed teaches by its pair; with the archive's text it teaches to translate.
    assert {x["metadata"]["case_id"] for x in lines(out)} == {same}
    assert {x["metadata"]["kind"] for x in lines(out)} == {"translation"}
    assert len(lines(out)) == 6 and count.left_out == {"translation: not_aligned": 1}


def test_short_reports_in_both_languages_are_read_whatever_most_letters_are() -> None:
    """The language of a text is that of most of its letters; its Chinese still ends where it
    ends."""
    text = TaughtText(
        "c",
        "s",
        "en",
        "可见肺实变。 Consolidation seen.",
        "肺实变。 There is consolidation.",
        "train",
    )
    found = report_of(text)
    assert isinstance(found, Report)
    assert languages(found) == ("zh", "en")
    assert [sentence.zh for sentence in found.sentences] == ["可见肺实变。", "肺实变。"]
    assert [sentence.en for sentence in found.findings] == ["Consolidation seen."]
