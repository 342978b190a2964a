"""Training pairs: what was asked, what was drafted, what was signed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports.assertion import asserted_report, in_languages, taught_languages
from radraft.reports.draft import Draft, StoredDraft
from radraft.reports.edits import EditStats, signed_edits, without_confirmed_template
from radraft.reports.rejection import RejectedSentence, Rejection, rejected
from radraft.reports.values import Coverage, Lang, Report, SignedReport

HELD_OUT_PERCENT = 10


@dataclass(frozen=True)
class TrainingPair:
    """What a signature teaches: what was asked, what was drafted, what was signed."""

    pair_id: str
    """Canonical hash of the pair's content."""
    case_id: str
    site: str
    request: str
    """Canonical JSON of the draft request's messages, image ids, encoder id and template."""
    request_sha: str | None
    template_sha: str | None
    image_ids: tuple[str, ...]
    encoder_id: str | None
    draft: Draft
    signed: SignedReport
    stats: EditStats
    seconds: float | None
    """From the signer's last opening of the study in the page to the signature; None where it was
    not opened there."""
    split: str
    """`train` or `held_out`, decided by the patient's reference so that no patient is in both."""
    rejected: tuple[RejectedSentence, ...] = ()
    """Drafted sentences that a reader took out and said why, in the draft's order. None of a pair
    of before readers were asked."""

    @property
    def asserted(self) -> Report:
        """What people assert of the signed report in `langs`: all that may be learned or scored
        from it."""
        return in_languages(asserted_report(self.signed), self.langs)

    @property
    def corrected(self) -> Report:
        """`asserted` without the template's lines that were confirmed as they stand: what a reader
        made of the draft, which alone says that it was better otherwise."""
        return without_confirmed_template(self.drafted, self.asserted)

    @property
    def langs(self) -> tuple[Lang, ...]:
        """The languages it teaches."""
        return taught_languages(self.signed)

    @property
    def drafted(self) -> Report:
        """The draft in the same languages."""
        return in_languages(self.draft.report, self.langs)


def make_pair(
    stored_draft: StoredDraft,
    signed: SignedReport,
    *,
    site: str,
    patient_ref: str,
    seconds: float | None = None,
    rejections: tuple[Rejection, ...] = (),
) -> TrainingPair:
    """The pair a signature gives. `stored_draft` is the one the report began as (`drafts.basis`),
    `seconds` the time from the signer's opening of the study, where it was opened; `rejections`
    what readers said of its sentences.

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
            stats=signed_edits(draft.report, signed),
            seconds=seconds,
            split=split_of(patient_ref),
            rejected=rejected(rejections, draft.report, signed.report),
        )
    )


def split_of(patient_ref: str) -> str:
    """`held_out` for a tenth of the patients, else `train`: one answer for all of one's studies."""
    digest = hashlib.sha256(f"split:{patient_ref}".encode()).digest()
    percent = int.from_bytes(digest[:8], "big") % 100
    return "held_out" if percent < HELD_OUT_PERCENT else "train"


def sealed(pair: TrainingPair) -> TrainingPair:
    """`pair` with the `pair_id` of its other fields: without `rejected` where nothing was, as it
    was before readers were asked."""
    fields = canonical.plain(pair)
    del fields["pair_id"]
    if not pair.rejected:
        del fields["rejected"]
    return replace(pair, pair_id=canonical.sha256(fields))


def _template_sha(request: str) -> str | None:
    if not request:
        return None
    sha = json.loads(request).get("template_sha")
    return None if sha is None else str(sha)
