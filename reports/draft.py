"""Drafts: what a model wrote, what it was asked, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from radraft.reports.values import Coverage, Report, Section, Sentence


@dataclass(frozen=True)
class Usage:
    """What one draft cost."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    first_sentence_s: float | None
    """Seconds until the first whole sentence pair; None when there was none."""


@dataclass(frozen=True)
class Draft:
    """One drafted report, or the empty skeleton and the reason there is no draft."""

    case_id: str
    report: Report
    coverage: Coverage
    model_id: str
    """Profile name and checkpoint hash, as `starter@0123456789abcdef`; the profile's name alone for
    checkpoints that a hub revision pins."""
    adapter_id: str | None
    request_sha: str | None
    """None where no request was made (not covered)."""
    usage: Usage | None
    error_code: str | None = None
    """Message code when `coverage` is not `drafted`."""
    error_details: Mapping[str, str | int | float] = field(default_factory=dict)
    """What fills that message's placeholders; none in drafts of before they were kept."""
    least_support: float | None = None
    """Image support, in nats, below which this model's sentences are marked; None for a model that
    has no such limit."""


@dataclass(frozen=True)
class StoredDraft:
    """A draft and what it was made from."""

    draft: Draft
    request_json: str | None = field(repr=False)
    encoder_id: str | None
    image_ids: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True)
class DraftedSentence:
    """Streamed while a draft is being written: one finished sentence pair and its place."""

    case_id: str
    section: Section
    sentence: Sentence


@dataclass(frozen=True)
class DraftRestarted:
    """Streamed where the vLLM that was writing went away: the sentences so far are no draft, and
    another vLLM begins anew."""

    case_id: str


DraftProgress = DraftedSentence | DraftRestarted
"""What can be told of a draft before its end."""
DraftEvent = DraftedSentence | Draft
