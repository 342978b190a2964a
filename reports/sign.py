"""Rules of signing: when a working report becomes an immutable version under a canonical hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports import codec
from radraft.reports.assertion import in_languages
from radraft.reports.checks.run import UNKNOWN, proofread
from radraft.reports.checks.values import Issue, Severity, StudyFacts
from radraft.reports.draft import Draft
from radraft.reports.editing import WorkingReport, require_addendum
from radraft.reports.lifecycle import UNDER_REVIEW, wrote_alone
from radraft.reports.people import Person
from radraft.reports.signature_rule import (
    ONE_IS_ENOUGH,
    SignatureRule,
    alone_manner,
    require_password,
)
from radraft.reports.template_rules import NO_TEMPLATE, TemplateRules
from radraft.reports.values import (
    LANGS,
    ConfirmedLanguage,
    Coverage,
    Lang,
    Manner,
    SignedReport,
    Signing,
)


class ImagesSeen(StrEnum):
    """How whoever signed saw the images, as his page knows it."""

    DRAWN = "drawn"
    """Every key image that there is was drawn on his page."""
    ELSEWHERE = "elsewhere"
    """He says that he read them at another place: one that cannot be drawn locks no report."""


class SignatureRefused(ReportError):
    """A report with issues that block its signature. `code` is the first one's, `codes` are all."""

    def __init__(self, issues: tuple[Issue, ...]) -> None:
        super().__init__(issues[0].code, **issues[0].details)
        self.issues = issues

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of what blocks, in reading order, each once."""
        return tuple(dict.fromkeys(issue.code for issue in self.issues))


@dataclass(frozen=True)
class SigningTerms:
    """Under which rule a person signs, and what he says to it."""

    rule: SignatureRule = ONE_IS_ENOUGH
    reason: str = ""
    """Of emergency duty; empty otherwise."""
    password_confirmed: bool = False
    base_step: int | None = None
    """Number of the report's newest step that he knows of; None: not asked."""


ONE_SIGNATURE = SigningTerms()


def signed_by(
    current: WorkingReport, signer: Person, terms: SigningTerms
) -> tuple[Person, Person | None, Signing]:
    """Return the author, the reviewer, None where one person signs alone, and how it is signed.

    SignInError `password_needed`; ReportError as `signature_rule.alone_manner`. That he may sign in
    this state was asked before (`lifecycle.moved`).
    """
    require_password(terms.rule, confirmed=terms.password_confirmed)
    if current.state in UNDER_REVIEW:
        # Nobody submits a report but as its author.
        assert current.author is not None
        signing = Signing(Manner.REVIEWED, current.submitted_at, "", terms.password_confirmed)
        return current.author, signer, signing
    own = wrote_alone(signer, author=current.author, writers=current.writers)
    manner = alone_manner(terms.rule, own=own, reason=terms.reason)
    reason = terms.reason if manner is Manner.EMERGENCY else ""
    return signer, None, Signing(manner, None, reason, terms.password_confirmed)


def signed_version(
    current: WorkingReport,
    *,
    before: SignedReport | None,
    draft: Draft | None,
    source: Draft | None,
    prior_given: bool,
    author: Person,
    reviewer: Person | None,
    signing: Signing,
    now: datetime,
    study: StudyFacts = UNKNOWN,
    rules: TemplateRules = NO_TEMPLATE,
    shown: tuple[Lang, ...] = LANGS,
) -> SignedReport:
    """Return the version that a signature of `current` makes after the version `before`.

    `draft` is what the report began as, `source` the draft that the model's sentences in it are
    from; `prior_given` says that the model was shown an earlier examination for that one; `study`
    is what is known of the examination, `rules` its template. The signer (the reviewer, where there
    is one) confirms every text in the languages that he was shown (`shown`); what stands in another
    is not in the version. SignatureRefused where an issue blocks
    (`reports.checks`); ReportError `signed_before_previous` for a time before that of the version
    before, `addendum_changes_text`; ValueError for a naive `now`.
    """
    signed_at = utc(now)
    if before is not None and signed_at < before.signed_at:
        previous = before.signed_at.isoformat(timespec="seconds")
        raise ReportError("signed_before_previous", previous=previous)
    if before is not None:
        was = in_languages(before.report, shown)
        require_addendum(current.amendment, was, in_languages(current.report, shown))
    issues = proofread(current.report, study, draft=source, prior_given=prior_given, rules=rules)
    blocking = tuple(issue for issue in issues if issue.severity is Severity.BLOCK)
    if blocking:
        raise SignatureRefused(blocking)
    drafted = draft is not None and draft.coverage is Coverage.DRAFTED
    return sealed(
        SignedReport(
            case_id=current.case_id,
            version=1 if before is None else before.version + 1,
            report=in_languages(current.report, shown),
            draft_sha=draft.request_sha if draft is not None and drafted else None,
            author=author,
            reviewer=reviewer,
            signed_at=signed_at,
            confirmed=tuple(ConfirmedLanguage(lang, reviewer or author) for lang in shown),
            supersedes=None if before is None else before.content_sha,
            content_sha="",
            signing=signing,
            amendment=current.amendment,
        )
    )


def utc(now: datetime) -> datetime:
    """Return `now` in UTC. ValueError for a time without a zone."""
    if now.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return now.astimezone(UTC)


def verify(content: str) -> bool:
    """Return whether `content`, the JSON of a signed version as it is stored, is what was signed.

    The hash is over the stored bytes without `content_sha`, so it holds whatever schema they were
    written in and however the classes changed since. False too for what is not the one canonical
    form of its values: a hash that holds says that not one byte is another.
    """
    try:
        fields = json.loads(content)
        if canonical.dumps_plain(fields) != content:
            return False
        content_sha = fields.pop("content_sha")
        hashed = canonical.dumps_plain(fields).encode("utf-8")
        return bool(hashlib.sha256(hashed).hexdigest() == content_sha)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def sealed(signed: SignedReport) -> SignedReport:
    """Return `signed` with the `content_sha` of its other fields, in today's schema."""
    fields = json.loads(codec.signed_to_json(signed))
    del fields["content_sha"]
    return replace(signed, content_sha=canonical.sha256(fields))
