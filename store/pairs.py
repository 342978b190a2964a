"""Training pairs, as their signatures made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.reports import codec
from radraft.reports.draft import Draft
from radraft.reports.edits import EditStats
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import SignedReport
from radraft.store.sql import chunks
from radraft.store.tables import PairRow, SignedRow


@dataclass(frozen=True)
class SignedEdit:
    """One pair without what was asked of the model: a draft and what a reader made of it."""

    site: str
    draft: Draft
    signed: SignedReport
    stats: EditStats
    seconds: float | None
    """As `TrainingPair.seconds`."""


def save_pair(session: Session, pair: TrainingPair) -> None:
    """Keep `pair`, in the transaction that signs its report."""
    session.add(
        PairRow(
            pair_id=pair.pair_id,
            case_id=pair.case_id,
            version=pair.signed.version,
            site=pair.site,
            request=pair.request,
            request_sha=pair.request_sha,
            template_sha=pair.template_sha,
            image_ids=pair.image_ids,
            encoder_id=pair.encoder_id,
            draft=codec.draft_to_json(pair.draft),
            stats=canonical.dumps(pair.stats),
            split=pair.split,
            seconds=pair.seconds,
        )
    )
    session.flush()


def pairs(session: Session, site: str | None = None) -> Iterator[TrainingPair]:
    """All pairs, or all of one site, superseded versions included, by case and version."""
    wanted = select(PairRow, SignedRow.content)
    if site is not None:
        wanted = wanted.where(PairRow.site == site)
    rows = session.execute(
        wanted.join(
            SignedRow,
            (SignedRow.case_id == PairRow.case_id) & (SignedRow.version == PairRow.version),
        )
        .order_by(PairRow.case_id, PairRow.version)
        .execution_options(yield_per=100)
    )
    for row, content in rows:
        yield _pair(row, codec.signed_from_json(content))


def pair_keys(session: Session) -> Iterator[tuple[str, int]]:
    """Yield case and version of every pair."""
    for row in session.execute(select(PairRow.case_id, PairRow.version)):
        yield row[0], row[1]


def signed_edits(
    session: Session, keys: Iterable[tuple[str, int]]
) -> Iterator[tuple[tuple[str, int], SignedEdit]]:
    """Yield the pairs of `keys` (case, version) without their requests, in no order."""
    for chunk in chunks(keys):
        rows = session.execute(
            select(
                PairRow.case_id,
                PairRow.version,
                PairRow.site,
                PairRow.draft,
                PairRow.stats,
                PairRow.seconds,
                SignedRow.content,
            )
            .join(
                SignedRow,
                (SignedRow.case_id == PairRow.case_id) & (SignedRow.version == PairRow.version),
            )
            .where(tuple_(PairRow.case_id, PairRow.version).in_(chunk))
        )
        for case_id, version, site, draft, stats, seconds, content in rows:
            yield (
                (case_id, version),
                SignedEdit(
                    site=site,
                    draft=codec.draft_from_json(draft),
                    signed=codec.signed_from_json(content),
                    stats=codec.stored(EditStats, stats),
                    seconds=seconds,
                ),
            )


def _pair(row: PairRow, signed: SignedReport) -> TrainingPair:
    stats: EditStats = codec.stored(EditStats, row.stats)
    return TrainingPair(
        pair_id=row.pair_id,
        case_id=row.case_id,
        site=row.site,
        request=row.request,
        request_sha=row.request_sha,
        template_sha=row.template_sha,
        image_ids=row.image_ids,
        encoder_id=row.encoder_id,
        draft=codec.draft_from_json(row.draft),
        signed=signed,
        stats=stats,
        seconds=row.seconds,
        split=row.split,
    )
