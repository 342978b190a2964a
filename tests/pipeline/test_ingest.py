"""From files to cases: what is drafted, what is withheld, what is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radraft.core.settings import Settings
from radraft.llm.profiles import Profile, load_profile
from radraft.pipeline import draft, ingest as take_in
from radraft.pipeline.eligibility import Barred
from radraft.pipeline.service import Service
from radraft.reports.values import Coverage
from radraft.store import cases, drafts, quality
from radraft.store.database import Store
from radraft.studies.quality.values import Verdict
from tests.studies.builders import gradient, radiograph, write

PROFILE = load_profile("starter")
DEMO = Path(__file__).parents[2] / "demo" / "studies"


def ingest(path: Path, store: Store, scratch: Path, **more: bool) -> take_in.IngestResult:
    return take_in.ingest(path, store=store, profile=PROFILE, site="north", scratch=scratch, **more)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A film that is far too small to see anything on."""
    return write(radiograph(gradient(64, 64)), tmp_path / "in" / "tiny.dcm")


@pytest.mark.slow
def test_a_good_film_waits_for_a_draft(sqlite_store: Store, tmp_path: Path) -> None:
    (case_id,) = ingest(sorted(DEMO.iterdir())[0], sqlite_store, tmp_path / "scratch").cases
    with sqlite_store.read() as session:
        assert cases.get_case(session, case_id).state is cases.CaseState.RECEIVED
        assert quality.verdict(session, case_id) in {Verdict.GOOD, Verdict.USABLE}
    made = draft.prepare(case_id, store=sqlite_store, profile=_blind(), vision=None)
    assert not isinstance(made, Barred)


@pytest.mark.slow
def test_a_poor_film_is_read_by_people_and_not_drafted_from(
    sqlite_store: Store, tmp_path: Path, tiny: Path
) -> None:
    (case_id,) = ingest(tiny, sqlite_store, tmp_path / "scratch").cases
    with sqlite_store.read() as session:
        assert cases.get_case(session, case_id).state is cases.CaseState.NOT_COVERED
        kept = drafts.latest(session, case_id)
        assert quality.verdict(session, case_id) is Verdict.POOR
    assert kept is not None
    assert (kept.draft.coverage, kept.draft.error_code) == (Coverage.NOT_COVERED, "quality_poor")
    # Nor where somebody asks for a draft again.
    made = draft.prepare(case_id, store=sqlite_store, profile=PROFILE, vision=None)
    assert made == Barred("quality_poor")
    view = Service(sqlite_store, Settings(data_dir=tmp_path), PROFILE).case_view(case_id)
    assert view.working is not None
    assert view.notice is not None
    assert "scanner" in view.notice[1]
    assert view.quality is not None
    assert view.quality.verdict is Verdict.POOR
    assert "quality_small" in [remark.code for remark in view.quality.remarks]
    assert all(one.zh and one.en for one in view.quality.remarks)


@pytest.mark.slow
def test_an_evaluation_asks_about_every_film(
    sqlite_store: Store, tmp_path: Path, tiny: Path
) -> None:
    (case_id,) = ingest(tiny, sqlite_store, tmp_path / "scratch", judging=False).cases
    with sqlite_store.read() as session:
        assert cases.get_case(session, case_id).state is cases.CaseState.RECEIVED
        assert quality.verdict(session, case_id) is None


def test_a_study_that_becomes_no_case_counts_at_its_site(
    sqlite_store: Store, tmp_path: Path
) -> None:
    damaged = radiograph(np.zeros((64, 64), np.uint16))
    damaged.PixelData = damaged.PixelData[:100]
    path = write(damaged, tmp_path / "in" / "cut.dcm")
    result = ingest(path, sqlite_store, tmp_path / "scratch")
    assert not result.cases
    assert [rejection.code for rejection in result.rejections] == ["truncated_pixels"]
    with sqlite_store.read() as session:
        (counted,) = quality.judged(session, "north")
    assert (counted.verdict, counted.reasons[0].code) == (Verdict.REFUSE, "truncated_pixels")


def _blind() -> Profile:
    """A profile that takes pixels, so that no encoder is needed."""
    return load_profile("medgemma-4b-it")
