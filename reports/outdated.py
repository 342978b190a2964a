"""How an impression stands to the findings as they are: what it lacks, and what no longer holds.

It reads as the checks of both sections do (`checks.impression`), which allow for what an impression
concludes from findings under another name; beside their warnings it says of each line why it rests
on nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from radraft.reports.checks.impression import is_described, is_important, is_named
from radraft.reports.checks.stated import (
    Stated,
    levels_meet,
    one_finding,
    relations,
    sides_may_meet,
    sides_of,
    stated,
)
from radraft.reports.checks.values import ReadReport, ReadSentence
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Kind, lineage, vocabulary
from radraft.reports.values import LANGS, Lang, Origin, Section


class Why(StrEnum):
    """Why a line of an impression no longer holds."""

    GONE = "gone"
    """The findings say nothing of it."""
    DENIED = "denied"
    """The findings state the opposite."""
    SIDE = "side"
    """The findings have it on another side, or at another level."""
    NUMBER = "number"
    """The findings give another size."""
    NORMAL = "normal"
    """It calls normal what the findings do not."""


@dataclass(frozen=True)
class StaleLine:
    """A line of the impression that the findings do not bear."""

    sentence_id: str
    lang: Lang
    code: str
    """The finding; `no_finding` of a line that calls everything normal."""
    why: Why


@dataclass(frozen=True)
class MissingFinding:
    """A finding that the impression does not name."""

    sentence_id: str
    """Of the findings section."""
    lang: Lang
    code: str
    important: bool
    """Whether an impression ought to name it, or a person wrote it since the draft."""


@dataclass(frozen=True)
class ImpressionStanding:
    """How an impression stands to its findings."""

    missing: tuple[MissingFinding, ...]
    stale: tuple[StaleLine, ...]
    written: bool
    """Whether there is an impression at all."""

    @property
    def outdated(self) -> bool:
        """Whether it should be written anew: a line no longer holds, or something is missing that
        ought to be there."""
        return self.written and (
            bool(self.stale) or any(finding.important for finding in self.missing)
        )


def standing(read: ReadReport) -> ImpressionStanding:
    """Return how the impression of a report stands to its findings, each finding and line once,
    Chinese before English."""
    missing: dict[tuple[str, str], MissingFinding] = {}
    stale: dict[str, StaleLine] = {}
    for lang in LANGS:
        for finding in _missing(read, lang):
            missing.setdefault((finding.sentence_id, finding.code), finding)
        for line in _stale(read, lang):
            stale.setdefault(line.sentence_id, line)
    written = any(line.texts() for line in read.by_section[Section.IMPRESSION])
    return ImpressionStanding(tuple(missing.values()), tuple(stale.values()), written)


def is_abnormal(finding: Stated) -> bool:
    """Return whether a mention states something that is wrong, for certain or possibly."""
    return not finding.absent and vocabulary()[finding.mention.code].kind is Kind.FINDING


def _missing(read: ReadReport, lang: Lang) -> Iterator[MissingFinding]:
    lines = [line for line in read.by_section[Section.IMPRESSION] if line.sentence.text(lang)]
    if read.by_section[Section.IMPRESSION] and not lines:
        return  # The impression is not written in this language.
    concluded = tuple(stated(read, lang, Section.IMPRESSION))
    for finding in stated(read, lang, Section.FINDINGS):
        if is_abnormal(finding) and not any(is_named(finding, one) for one in concluded):
            wording = finding.read.sentence.wording(lang)
            by_person = wording is not None and wording.origin is Origin.PERSON
            certain = finding.present and not _is_settled(finding)
            important = is_important(finding) or (by_person and certain)
            yield MissingFinding(finding.read.sentence.id, lang, finding.code, important)


def _is_settled(finding: Stated) -> bool:
    """Return whether a finding is one that impressions usually leave out: unchanged or better, or
    what age brings."""
    course = (Change.STABLE, Change.DECREASED, Change.RESOLVED)
    return finding.mention.change in course or finding.code in relations().broad


def _stale(read: ReadReport, lang: Lang) -> Iterator[StaleLine]:
    if not any(line.sentence.text(lang) for line in read.by_section[Section.FINDINGS]):
        return
    found = tuple(stated(read, lang, Section.FINDINGS))
    for line in read.by_section[Section.IMPRESSION]:
        reason = _reason(line, lang, found)
        if reason is not None:
            code, why = reason
            yield StaleLine(line.sentence.id, lang, code, why)


def _reason(line: ReadSentence, lang: Lang, found: tuple[Stated, ...]) -> tuple[str, Why] | None:
    """Return the first finding of a line that the findings do not bear, and why."""
    abnormal = [finding for finding in found if is_abnormal(finding)]
    for mention in line.mentions.get(lang, ()):
        if vocabulary()[mention.code].kind is Kind.NORMAL:
            if any(is_important(finding) for finding in abnormal):
                return mention.code, Why.NORMAL
            continue
        one = Stated(line, lang, mention, mention.code)
        why = _denial(one, abnormal) if one.absent else _unborne(one, found, abnormal)
        if why is not None:
            return mention.code, why
    return None


def _denial(one: Stated, abnormal: list[Stated]) -> Why | None:
    """Return whether a denial of the impression is stated as present by the findings."""
    for finding in abnormal:
        if finding.present and one.code == finding.code and _meet(one, finding):
            return Why.DENIED
    return None


def _unborne(one: Stated, found: tuple[Stated, ...], abnormal: list[Stated]) -> Why | None:
    """Return why no finding bears what a line states; None where one may."""
    if one.mention.change is Change.RESOLVED or vocabulary()[one.mention.code].kind is Kind.DEVICE:
        return None
    same = [finding for finding in abnormal if one_finding(one, finding)]
    if any(_meet(one, finding) for finding in same):
        return Why.NUMBER if _other_number(one, same) else None
    others = (finding for finding in abnormal if finding not in same)
    if any(is_described(one, finding) for finding in others):
        return None
    if same:
        return Why.SIDE
    denied = (finding for finding in found if finding.absent and one_finding(one, finding))
    if any(_meet(one, finding) for finding in denied):
        return Why.DENIED
    if one.code in relations().interpreted and abnormal:
        kin = [finding for finding in abnormal if _share_kind(one, finding)]
        apart = bool(kin) and not any(_meet(one, finding) for finding in kin)
        return Why.SIDE if apart else None
    return Why.GONE


def _other_number(one: Stated, same: list[Stated]) -> bool:
    """Return whether a line gives sizes, or a share, that no mention of its finding has."""
    mention = one.mention
    near = [finding.mention for finding in same if _meet(one, finding)]
    sized = [other for other in near if other.size_mm]
    if mention.size_mm and sized:
        known = {size for other in sized for size in other.size_mm}
        return not set(mention.size_mm) <= known
    shares = [other.percent for other in near if other.percent is not None]
    return mention.percent is not None and bool(shares) and mention.percent not in shares


def _share_kind(one: Stated, other: Stated) -> bool:
    """Return whether two findings imply a common one: pneumonia and consolidation."""
    return bool(set(lineage(one.code)) & set(lineage(other.code)))


def _meet(one: Stated, other: Stated) -> bool:
    """Return whether side and level let two mentions be of one place."""
    return sides_may_meet(sides_of(one.mention), sides_of(other.mention)) and levels_meet(
        one.mention, other.mention
    )
