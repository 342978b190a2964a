"""What an answer may rest on: earlier reports that all who come to read it may read too."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.asked_reports import grounds
from radraft.pipeline.service import Service
from radraft.reports.people import ActorRole, typed_actor
from radraft.store import cases
from radraft.store.database import Store
from radraft.store.signatures import sign
from radraft.studies.values import Patient
from tests.builders import make_deid, make_study, person
from tests.ui import seed

BOTH = frozenset({"site-a", "site-b"})
EXAMINED = datetime(2026, 6, 1, 9, 30)
SECRET_WORDS = "Wei^Planted"


@pytest.fixture
def studies(sqlite_store: Store) -> tuple[str, str, str]:
    """An earlier study at another site, an earlier one at the same, and the one asked about; all
    are one patient's and signed."""
    patient = Patient("ASKED-1", SECRET_WORDS, date(1961, 4, 12), "M")
    made = []
    for number, (site, days) in enumerate((("site-b", 200), ("site-a", 120), ("site-a", 0))):
        study = make_study(
            7100 + number,
            patient=patient,
            study_time=EXAMINED - timedelta(days=days),
            age_years=65,
            description=f"CHEST {SECRET_WORDS}",
        )
        deid = make_deid(7100 + number, patient_ref="p-asked-reports-01")
        case_id = deid.case_id
        with sqlite_store.begin() as session:
            cases.add_study(session, site=site, study=study, deid=deid, issues=(), original_keys=())
        seed.draft(sqlite_store, seed.made_draft(case_id))
        with sqlite_store.begin() as session:
            sign(session, case_id, base_revision=1, signer=person("A"), now=EXAMINED.astimezone())
        made.append(case_id)
    return made[0], made[1], made[2]


@pytest.mark.parametrize(
    ("sites", "seen"),
    [(None, 1), (BOTH, 1), (frozenset({"site-b"}), 0), (frozenset(), 0)],
)
def test_earlier_reports_count_where_all_who_read_the_case_may_read_them(
    sqlite_store: Store,
    studies: tuple[str, str, str],
    sites: frozenset[str] | None,
    seen: int,
    tmp_path: Path,
) -> None:
    elsewhere, earlier, asked = studies
    service = Service(sqlite_store, Settings(data_dir=tmp_path / "data"), load_profile("starter"))
    with sqlite_store.read() as session:
        assert cases.get_case(session, elsewhere).site == "site-b"
        found = grounds(session, asked, service.signed(asked), sites)
    assert [prior.id for prior in found.priors] == [earlier] * seen
    assert SECRET_WORDS not in repr(found)


def test_an_answer_that_is_kept_names_nobody(
    sqlite_store: Store, studies: tuple[str, str, str], tmp_path: Path
) -> None:
    service = Service(sqlite_store, Settings(data_dir=tmp_path / "data"), load_profile("starter"))
    actor = typed_actor("B", ActorRole.SERVICE, "site-a")
    for question in ("How was it done?", "检查技术是什么？", "What was seen before?"):
        asked = service.ask(studies[2], question, actor=actor, sites=None)
        assert "Planted" not in asked.turn.answer
    service.trail.close()
