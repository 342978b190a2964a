"""The gate over the archive's reports of held-out patients."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.cli.adapter_text import gate_text as printed, record_text
from radraft.core.errors import AdapterError
from radraft.core.settings import Settings
from radraft.eval.draft_set import drafted
from radraft.finetune.gate.archived import frozen_archive
from radraft.finetune.gate.decide import MANDATORY
from radraft.finetune.gate.limits import limits
from radraft.finetune.gate.reference import ArchivedReference, Reference, reference_of
from radraft.finetune.gate.sums import scored
from radraft.finetune.gate.text import lines
from radraft.llm.adapter import ARCHIVE, AdapterState
from radraft.reports.archive.values import KeptAs, KeptText
from radraft.reports.values import LANGS
from radraft.store import adapters, archive
from radraft.store.database import Store, open_store
from tests.finetune.archive_world import renamed
from tests.finetune.gate.candidates import better, copying, films
from tests.finetune.gate.frozen_site import SITE, WHEN, add_archived, add_signed, held_out
from tests.finetune.gate.samples import report
from tests.finetune.gate.scene import PROFILE, Scene, opened, with_card

COUNT = 40
LEARNED = {"kind": ARCHIVE, "case_ids": [], "pairs": []}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    folder = tmp_path / "data"
    store = open_store(Settings(data_dir=folder))
    known = add_archived(store, films(COUNT))
    store.close()
    with opened(folder, known, tmp_path / "made") as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(Settings(data_dir=tmp_path / "data"))
    yield made
    made.close()


@pytest.mark.slow
def test_a_candidate_of_the_archive_is_held_against_the_archive_and_says_so(scene: Scene) -> None:
    adapter_id = with_card(scene, LEARNED)
    record = scene.gate(adapter_id)
    assert record.passed, printed(record)
    assert [check.code for check in record.checks] == list(MANDATORY)
    assert scene.state(adapter_id) is AdapterState.SHADOW
    told = record.tested
    assert reference_of(told) is Reference.ARCHIVE
    assert (told["reports"], told["reports_found"], told["patients"]) == (COUNT,) * 3
    edits = next(check for check in record.checks if check.code == "edit_distance")
    for lang in LANGS:
        own = edits.detail[lang]
        assert own["n"] == COUNT
        assert own["candidate_low"] <= own["candidate"] <= own["candidate_high"] < own["serving"]
    looks = next(check for check in record.checks if check.code == "image_dependence")
    assert looks.detail["candidate_own"] > looks.detail["candidate_others"]
    for lang, words in (
        ("zh", ("归档报告", "不是在此签发")),
        ("en", ("archive", "none of them signed")),
    ):
        page = " ".join(lines(record, lang))  # type: ignore[arg-type]
        assert all(word in page for word in words)
        assert "签发报告的编辑距离" not in page and "the signed reports" not in page
    assert "none of them signed here" in record_text(record)
    with scene.store.begin() as session:
        assert adapters.promote(session, adapter_id, by="Dr. Li").state is AdapterState.SERVING
        assert adapters.roll_back(session, SITE, by="Dr. Li", reason="test") is None


@pytest.mark.slow
def test_one_that_no_longer_looks_is_stopped(scene: Scene) -> None:
    adapter_id = with_card(scene, LEARNED)
    scene.writes[adapter_id] = copying
    codes = {check.code for check in scene.gate(adapter_id).failed}
    assert {"image_dependence", "finding_f1_zh", "finding_f1_en"} <= codes
    assert scene.state(adapter_id) is AdapterState.RETIRED


@pytest.mark.slow
def test_one_that_learned_a_frozen_study_is_stopped_by_that_alone(scene: Scene) -> None:
    """Of a frozen patient also where his numbers were merged after it had learned."""
    one, other = scene.films[3].case_id, scene.films[5].case_id
    adapter_id = with_card(scene, LEARNED | {"case_ids": [one, other]})
    renamed(scene.store, other, held_out(COUNT)[7])
    (failed,) = scene.gate(adapter_id).failed
    assert failed.code == "leak"
    assert set(failed.detail["cases"]) == {one, other, scene.films[7].case_id}


@pytest.mark.slow
def test_where_enough_was_signed_that_is_the_reference(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = open_store(Settings(data_dir=folder))
    known = add_signed(store, films(limits().adapter.frozen_least))
    store.close()
    with opened(folder, known, tmp_path / "made") as scene:
        record = scene.gate(with_card(scene, LEARNED))
    assert reference_of(record.tested) is Reference.SIGNED
    assert "the signed reports" in " ".join(lines(record, "en"))


def test_too_little_to_judge_by_says_how_much(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = open_store(Settings(data_dir=folder))
    known = add_archived(store, films(3))
    store.close()
    with opened(folder, known, tmp_path / "made") as scene:
        with pytest.raises(AdapterError) as caught:
            scene.gate(with_card(scene, LEARNED))
        assert scene.server.asked == []
    assert caught.value.code == "gate_archive_too_few"
    assert caught.value.details == {"site": SITE, "found": 3, "needed": 20}


def test_what_judges_is_of_held_out_patients_that_nobody_signed(store: Store) -> None:
    known = add_archived(store, films(6))
    renamed(store, known[0].case_id, "p-0000000000000000")
    with store.begin() as session:
        added = KeptText("later", KeptAs.ADDENDUM, "补充：见结节。", "", "", "")
        clean = archive.Redacted("zh", added.findings, "")
        archive.add(session, known[1].case_id, added, clean, place="", now=WHEN)
    found = _found(store)
    assert {one.case_id for one in found} == {film.case_id for film in known[2:]}
    assert _found(store) == found


def test_a_report_in_one_language_is_compared_in_that_one(store: Store) -> None:
    known = add_archived(store, films(4), ("zh",))
    found = {one.case_id: one for one in _found(store)}
    frozen = [found[film.case_id] for film in known]
    assert {one.langs for one in frozen} == {("zh",)}
    drafts = [drafted(film.case_id, better(film, random.Random(1))) for film in known]
    sums = scored(frozen, drafts)
    values = sums.corpus()
    assert values["edit_distance"] == values["edit_distance_zh"]
    assert values["edit_distance_en"] != values["edit_distance_en"]
    assert values["finding_f1"] == values["finding_f1_zh"]
    exact = [drafted(film.case_id, report(film.case_id, film.there, film.denied)) for film in known]
    assert scored(frozen, exact).corpus()["edit_distance"] == 0


def test_no_more_than_the_limit_judge_and_always_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = add_archived(store, films(8))
    few = limits().adapter.model_copy(update={"archive_most": 3})
    held = limits().model_copy(update={"adapter": few})
    monkeypatch.setattr("radraft.finetune.gate.archived.limits", lambda: held)
    with store.read() as session:
        share = frozen_archive(session, PROFILE, SITE, None)
    assert (len(share.reports), share.found) == (3, len(known))
    renamed(store, known[0].case_id, held_out(9)[8])
    again = {one.case_id for one in _found(store)}
    assert len(again & {one.case_id for one in share.reports}) >= 2


def _found(store: Store) -> list[ArchivedReference]:
    with store.read() as session:
        return list(frozen_archive(session, PROFILE, SITE, None).reports)
