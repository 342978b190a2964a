"""Critical values (危急值): which findings somebody has to be told of now, by a site's rules.

The rules are data (`critical_values.yaml` is the preset, `RADRAFT_CRITICAL_VALUES` names a site's
own; docs/critical_values.md). What a text states is read by `findings.extract`; what it says of
the finding's age and course by `acuity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from radraft.core.errors import SettingsError
from radraft.core.yaml_files import Strict
from radraft.reports.acuity import Acuity, acuity
from radraft.reports.assertion import is_grey
from radraft.reports.descriptions import described
from radraft.reports.findings.extract import extract
from radraft.reports.findings.statements import most_specific
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region, lineage, vocabulary
from radraft.reports.values import Certainty, Lang, Laterality, Report, outranks

PRESET = "critical_values.yaml"
MOST_MINUTES = 10_080
"""Up to a week."""


class EscalationLevel(Strict):
    """Whom an alert is shown to once its time has passed."""

    zh: str = Field(min_length=1, max_length=64)
    en: str = Field(min_length=1, max_length=64)
    after_minutes: int = Field(default=0, ge=0, le=MOST_MINUTES)
    """After the level before; of the first level, after the deadline."""


class AlertTerms(Strict):
    """What a site asks of one alert; an alert keeps the terms that it was opened under."""

    deadline_minutes: int = Field(ge=1, le=MOST_MINUTES)
    """From the finding until somebody was notified."""
    acknowledge_minutes: int = Field(ge=1, le=MOST_MINUTES)
    """From the notification until it was acknowledged."""
    second_person: bool
    """Whether another than the finder must confirm it before anybody is notified."""
    may_wait: bool
    """Whether the report may be signed before anybody was notified."""
    escalation: tuple[EscalationLevel, ...]

    def wait_minutes(self, untold: bool, level: int) -> int:
        """Return how long an alert at `level` waits for the next one; at level 0 for its deadline,
        which is another while nobody was notified (`untold`)."""
        if level == 0:
            first = self.escalation[0].after_minutes if self.escalation else 0
            return (self.deadline_minutes if untold else self.acknowledge_minutes) + first
        return max(1, self.escalation[level].after_minutes)


class CriticalRule(Strict):
    """When a finding is critical. None: as the rules' `defaults` have it."""

    percent_at_least: float | None = Field(default=None, ge=0, le=100)
    """A measured one below this is not critical; one that was not measured is."""
    volume_ml_at_least: float | None = Field(default=None, ge=0)
    size_mm_at_least: float | None = Field(default=None, ge=0)
    """Of the largest diameter."""
    uncertain: bool | None = None
    """Whether a suspected one counts."""
    unlikely: bool | None = None
    """Whether one that is called unlikely counts."""
    old: bool | None = None
    """Whether an old, chronic or healed one counts."""
    stable: bool | None = None
    """Whether an unchanged one counts."""
    improving: bool | None = None
    postoperative: bool | None = None
    """Whether one counts that is called the consequence of an operation."""
    deadline_minutes: int | None = Field(default=None, ge=1, le=MOST_MINUTES)
    acknowledge_minutes: int | None = Field(default=None, ge=1, le=MOST_MINUTES)
    second_person: bool | None = None
    may_wait: bool | None = None
    escalation: tuple[EscalationLevel, ...] | None = None

    def completed(self, defaults: CriticalRule) -> CriticalRule:
        """Return the rule with what it leaves open taken from `defaults`."""
        said = {name: value for name, value in self if value is not None}
        return defaults.model_copy(update=said)

    @property
    def terms(self) -> AlertTerms:
        """What it asks of an alert."""
        return AlertTerms.model_validate(
            {name: getattr(self, name) for name in AlertTerms.model_fields}
        )


_OPEN_IN_DEFAULTS = frozenset({"percent_at_least", "volume_ml_at_least", "size_mm_at_least"})


class CriticalRules(Strict):
    """A site's critical values."""

    defaults: CriticalRule
    vocabulary: bool = True
    """Whether every code counts that the vocabulary calls critical."""
    findings: dict[str, CriticalRule] = Field(default_factory=dict)
    """Rules of single findings, by code; also those that the vocabulary does not call critical."""
    without: tuple[str, ...] = ()
    """Codes that are not critical here."""

    @field_validator("defaults")
    @classmethod
    def _complete(cls, defaults: CriticalRule) -> CriticalRule:
        missing = [
            name for name, value in defaults if value is None and name not in _OPEN_IN_DEFAULTS
        ]
        if missing:
            raise ValueError(f"not given: {', '.join(missing)}")
        return defaults

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = sorted({*self.findings, *self.without} - set(vocabulary()))
        if unknown:
            raise ValueError(f"no such finding: {', '.join(unknown)}")
        return self

    def rule(self, code: str) -> CriticalRule | None:
        """Return the complete rule of a finding: its own or its nearest parent's; None where it is
        not critical."""
        for link in dict.fromkeys((code, *lineage(code))):
            if link in self.without:
                return None
            rule = self.findings.get(link)
            if rule is None and self.vocabulary and vocabulary()[link].critical:
                rule = CriticalRule()
            if rule is not None:
                return rule.completed(self.defaults)
        return None


@dataclass(frozen=True)
class CriticalMention:
    """A mention that is critical by a rule."""

    mention: Mention
    rule: CriticalRule


@dataclass(frozen=True)
class CriticalFinding:
    """A critical finding of a report, everywhere it is stated."""

    code: str
    certainty: Certainty
    """Present, or uncertain where it is only suspected."""
    sides: frozenset[Laterality]
    """LEFT, RIGHT or both; empty where no side is named."""
    sentence_ids: tuple[str, ...]
    """In reading order."""
    text: str = field(repr=False)
    """The sentences that state it, as they stand, a line each."""
    terms: AlertTerms


def load_rules(path: Path | None) -> CriticalRules:
    """Return the rules in the file at `path`, or the preset where there is none.

    SettingsError `critical_values_missing`, `critical_values_invalid` with the fields to correct.
    """
    if path is None:
        return preset()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SettingsError("critical_values_missing", file=str(path)) from None
    try:
        return CriticalRules.from_yaml(text)
    except ValidationError as error:
        fields = sorted({_place(item["loc"], item["msg"]) for item in error.errors()})
        problem = "; ".join(fields)
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        problem = "file"
    raise SettingsError("critical_values_invalid", file=str(path), fields=problem)


@cache
def preset() -> CriticalRules:
    """Return the rules that come with radraft."""
    return CriticalRules.from_yaml(
        files("radraft.reports").joinpath(PRESET).read_text(encoding="utf-8")
    )


def critical_findings(
    report: Report, rules: CriticalRules, region: Region | None = None
) -> tuple[CriticalFinding, ...]:
    """Return the critical findings of a report, in reading order, each patient's problem once:
    without those that another of them implies.

    One statement in either language is enough; a template's text that nobody confirmed is none.
    """
    stated: dict[str, list[tuple[str, str, CriticalMention]]] = {}
    for sentence in report.sentences:
        for wording in sentence.wordings:
            if is_grey(wording):
                continue
            for critical in critical_mentions(wording.text, wording.lang, rules, region):
                place = (sentence.id, wording.text.strip(), critical)
                stated.setdefault(critical.mention.code, []).append(place)
    specific = most_specific(list(stated))
    return tuple(_folded(code, places) for code, places in stated.items() if code in specific)


def critical_mentions(
    text: str, lang: Lang, rules: CriticalRules, region: Region | None = None
) -> tuple[CriticalMention, ...]:
    """Return the findings that a text names or describes and that are critical by `rules`: those
    named by where they start, then those described."""
    named = extract(text, lang, region)
    return tuple(judged(text, lang, (*named, *described(text, lang, named, region)), rules))


def judged(
    text: str, lang: Lang, mentions: Iterable[Mention], rules: CriticalRules
) -> Iterator[CriticalMention]:
    """Yield those of a text's mentions that are critical by `rules`."""
    for mention in mentions:
        rule = rules.rule(mention.code)
        if rule is None or mention.polarity is Certainty.ABSENT:
            continue
        if mention.polarity is Certainty.UNCERTAIN and not rule.uncertain:
            continue
        if _reaches(mention, rule) and _counts(acuity(text, lang, mention), rule):
            yield CriticalMention(mention, rule)


def _reaches(mention: Mention, rule: CriticalRule) -> bool:
    """Whether the finding is as large as the rule asks, as far as it was measured."""
    measured = (
        (mention.percent, rule.percent_at_least),
        (mention.volume_ml, rule.volume_ml_at_least),
        (max(mention.size_mm, default=None), rule.size_mm_at_least),
    )
    return all(value is None or least is None or value >= least for value, least in measured)


def _counts(said: frozenset[Acuity], rule: CriticalRule) -> bool:
    """Whether the rule counts a finding of which this is said: what is new or worse whatever else
    is said, what is acute though it be old or follow an operation."""
    if Acuity.WORSE in said:
        return True
    counts: dict[Acuity, bool | None] = {
        Acuity.ACUTE: True,
        Acuity.OLD: rule.old,
        Acuity.TREATED: rule.old,
        Acuity.STABLE: rule.stable,
        Acuity.IMPROVING: rule.improving,
        Acuity.POSTOPERATIVE: rule.postoperative,
        Acuity.UNLIKELY: rule.unlikely,
        Acuity.GONE: False,
    }
    if Acuity.ACUTE in said:
        counts |= {Acuity.OLD: True, Acuity.TREATED: True, Acuity.POSTOPERATIVE: True}
    return all(counts[word] for word in said)


def _folded(code: str, places: Sequence[tuple[str, str, CriticalMention]]) -> CriticalFinding:
    certainty: Certainty | None = None
    sides: set[Laterality] = set()
    for _, _, critical in places:
        if outranks(critical.mention.polarity, certainty):
            certainty = critical.mention.polarity
        side = critical.mention.laterality
        both = {Laterality.LEFT, Laterality.RIGHT}
        sides |= both if side is Laterality.BILATERAL else {side} if side else set()
    return CriticalFinding(
        code=code,
        certainty=certainty or Certainty.UNCERTAIN,
        sides=frozenset(sides),
        sentence_ids=tuple(dict.fromkeys(sentence_id for sentence_id, _, _ in places)),
        text="\n".join(dict.fromkeys(text for _, text, _ in places)),
        terms=places[0][2].rule.terms,
    )


def _place(where: tuple[int | str, ...], problem: str) -> str:
    return f"{'.'.join(map(str, where)) or 'file'} ({problem})"
