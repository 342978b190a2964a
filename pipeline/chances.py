"""What the encoder made of a draft's films, finding by finding: shown beside the draft.

Read from the embeddings that the draft was made with; nothing is embedded for it, and where they
are gone (a retention rule, another encoder) nothing is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.reports.values import Coverage
from radraft.store import cases, drafts
from radraft.vision_encoder import chances, stored
from radraft.vision_encoder.chances import AgeGroup

if TYPE_CHECKING:
    from radraft.store.database import Store
    from radraft.vision_encoder.values import ImageEmbedding

NORMAL = "no_finding"
CHILDREN = frozenset({"0-1", "2-5", "6-17"})
"""Bands of age (`studies.deidentify`)."""


@dataclass(frozen=True)
class Chance:
    """Of a hundred films with such a score, how many have the finding by their labels."""

    code: str
    """A finding code, or `no_finding`."""
    chance: float
    """0 to 1."""


@dataclass(frozen=True)
class CaseChances:
    """What is known of one draft's films together."""

    group: AgeGroup
    images: int
    """How many films were looked at."""
    chances: tuple[Chance, ...]
    """The highest first: of several films that which says most."""


def of_case(store: Store, case_id: str) -> CaseChances | None:
    """Return the chances of the newest draft's films; None where no model drafted, the age is not
    known, or the encoder is not one whose scores were calibrated.

    NotFound `case_not_found`; EncodingError as `chances.Chances.of`.
    """
    with store.read() as session:
        case = cases.deid_study(session, case_id)
        draft = drafts.latest(session, case_id)
    if draft is None or draft.encoder_id is None or draft.draft.coverage is not Coverage.DRAFTED:
        return None
    asked = chances.of_encoder(draft.encoder_id)
    group = group_of(case.age_band)
    if asked is None or group is None:
        return None
    films = [
        asked.of(embedding.tokens, group)
        for embedding in embeddings(store, draft.encoder_id, draft.image_ids)
    ]
    if not films:
        return None
    # A finding is on one of the films or on none; normal are only all of them together.
    found = {
        code: (min if code == NORMAL else max)(film[code] for film in films) for code in films[0]
    }
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return CaseChances(group, len(films), tuple(Chance(code, value) for code, value in ordered))


def group_of(age_band: str) -> AgeGroup | None:
    """Return whom the scales were fitted to of that age; None where it is not known."""
    if not age_band:
        return None
    return AgeGroup.CHILD if age_band in CHILDREN else AgeGroup.ADULT


def embeddings(
    store: Store, encoder_id: str, image_ids: tuple[str, ...]
) -> Iterator[ImageEmbedding]:
    """Yield what is stored of these images, whole and by this encoder."""
    for image_id in image_ids:
        try:
            yield stored.read(store.objects, encoder_id, image_id)
        except (NotFound, stored.Damaged):
            continue
