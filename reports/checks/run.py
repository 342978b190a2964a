"""The proofreader: a report in, what must not be signed and what to look at again out."""

from __future__ import annotations

from radraft.reports.assertion import in_languages
from radraft.reports.checks.comparison import ComparisonWithoutPrior, PriorDate, PriorNotGiven
from radraft.reports.checks.devices import DeviceDenied
from radraft.reports.checks.examination import (
    BodyPartDiffers,
    ContrastWords,
    ForeignRegion,
    ModalityWords,
    ViewsDiffer,
)
from radraft.reports.checks.identity import IdentityInText
from radraft.reports.checks.impression import LeftOutOfImpression, WithoutFinding
from radraft.reports.checks.languages import (
    FindingsOfLanguages,
    NegationsOfLanguages,
    NumbersOfLanguages,
    SidesOfLanguages,
)
from radraft.reports.checks.negation import AbnormalWithoutFinding, DeniedInImpression, DeniedWithin
from radraft.reports.checks.patient import AgeDiffers, SexDiffers, SexMixed
from radraft.reports.checks.reading import read_report
from radraft.reports.checks.sides import SideOfImages, SideOfRequest, SidesOfSections
from radraft.reports.checks.sizes import ImpossibleSize, OrderOfLengths, SizeOfPrior, SizeOfSections
from radraft.reports.checks.spelling import EnglishSpelling, Homophones, Lookalikes
from radraft.reports.checks.support import UnmeasuredSupport, UnsupportedSentence
from radraft.reports.checks.template_lines import (
    ContradictedTemplate,
    MissingTemplateLine,
    UnconfirmedTemplate,
)
from radraft.reports.checks.values import Check, Issue, StudyFacts
from radraft.reports.checks.wording import (
    EmptyReport,
    EmptySentence,
    MissingLanguage,
    RepeatedSentence,
    UnfilledField,
)
from radraft.reports.draft import Draft
from radraft.reports.template_rules import NO_TEMPLATE, TemplateRules
from radraft.reports.values import Report

UNKNOWN = StudyFacts()
"""A study of which nothing is known beside its report."""

CHECKS: tuple[Check, ...] = (
    EmptyReport(),
    UnmeasuredSupport(),
    UnsupportedSentence(),
    PriorNotGiven(),
    EmptySentence(),
    UnconfirmedTemplate(),
    ContradictedTemplate(),
    MissingTemplateLine(),
    MissingLanguage(),
    UnfilledField(),
    SidesOfLanguages(),
    NumbersOfLanguages(),
    NegationsOfLanguages(),
    FindingsOfLanguages(),
    EnglishSpelling(),
    Homophones(),
    Lookalikes(),
    RepeatedSentence(),
    SidesOfSections(),
    SideOfRequest(),
    SideOfImages(),
    SexDiffers(),
    SexMixed(),
    AgeDiffers(),
    BodyPartDiffers(),
    ForeignRegion(),
    ModalityWords(),
    ContrastWords(),
    ViewsDiffer(),
    ImpossibleSize(),
    SizeOfSections(),
    OrderOfLengths(),
    SizeOfPrior(),
    ComparisonWithoutPrior(),
    PriorDate(),
    DeviceDenied(),
    DeniedWithin(),
    DeniedInImpression(),
    AbnormalWithoutFinding(),
    LeftOutOfImpression(),
    WithoutFinding(),
    IdentityInText(),
)
"""Every check, in the order in which the issues of one sentence are told."""


def proofread(
    report: Report,
    study: StudyFacts = UNKNOWN,
    *,
    draft: Draft | None = None,
    prior_given: bool = False,
    rules: TemplateRules = NO_TEMPLATE,
) -> tuple[Issue, ...]:
    """Return all issues: of the whole report, then of each sentence in reading order.

    `draft` is the draft that the model's sentences are from: one with less than its
    `Draft.least_support` blocks the signature until a reader keeps it, rewords it or deletes it.
    `prior_given` says that the model was shown an earlier examination (`prompts.build.gave_priors`)
    and may compare. `rules` is the examination's template and what the site asks of it. What is
    written in a language that is none of its site's is not read.
    """
    report = in_languages(report, study.language_rule.languages)
    read = read_report(report, study, draft=draft, prior_given=prior_given, rules=rules)
    place: dict[str | None, int] = {s.id: n for n, s in enumerate(report.sentences)}
    found = [issue for check in CHECKS for issue in check.find(read)]
    return tuple(sorted(found, key=lambda issue: place.get(issue.sentence_id, -1)))


def proofread_sentence(
    report: Report,
    sentence_id: str,
    study: StudyFacts = UNKNOWN,
    *,
    draft: Draft | None = None,
    prior_given: bool = False,
    rules: TemplateRules = NO_TEMPLATE,
) -> tuple[Issue, ...]:
    """Return the issues of a report that concern one of its sentences: those that are told of it,
    and those of other sentences that point at its words.

    The other sentences cost next to nothing where the report was read before.
    """
    return tuple(
        issue
        for issue in proofread(report, study, draft=draft, prior_given=prior_given, rules=rules)
        if issue.sentence_id == sentence_id
        or any(pointer.sentence_id == sentence_id for pointer in issue.at)
    )
