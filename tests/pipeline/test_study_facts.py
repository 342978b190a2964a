"""What the proofreader is told of an examination: what the store knows, and no identity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from radraft.core.errors import NotFound
from radraft.pipeline.study_facts import study_facts
from radraft.reports.checks.values import Prior, StudyFacts
from radraft.reports.values import Laterality, Report
from radraft.store import cases
from radraft.store.database import Store
from radraft.store.signatures import sign
from radraft.studies.values import Acquired, Contrast, DeidInstance, Role
from tests import builders

TAKEN = datetime(2026, 6, 1, 9, 30)


def add(store: Store, number: int = 1, images: tuple[Acquired, ...] = (), **deid: object) -> str:
    """Take a study in whose images were acquired so."""
    study = builders.make_study(number, study_time=deid.pop("study_time", TAKEN))
    made = builders.make_deid(
        number,
        instances=tuple(
            replace(builders.make_deid().instances[0], instance_ref=f"i-{place:016x}", acquired=one)
            for place, one in enumerate(images)
        ),
        **deid,
    )
    assert all(isinstance(instance, DeidInstance) for instance in made.instances)
    (instance,) = study.instances
    study = replace(
        study,
        instances=tuple(
            replace(instance, sop_instance_uid=f"1.2.{number}.{place}")
            for place in range(len(images))
        ),
    )
    keys = tuple(f"original-{place}" for place in range(len(images)))
    with store.begin() as session:
        cases.add_study(
            session, site="site-a", study=study, deid=made, issues=(), original_keys=keys
        )
    return made.case_id


def facts(store: Store, case_id: str) -> StudyFacts:
    with store.read() as session:
        return study_facts(session, case_id)


def test_what_the_store_knows_is_told(sqlite_store: Store) -> None:
    film = Acquired(modality="CR", projection="PA", laterality="L")
    case_id = add(sqlite_store, images=(film, replace(film, projection="LL")))
    assert facts(sqlite_store, case_id) == StudyFacts(
        modality="CR",
        body_part="CHEST",
        views=("LL", "PA"),
        contrast=None,
        laterality=Laterality.LEFT,
        sex="F",
        age_years=56.0,
        study_date=date(2026, 6, 1),
        reason="咳嗽三天",
        # The store knows none, which says nothing of the hospital's archive.
        priors=None,
    )


def test_what_the_store_does_not_know_stays_empty(sqlite_store: Store) -> None:
    case_id = add(sqlite_store, study_time=None, sex="O", history="", body_part="")
    told = facts(sqlite_store, case_id)
    assert (told.views, told.contrast, told.laterality) == ((), None, None)
    assert (told.sex, told.study_date, told.reason) == ("", None, "")
    assert told.priors is None


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        (("R", "R"), Laterality.RIGHT),
        (("B",), Laterality.BILATERAL),
        (("L", "R"), None),
        (("L", ""), None),
        (("U",), None),
        ((), None),
    ],
)
def test_a_side_is_told_where_every_image_is_tagged_with_it(
    sqlite_store: Store, tags: tuple[str, ...], side: Laterality | None
) -> None:
    case_id = add(sqlite_store, images=tuple(Acquired(laterality=tag) for tag in tags))
    assert facts(sqlite_store, case_id).laterality is side


def test_a_localizer_needs_no_side(sqlite_store: Store) -> None:
    images = (Acquired(laterality="L"), Acquired(role=Role.LOCALIZER))
    assert facts(sqlite_store, add(sqlite_store, images=images)).laterality is Laterality.LEFT


def test_an_enhanced_series_says_that_contrast_was_given(sqlite_store: Store) -> None:
    plain = Acquired(modality="MR", contrast=Contrast.T1)
    enhanced = replace(plain, contrast=Contrast.T1_ENHANCED)
    assert facts(sqlite_store, add(sqlite_store, 1, (plain, enhanced))).contrast is True
    assert facts(sqlite_store, add(sqlite_store, 2, (plain,))).contrast is None


def test_earlier_reports_are_told_with_their_day_and_without_identity(sqlite_store: Store) -> None:
    earlier = add(sqlite_store, 1, study_time=TAKEN - timedelta(days=40))
    report = Report(
        earlier,
        (builders.make_sentence("f1", "魏植入右肺结节 6 mm。", "A 6 mm nodule on the right."),),
        (),
    )
    with sqlite_store.begin() as session:
        builders.save_draft(session, builders.make_draft(earlier, report))
        sign(
            session,
            earlier,
            base_revision=1,
            signer=builders.person("林清"),
            now=datetime(2026, 5, 1, tzinfo=UTC),
        )
    unsigned = add(sqlite_store, 2, study_time=TAKEN - timedelta(days=10))
    now = add(sqlite_store, 3)
    told = facts(sqlite_store, now)
    assert told.priors is not None
    assert [prior.study_date for prior in told.priors] == [date(2026, 5, 22), date(2026, 4, 22)]
    newest, signed = told.priors
    assert newest == Prior(date(2026, 5, 22), ())
    texts = dict(signed.texts)
    assert "结节" in texts["zh"]
    assert "6 mm nodule on the right" in texts["en"]
    assert "魏" not in texts["zh"]
    assert unsigned != now


def test_a_study_that_is_not_there(sqlite_store: Store) -> None:
    with pytest.raises(NotFound, match="case_not_found"):
        facts(sqlite_store, "c-0000000000000000")
