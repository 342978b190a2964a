"""Arrivals and their verdicts put into a store without files, as if the judge had written them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from radraft.store import arrivals, image_verdicts
from radraft.store.arrival_lines import image_line
from radraft.store.arrivals import NewArrival
from radraft.store.database import Store
from radraft.store.image_verdicts import ImageHeader, ImageVerdict
from radraft.studies.quality.judged_by import JudgedBy
from radraft.studies.quality.values import Reason, Verdict

NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def arrive(
    store: Store, *names: str, study: str = "1.2", at: datetime = NOW, site: str = "north"
) -> None:
    """One object of each name."""
    new = [
        NewArrival(f"{study}.{name}", study, name.rjust(64, "0"), f"{name}.dcm", "DR1", site, at)
        for name in names
    ]
    with store.begin() as session:
        assert len(arrivals.add(session, new)) == len(names)


def claim(store: Store, owner: str, now: datetime = NOW) -> list[int]:
    """Claim all that waits as `owner`."""
    with store.begin() as session:
        found = image_verdicts.unjudged(session, now - HOUR, now)
        return [one.arrival_id for one in image_verdicts.claim(session, found, owner, now)]


def film(arrival_id: int, verdict: Verdict = Verdict.GOOD, **header: str) -> ImageVerdict:
    said = {"modality": "DX", "body_part": "CHEST", "view": "PA", "study_uid": "1.2"}
    return ImageVerdict(
        arrival_id,
        image_line(arrival_id),
        ImageHeader(**said | {"patient_id": "MADE-UP", "station": "ROOM1"} | header),
        verdict,
        JudgedBy.PIXELS,
        (Reason("quality_too_bright", verdict, 0.6, 0.45),),
    )


def judge(store: Store, *found: ImageVerdict, owner: str = "a", now: datetime = NOW) -> list[int]:
    with store.begin() as session:
        return image_verdicts.save(session, found, owner, now)
