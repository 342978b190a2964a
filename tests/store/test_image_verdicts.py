"""Claims on images to judge, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from radraft.core.errors import NotFound, ReportError
from radraft.reports.people import Person, PersonKind
from radraft.store import arrival_lines, arrivals, image_verdicts, retakes
from radraft.store.arrival_lines import study_line
from radraft.store.arrivals import NewArrival
from radraft.store.database import Store
from radraft.store.image_verdicts import TERM, ImageHeader, ImageVerdict, Unjudged
from radraft.studies.quality.judged_by import JudgedBy
from radraft.studies.quality.values import Verdict
from tests.arrived import NOW, arrive, claim, film, judge

HOUR = timedelta(hours=1)
TECHNOLOGIST = Person(PersonKind.ACCOUNT, "赵技师", "a-1")


def waiting(store: Store, now: datetime = NOW) -> tuple[Unjudged, ...]:
    with store.read() as session:
        return image_verdicts.unjudged(session, now - HOUR, now)


def test_each_image_is_claimed_by_one(store: Store) -> None:
    arrive(store, "1", "2")
    seen_by_both = waiting(store)
    with store.begin() as session:
        mine = image_verdicts.claim(session, seen_by_both, "a", NOW)
    with store.begin() as session:
        theirs = image_verdicts.claim(session, seen_by_both, "b", NOW)
    assert [one.arrival_id for one in mine] == [1, 2]
    assert theirs == ()
    assert waiting(store) == ()


def test_a_claim_that_nobody_renews_is_anothers_and_the_first_ones_verdict_is_dropped(
    store: Store,
) -> None:
    arrive(store, "1")
    assert claim(store, "a") == [1]
    late = NOW + TERM + timedelta(seconds=1)
    assert waiting(store, NOW + TERM) == ()
    assert claim(store, "b", late) == [1]
    assert judge(store, film(1), owner="a", now=late) == []
    assert judge(store, film(1, Verdict.POOR), owner="b", now=late) == [1]
    assert waiting(store, late + TERM + HOUR / 2) == ()


def test_a_beat_keeps_a_claim(store: Store) -> None:
    arrive(store, "1")
    claim(store, "a")
    with store.begin() as session:
        image_verdicts.beat(session, "a", [1], NOW + TERM)
    assert waiting(store, NOW + TERM + timedelta(seconds=1)) == ()


def test_a_clock_that_was_set_back_keeps_no_claim_for_ever(store: Store) -> None:
    arrive(store, "1")
    claim(store, "a", NOW + HOUR / 2)
    assert len(waiting(store)) == 1


def test_what_is_given_back_waits_again_and_what_is_judged_does_not(store: Store) -> None:
    arrive(store, "1", "2")
    claim(store, "a")
    judge(store, film(1))
    with store.begin() as session:
        image_verdicts.give_back(session, "a", [1, 2])
    assert [one.arrival_id for one in waiting(store)] == [2]


def test_a_long_series_keeps_no_film_of_another_study_waiting(store: Store) -> None:
    arrive(store, *map(str, range(1, 11)), study="1.2")
    arrive(store, "film", study="1.3")
    assert [one.arrival_id for one in waiting(store)][:2] == [1, 11]


def test_what_came_an_hour_ago_is_not_judged_any_more(store: Store) -> None:
    arrive(store, "1", at=NOW - HOUR - timedelta(seconds=1))
    assert waiting(store) == ()


def test_films_have_a_line_each_and_slices_share_one(store: Store) -> None:
    arrive(store, "1", "2", study="1.2")
    arrive(store, *map(str, range(3, 9)), study="1.3")
    claim(store, "a")
    judge(store, film(1), film(2, Verdict.POOR))
    slices = [
        ImageVerdict(n, study_line("1.3"), ImageHeader(modality="CT", series_uid=f"1.{n % 2}"),
                     Verdict.GOOD, JudgedBy.HEADER)
        for n in range(3, 7)
    ]  # fmt: skip
    judge(store, *slices)
    with store.read() as session:
        lines = arrival_lines.lines(session, NOW - HOUR, sites={"north"})
        assert arrival_lines.lines(session, NOW - HOUR, sites={"south"}) == ()
    found = {(line.is_image, line.images, line.judged, line.verdict) for line in lines}
    assert found == {
        (True, 1, 1, Verdict.GOOD),
        (True, 1, 1, Verdict.POOR),
        (False, 6, 4, Verdict.GOOD),
    }
    [study] = [line for line in lines if not line.is_image]
    assert (study.modality, study.series, study.waiting) == ("CT", 2, 6)


def test_a_dose_report_that_is_no_image_does_not_stand_for_its_study(store: Store) -> None:
    arrive(store, "1", "2")
    claim(store, "a")
    named = ImageHeader(modality="CT", patient_id="MADE-UP")
    judge(
        store,
        ImageVerdict(1, study_line("1.2"), named, Verdict.GOOD, JudgedBy.HEADER),
        ImageVerdict(2, study_line("1.2"), code="not_an_image"),
    )
    with store.begin() as session:
        arrivals.refuse(session, [2], "not_an_image")
    with store.read() as session:
        [line] = arrival_lines.lines(session, NOW - HOUR, sites=None)
    assert (line.patient_id, line.verdict, line.code, line.refused) == (
        "MADE-UP", Verdict.GOOD, None, 0,
    )  # fmt: skip


def test_the_same_bytes_sent_again_are_counted(store: Store) -> None:
    arrive(store, "1", at=NOW - 2 * HOUR)
    again = NewArrival("1.2.1", "1.2", "1".rjust(64, "0"), "x.dcm", "DR1", "north", NOW)
    with store.begin() as session:
        assert arrivals.add(session, [again]) == frozenset()
        arrivals.note_repeats(session, [again, again])
    with store.read() as session:
        [line] = arrival_lines.lines(session, NOW - HOUR, sites=None)
    assert (line.repeats, line.repeated_at, line.images) == (2, NOW, 1)


def test_an_arrival_that_was_lost_takes_its_verdict_with_it(store: Store) -> None:
    arrive(store, "1")
    claim(store, "a")
    judge(store, film(1))
    with store.begin() as session:
        arrivals.forget(session, [1])
    arrive(store, "1")
    assert len(waiting(store)) == 1


# --- retakes


def test_a_retake_is_linked_by_rule_unlinked_and_linked_by_hand_and_all_of_it_is_kept(
    store: Store,
) -> None:
    arrive(store, "1", "2")
    claim(store, "a")
    judge(store, film(1, Verdict.POOR), film(2))
    with store.begin() as session:
        assert retakes.link_by_rule(session, {2: 1}, NOW) == [2]
        assert retakes.link_by_rule(session, {2: 1}, NOW) == []
    with store.begin() as session:
        unlinked = retakes.link_by_hand(session, 2, None, base_revision=0, by=TECHNOLOGIST, now=NOW)
        assert (unlinked.replaces, unlinked.by, unlinked.revision) == (None, "赵技师", 1)
        # What a person said the rule does not take back.
        assert retakes.link_by_rule(session, {2: 1}, NOW) == []
        assert retakes.links(session, [2])[2].replaces is None
    with store.begin() as session:
        retakes.link_by_hand(session, 2, 1, base_revision=1, by=TECHNOLOGIST, now=NOW)
        assert retakes.links(session, [1])[2].replaces == 1


def test_two_who_link_at_once_do_not_overwrite_each_other(store: Store) -> None:
    arrive(store, "1", "2")
    claim(store, "a")
    judge(store, film(1), film(2))
    with store.begin() as session:
        retakes.link_by_hand(session, 2, 1, base_revision=0, by=TECHNOLOGIST, now=NOW)
    with store.begin() as session, pytest.raises(ReportError) as error:
        retakes.link_by_hand(session, 2, None, base_revision=0, by=TECHNOLOGIST, now=NOW)
    assert error.value.code == "retake_changed"


@pytest.mark.parametrize("header", [{"patient_id": "OTHER", "study_uid": "9"}, {"patient_id": ""}])
def test_an_image_of_somebody_else_or_a_later_one_is_not_replaced(
    store: Store, header: dict[str, str]
) -> None:
    arrive(store, "1", "2", "3")
    claim(store, "a")
    judge(store, film(1, **header), film(2, study_uid="8"), film(3, study_uid="8"))
    for replaces in (1, 3):
        with store.begin() as session, pytest.raises(ReportError) as error:
            retakes.link_by_hand(session, 2, replaces, base_revision=0, by=TECHNOLOGIST, now=NOW)
        assert error.value.code == "retake_of_other"
    with store.begin() as session, pytest.raises(NotFound):
        retakes.link_by_hand(session, 2, 77, base_revision=0, by=TECHNOLOGIST, now=NOW)


def test_small_pictures_are_kept_for_a_time(store: Store) -> None:
    arrive(store, "1")
    claim(store, "a")
    judge(store, replace(film(1), thumbnail=b"png"))
    with store.begin() as session:
        assert image_verdicts.thumbnail(session, 1) == b"png"
        assert image_verdicts.drop_thumbnails(session, NOW) == 0
        assert image_verdicts.drop_thumbnails(session, NOW + HOUR) == 1
    with store.read() as session, pytest.raises(NotFound):
        image_verdicts.thumbnail(session, 1)
