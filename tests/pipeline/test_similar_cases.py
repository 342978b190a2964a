"""Which signed cases are shown beside a case: the database is the truth, the file follows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from radraft.core.errors import NotFound, StorageError
from radraft.core.locks import alone
from radraft.core.settings import Settings
from radraft.pipeline import similar_cases
from radraft.pipeline.similar_cases import SimilarSearch, SimilarState
from radraft.store import report_steps, reports, retention
from radraft.store.database import Store, open_store
from radraft.store.retention import RetentionStep
from radraft.store.signatures import sign
from radraft.vision_encoder import stored
from tests.builders import person
from tests.similar_films import ENCODER, SITE, drafted, embed, signed
from tests.store.tampering import NOW


@pytest.fixture
def search(sqlite_store: Store, tmp_path: Path) -> SimilarSearch:
    return SimilarSearch(sqlite_store, tmp_path / "similar", enabled=True)


def ids(search: SimilarSearch, case_id: str) -> list[str]:
    found = search.of_case(case_id)
    assert found.state is SimilarState.READY
    return [case.case_id for case in found.cases]


def about(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "similar").glob("*/about.json")
    return path


def test_the_likest_come_first_with_their_impressions(
    sqlite_store: Store, search: SimilarSearch
) -> None:
    far, near = signed(sqlite_store, 1, 80), signed(sqlite_store, 2, 10)
    found = search.of_case(drafted(sqlite_store, 3, 0)).cases
    assert [case.case_id for case in found] == [near, far]
    assert found[0].likeness == pytest.approx(0.9848, abs=1e-3)
    assert (found[0].impression.zh, found[0].impression.en) == ("诊断2。", "Impression 2.")
    assert (found[0].modality, found[0].body_part) == ("CR", "CHEST")


def test_neither_other_sites_nor_other_encoders_nor_unsigned_ones(
    sqlite_store: Store, search: SimilarSearch
) -> None:
    signed(sqlite_store, 1, 0, site="site-b")
    signed(sqlite_store, 2, 0, encoder_id="other@0123456789abcdef")
    drafted(sqlite_store, 3, 0)
    mine = signed(sqlite_store, 4, 30)
    assert ids(search, drafted(sqlite_store, 5, 0)) == [mine]


def test_no_other_study_of_the_patient(sqlite_store: Store, search: SimilarSearch) -> None:
    signed(sqlite_store, 1, 0, patient=9)
    other = signed(sqlite_store, 2, 40)
    assert ids(search, drafted(sqlite_store, 3, 0, patient=9)) == [other]
    assert ids(search, other) != []


def test_what_is_signed_later_is_there_at_the_next_request(
    sqlite_store: Store, search: SimilarSearch
) -> None:
    asked = drafted(sqlite_store, 1, 0)
    assert ids(search, asked) == []
    first = signed(sqlite_store, 2, 20)
    assert ids(search, asked) == [first]
    search.index(SITE, ENCODER).build()
    second = signed(sqlite_store, 3, 10)
    assert ids(search, asked) == [second, first]


def test_an_amendment_shows_the_version_that_is_signed(
    sqlite_store: Store, search: SimilarSearch
) -> None:
    asked, other = drafted(sqlite_store, 1, 0), signed(sqlite_store, 2, 0)
    with sqlite_store.begin() as session:
        working = report_steps.amend(session, other, editor=person("李"), reason="更正", now=NOW)
        impression = (working.report.impression[0].reworded(zh="已更正。", en="Corrected."),)
        changed = type(working.report)(other, working.report.findings, impression)
        saved = reports.save(
            session, other, changed, base_revision=working.revision, editor=person("李")
        )
    assert search.of_case(asked).cases[0].impression.en == "Impression 2."
    with sqlite_store.begin() as session:
        sign(session, other, base_revision=saved.revision, signer=person("李"), now=NOW)
    assert search.of_case(asked).cases[0].impression.en == "Corrected."


def test_names_in_an_impression_are_not_shown(sqlite_store: Store, search: SimilarSearch) -> None:
    signed(sqlite_store, 2, 0, impression="NameC G2 has pneumonia.")
    (case,) = search.of_case(drafted(sqlite_store, 1, 0)).cases
    assert "NameC" not in case.impression.en and "pneumonia" in case.impression.en


@pytest.mark.parametrize("written", [False, True])
def test_dropped_images_take_their_case_away(
    sqlite_store: Store, search: SimilarSearch, written: bool
) -> None:
    asked, gone = drafted(sqlite_store, 1, 0), signed(sqlite_store, 2, 0)
    kept = signed(sqlite_store, 3, 50)
    if written:
        search.index(SITE, ENCODER).build()
    assert ids(search, asked) == [gone, kept]
    with sqlite_store.begin() as session:
        retention.record(
            session, gone, RetentionStep.DROPPED, rule=1, objects=1, size=1, by="", now=NOW
        )
    assert ids(search, asked) == [kept]
    assert search.index(SITE, ENCODER).build().vectors == 1
    assert ids(search, asked) == [kept]


def test_a_file_is_read_by_another_process_and_holds_no_identity(
    sqlite_store: Store, search: SimilarSearch, tmp_path: Path
) -> None:
    asked, other = drafted(sqlite_store, 1, 0), signed(sqlite_store, 2, 0)
    search.index(SITE, ENCODER).build()
    for path in (tmp_path / "similar").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for identity in (other, "NameC", "N-000002", "A-2"):
                assert identity.encode() not in data
    sqlite_store.objects.remove(stored.key(ENCODER, embed(sqlite_store, "film 2", 0)))
    fresh = SimilarSearch(sqlite_store, tmp_path / "similar", enabled=True)
    assert ids(fresh, asked) == [other]


@pytest.mark.parametrize("damage", ["vectors", "about", "missing", "torn"])
def test_a_damaged_file_is_made_anew(
    sqlite_store: Store, search: SimilarSearch, tmp_path: Path, damage: str
) -> None:
    asked, other = drafted(sqlite_store, 1, 0), signed(sqlite_store, 2, 0)
    search.index(SITE, ENCODER).build()
    (vectors,) = about(tmp_path).parent.glob("*.vectors")
    if damage == "vectors":
        vectors.write_bytes(b"x" * 500)
    elif damage == "torn":
        vectors.write_bytes(vectors.read_bytes()[:-10])
    elif damage == "missing":
        vectors.unlink()
    else:
        about(tmp_path).write_text("{")
    fresh = SimilarSearch(sqlite_store, tmp_path / "similar", enabled=True)
    assert ids(fresh, asked) == [other]
    assert fresh.index(SITE, ENCODER).build().vectors == 1


def test_a_restored_database_shows_nothing_that_it_does_not_have(tmp_path: Path) -> None:
    store = open_store(Settings(data_dir=tmp_path / "now"))
    asked, first = drafted(store, 1, 0), signed(store, 2, 30)
    store.close()
    shutil.copytree(tmp_path / "now", tmp_path / "copy")
    store = open_store(Settings(data_dir=tmp_path / "now"))
    newer = signed(store, 3, 0)
    search = SimilarSearch(store, tmp_path / "similar", enabled=True)
    search.index(SITE, ENCODER).build()
    assert ids(search, asked) == [newer, first]
    store.close()
    restored = open_store(Settings(data_dir=tmp_path / "copy"))
    after = SimilarSearch(restored, tmp_path / "similar", enabled=True)
    assert [known for _, _, known in after.files()] == [False]
    assert ids(after, asked) == [first]
    # The same number in the chain, another signature.
    other = signed(restored, 4, 10)
    assert ids(after, asked) == [other, first]
    assert after.index(SITE, ENCODER).build().vectors == 2
    assert [known for _, _, known in after.files()] == [True]
    restored.close()


def test_many_cases_are_built_in_the_background(
    sqlite_store: Store, search: SimilarSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similar_cases, "AT_ONCE", 2)
    monkeypatch.setattr(similar_cases, "SAVED_EVERY", 2)
    asked = drafted(sqlite_store, 99, 0)
    signed_ids = [signed(sqlite_store, number, 10 * number) for number in range(1, 6)]
    assert search.of_case(asked).state is SimilarState.BUILDING
    search.wait()
    assert ids(search, asked) == signed_ids
    (file,) = search.files()
    assert file[0].vectors == 5 and file[2]
    assert len(list(about(tmp_path).parent.glob("*.vectors"))) == 1


def test_one_process_writes_at_a_time(
    sqlite_store: Store, search: SimilarSearch, tmp_path: Path
) -> None:
    signed(sqlite_store, 1, 0)
    index = search.index(SITE, ENCODER)
    index.build()
    with alone(about(tmp_path).parent / "lock") as first:
        assert first
        with pytest.raises(StorageError, match="similar_running"):
            index.build()


def test_progress_counts_the_signed_cases(sqlite_store: Store, search: SimilarSearch) -> None:
    signed(sqlite_store, 1, 0)
    signed(sqlite_store, 2, 0)
    seen: list[tuple[int, int]] = []
    search.index(SITE, ENCODER).build(lambda done, total: seen.append((done, total)), anew=True)
    assert seen[-1] == (2, 2)


def test_off_and_not_embedded_are_said(sqlite_store: Store, tmp_path: Path) -> None:
    case_id = drafted(sqlite_store, 1, 0)
    off = SimilarSearch(sqlite_store, tmp_path, enabled=False)
    assert off.of_case(case_id).state is SimilarState.OFF
    on = SimilarSearch(sqlite_store, tmp_path, enabled=True)
    sqlite_store.objects.remove(stored.key(ENCODER, embed(sqlite_store, "film 1", 0)))
    assert on.of_case(case_id).state is SimilarState.NOT_EMBEDDED
    with pytest.raises(NotFound):
        on.of_case("c-0000000000000000")
