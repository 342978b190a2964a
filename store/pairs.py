"""Training pairs, as their signatures made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVarTuple

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.reports import codec
from radraft.reports.draft import Draft
from radraft.reports.edits import EditStats
from radraft.reports.rejection import RejectedSentence
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import SignedReport
from radraft.store import signatures
from radraft.store.signatures import BrokenSignature
from radraft.store.sql import chunks
from radraft.store.tables import CaseRow, PairImageRow, PairRow, SignatureLinkRow, SignedRow

_Columns = TypeVarTuple("_Columns")
_REJECTED = tuple[RejectedSentence, ...]


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
            rejected=canonical.dumps(pair.rejected) if pair.rejected else None,
        )
    )
    session.flush()
    session.add_all(
        PairImageRow(image_id=image_id, pair_id=pair.pair_id)
        for image_id in dict.fromkeys(pair.image_ids)
    )
    session.flush()


def pairs(
    session: Session, site: str | None = None, *, broken: list[BrokenSignature] | None = None
) -> Iterator[TrainingPair]:
    """Yield all pairs, or all of one site, superseded versions included, by case and version.

    A pair whose signature does not hold, or of whose case a version is gone, goes to `broken`
    instead; ReportError `signature_broken` where no list is given.
    """
    gone = signatures.gone(session)
    wanted = select(PairRow, SignedRow, SignatureLinkRow)
    if site is not None:
        wanted = wanted.where(PairRow.site == site)
    rows = session.execute(
        joined_to_signatures(wanted)
        .order_by(PairRow.case_id, PairRow.version)
        .execution_options(yield_per=100)
    )
    # Closed too where a caller stops half way, or is stopped by what does not hold.
    with closing(rows):
        for row, stored, link in rows:
            signed = signatures.checked(session, row.case_id, row.version, stored, link, gone=gone)
            if not isinstance(signed, BrokenSignature):
                yield _pair(row, signed)
            elif broken is None:
                raise signed.error()
            else:
                broken.append(signed)


def joined_to_signatures(wanted: Select[*_Columns]) -> Select[*_Columns]:
    """Return `wanted` of pairs with the rows that `signatures.checked` takes."""
    return wanted.outerjoin(
        SignedRow, (SignedRow.case_id == PairRow.case_id) & (SignedRow.version == PairRow.version)
    ).outerjoin(
        SignatureLinkRow,
        (SignatureLinkRow.case_id == PairRow.case_id)
        & (SignatureLinkRow.version == PairRow.version),
    )


def held_out(session: Session) -> tuple[frozenset[str], frozenset[str]]:
    """Return what stands today for the patients of pairs that judge, and the ids of the images
    those pairs were made with."""
    of_case = select(PairRow.case_id).where(PairRow.split == "held_out")
    patients = select(CaseRow.patient_ref).where(CaseRow.case_id.in_(of_case)).distinct()
    images = (
        select(PairImageRow.image_id)
        .join(PairRow, PairRow.pair_id == PairImageRow.pair_id)
        .where(PairRow.split == "held_out")
        .distinct()
    )
    return frozenset(session.scalars(patients)), frozenset(session.scalars(images))


def pair_keys(session: Session) -> Iterator[tuple[str, int]]:
    """Yield case and version of every pair."""
    for row in session.execute(select(PairRow.case_id, PairRow.version)):
        yield row[0], row[1]


def signed_edits(
    session: Session, keys: Iterable[tuple[str, int]]
) -> Iterator[tuple[tuple[str, int], SignedEdit | BrokenSignature]]:
    """Yield the pairs of `keys` (case, version) without their requests, in no order; in place of
    one whose signature does not hold, that."""
    for chunk in chunks(keys):
        gone = signatures.gone(session, {case_id for case_id, _ in chunk})
        rows = session.execute(
            joined_to_signatures(
                select(
                    PairRow.case_id,
                    PairRow.version,
                    PairRow.site,
                    PairRow.draft,
                    PairRow.stats,
                    PairRow.seconds,
                    SignedRow,
                    SignatureLinkRow,
                ).select_from(PairRow)
            ).where(tuple_(PairRow.case_id, PairRow.version).in_(chunk))
        )
        for case_id, version, site, draft, stats, seconds, stored, link in rows:
            signed = signatures.checked(session, case_id, version, stored, link, gone=gone)
            if isinstance(signed, BrokenSignature):
                yield (case_id, version), signed
                continue
            yield (
                (case_id, version),
                SignedEdit(
                    site=site,
                    draft=codec.draft_from_json(draft),
                    signed=signed,
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
        rejected=() if row.rejected is None else codec.stored(_REJECTED, row.rejected),
    )
