"""Weeks of judged studies at two sites.

`python -m tests.studies.quality.made FOLDER` fills a data folder to look at.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from radraft.core.settings import Settings
from radraft.store import cases, quality
from radraft.store.database import open_store
from radraft.store.tables import CaseRow
from radraft.studies.quality.limits import rule
from radraft.studies.quality.values import (
    ImageQuality,
    Measures,
    Reason,
    StudyQuality,
    most_serious_first,
    worst,
)
from radraft.studies.values import Study, Technique
from tests import builders

MONDAY = datetime(2026, 9, 14, 9, tzinfo=UTC)
WEEK = timedelta(weeks=1)
OPERATOR = "Li^Technologist=李^植入技师"
OLD = Technique(
    modality="CR", manufacturer="Planmed", model="X-100", station="XR1", operator=OPERATOR
)
NEW = Technique(modality="DX", manufacturer="Acme", model="DR 7", station="DR2", operator="赵技师")
MEASURES = Measures(
    longest=1024,
    black=0.02,
    white=0.0,
    contrast=0.8,
    levels=250,
    noise=0.01,
    sharpness=0.4,
    flat=0.1,
    field=1.0,
    corners=-0.3,
)


def reason(code: str, value: float | None = None) -> Reason:
    """The reason that the rule of `code` gives for `value`."""
    found = rule(code)
    if value is None:
        assert found.severity is not None
        return Reason(code, found.severity)
    broken = found.broken(code, value)
    assert broken is not None, (code, value)
    return broken


def verdict(*reasons: Reason) -> StudyQuality:
    """A study of one image with these reasons."""
    ordered = most_serious_first(reasons)
    found = worst(*(one.severity for one in ordered))
    return StudyQuality(found, ordered, (ImageQuality("0" * 64, found, ordered, MEASURES),))


def study(number: int, technique: Technique = OLD) -> Study:
    """Study `number`, taken with `technique`."""
    made = builders.make_study(number)
    return replace(made, instances=tuple(replace(i, technique=technique) for i in made.instances))


def add(
    session: Session,
    number: int,
    *reasons: Reason,
    site: str = "north",
    at: datetime = MONDAY,
    technique: Technique = OLD,
) -> str:
    """A judged study that came in at `at`; its case id."""
    sent, deid = study(number, technique), builders.make_deid(number)
    cases.add_study(session, site=site, study=sent, deid=deid, issues=(), original_keys=())
    session.execute(update(CaseRow).where(CaseRow.case_id == deid.case_id).values(received_at=at))
    quality.save(session, deid.case_id, verdict(*reasons), sent, now=at)
    return deid.case_id


def fill(session: Session, weeks: int = 16, a_week: int = 24) -> None:
    """Two sites; at the first an old device gets worse films than a new one, until it is mended."""
    chance, number = random.Random(7), 0
    names = ("李技师", "王技师", "Zhao^Min", "")
    for week in range(weeks):
        for _ in range(a_week + chance.randrange(9)):
            number += 1
            old = chance.random() < 0.6
            bad = 0.35 if old and week < weeks * 2 / 3 else 0.06
            reasons = []
            if chance.random() < bad:
                reasons.append(reason("quality_lungs_cut", chance.uniform(0.91, 1)))
            if chance.random() < bad / 2:
                reasons.append(reason("quality_too_dark", chance.uniform(0.31, 0.7)))
            if old and chance.random() < 0.5:
                reasons.append(reason("quality_spacing_missing"))
            if chance.random() < 0.1:
                reasons.append(reason("quality_view_missing"))
            if chance.random() < 0.01:
                reasons.append(reason("quality_not_chest", 0.005))
            taken = replace(OLD if old else NEW, operator=chance.choice(names))
            site = "north" if chance.random() < 0.85 else "south"
            when = MONDAY + week * WEEK + timedelta(hours=chance.randrange(100))
            add(session, number, *reasons, site=site, at=when, technique=taken)
        if week % 3 == 0:
            quality.refuse(session, site="north", code="pixels_damaged", now=MONDAY + week * WEEK)


if __name__ == "__main__":
    store = open_store(Settings(data_dir=Path(sys.argv[1])))
    with store.begin() as session:
        fill(session)
    store.close()
