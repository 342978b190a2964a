"""Training pairs: what was asked, what was drafted, what was signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.finetune.export import ExportCount, export_pairs
from radraft.reports import codec
from radraft.reports.edits import edit_stats
from radraft.reports.training_pair import (
    EditStats,
    TrainingPair,
)
from radraft.reports.values import Coverage, SignedReport
from radraft.store.drafts import StoredDraft
from radraft.store.tables import PairRow, SignedRow

HELD_OUT_PERCENT = 10

__all__ = ["ExportCount", "export", "make_pair", "pairs", "save_pair", "split_of"]


def make_pair(
    stored_draft: StoredDraft,
    signed: SignedReport,
    *,
    site: str,
    patient_ref: str,
    seconds: float | None = None,
) -> TrainingPair:
    """The pair a signature gives. `stored_draft` is the one the report began as (`drafts.basis`),
    `seconds` the time from the signer's opening of the study, where it was opened.

    ReportError `pair_draft_mismatch` when it is another.
    """
    draft = stored_draft.draft
    drafted_sha = draft.request_sha if draft.coverage is Coverage.DRAFTED else None
    if (draft.case_id, drafted_sha) != (signed.case_id, signed.draft_sha):
        raise ReportError("pair_draft_mismatch")
    request = stored_draft.request_json or ""
    return sealed(
        TrainingPair(
            pair_id="",
            case_id=signed.case_id,
            site=site,
            request=request,
            request_sha=draft.request_sha,
            template_sha=_template_sha(request),
            image_ids=stored_draft.image_ids,
            encoder_id=stored_draft.encoder_id,
            draft=draft,
            signed=signed,
            stats=edit_stats(draft.report, signed.report),
            seconds=seconds,
            split=split_of(patient_ref),
        )
    )


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


def export(session: Session, out: Path) -> ExportCount:
    """Write every case's newest pair to `out` and to its `.preference.jsonl` neighbour.

    See `finetune.export` for the formats and for what is left out.
    """
    return export_pairs(session, pairs(session), out)


def split_of(patient_ref: str) -> str:
    """`held_out` for a tenth of the patients, else `train`: one answer for all of one's studies."""
    digest = hashlib.sha256(f"split:{patient_ref}".encode()).digest()
    percent = int.from_bytes(digest[:8], "big") % 100
    return "held_out" if percent < HELD_OUT_PERCENT else "train"


def sealed(pair: TrainingPair) -> TrainingPair:
    """`pair` with the `pair_id` of its other fields."""
    fields = canonical.plain(pair)
    del fields["pair_id"]
    return replace(pair, pair_id=canonical.sha256(fields))


def _template_sha(request: str) -> str | None:
    if not request:
        return None
    sha = json.loads(request).get("template_sha")
    return None if sha is None else str(sha)


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
