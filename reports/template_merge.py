"""A report merged into its template: what is stated replaces the lines of its structures, what
nobody looked at stays as the template's text, which nobody asserted.

No sentence of the report is changed, moved or lost. A template's line stands in the report at most
once, and only where no sentence states something of its structure, or against it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from radraft.reports.assertion import is_grey, without_grey
from radraft.reports.checks.bilingual import named_terms
from radraft.reports.checks.lexicon import NORMALITY, WordGroup
from radraft.reports.checks.negation import DeniedInImpression, DeniedWithin
from radraft.reports.checks.reading import read_report
from radraft.reports.checks.values import ReadSentence, StudyFacts
from radraft.reports.checks.wording import RepeatedSentence
from radraft.reports.codec import MAX_SENTENCES
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, lineage, vocabulary
from radraft.reports.report_templates import (
    ReportTemplate,
    TemplateLine,
    line_id,
    template_sentence,
)
from radraft.reports.values import LANGS, Certainty, Lang, Origin, Report, Section, Sentence, both

_CLAUSE = re.compile(r"[，,。；;、]|\.(?=\s|$)|\b(?:and|with|or)\b|及|和|与|伴", re.IGNORECASE)
_CHECKS = (DeniedWithin(), DeniedInImpression(), RepeatedSentence())
"""What keeps a line out of a report: it denies what the report states, or says it again."""


@dataclass(frozen=True)
class Merge:
    """A report with those lines of its template that nothing in it replaces."""

    report: Report
    added: tuple[str, ...]
    """Ids of the lines that it had not before, in the template's order."""
    removed: tuple[str, ...]
    """Ids of lines that stood in it unconfirmed, and that a sentence replaces by now."""


def merge(
    report: Report,
    template: ReportTemplate,
    study: StudyFacts,
    *,
    langs: Collection[Lang] = LANGS,
) -> Merge:
    """Return `report` merged into the template's lines for such a patient, in `langs`.

    A line that the report has not comes behind what stands in it of the lines before. To merge
    again changes nothing. A section that is as long as one may be (`codec.MAX_SENTENCES`) stays as
    it is.
    """
    stated = without_grey(report)
    lines = [
        line
        for line in template.lines_for(study.sex)
        if template_sentence(template, line, langs).wordings
    ]
    places = _Places(template, stated, study)
    replaced = _replaced(lines, places, stated, study)
    removed = _unconfirmed(report, replaced)
    kept = _without(report, removed)
    standing = {sentence.id for sentence in kept.sentences}
    missing = [
        template_sentence(template, line, langs)
        for line in lines
        if line.path not in replaced and line_id(line.path) not in standing
    ]
    merged = _with_lines(kept, lines, missing, places)
    added = {sentence.id for sentence in merged.sentences} - standing
    return Merge(merged, tuple(s.id for s in missing if s.id in added), removed)


def replaced_lines(report: Report, template: ReportTemplate, study: StudyFacts) -> frozenset[str]:
    """Return the ids of the template's lines in whose place, or against which, the report states
    something else."""
    stated = without_grey(report)
    lines = template.lines_for(study.sex)
    paths = _replaced(lines, _Places(template, stated, study), stated, study)
    return frozenset(map(line_id, paths))


def missing_lines(
    report: Report, template: ReportTemplate, study: StudyFacts
) -> tuple[TemplateLine, ...]:
    """Return the required lines of a template of which the report has neither the line itself nor
    another statement in its place."""
    standing = {sentence.id for sentence in report.sentences if sentence.wordings}
    required = [
        line
        for line in template.lines_for(study.sex)
        if line.required and line_id(line.path) not in standing
    ]
    if not required:
        return ()
    places = _Places(template, without_grey(report), study)
    return tuple(line for line in required if not places.of(line))


def _replaced(
    lines: Sequence[TemplateLine], places: _Places, stated: Report, study: StudyFacts
) -> frozenset[str]:
    """Return the paths of those lines that what is stated replaces."""
    own = {sentence.id for sentence in stated.sentences}
    open_lines = [line for line in lines if line_id(line.path) not in own]
    replaced = {line.path for line in open_lines if places.of(line)}
    candidates = [line for line in open_lines if line.path not in replaced]
    # One denial may stand against several lines, and is told of once at a time.
    while told := _told_of(candidates, stated, study):
        replaced |= told
        candidates = [line for line in candidates if line.path not in told]
    return frozenset(replaced)


def _told_of(
    candidates: Sequence[TemplateLine], stated: Report, study: StudyFacts
) -> frozenset[str]:
    """Return the paths of lines that, written into the report, would say something against it or
    again."""
    if not candidates or not stated.sentences:
        return frozenset()
    tried = {line_id(line.path): line for line in candidates}
    sections = {
        section: tuple(_written(line) for line in candidates if line.section is section)
        for section in Section
    }
    # The lines come first: a check tells of a sentence once, with the first that it contradicts,
    # and a report that contradicts itself must not hide the line that it contradicts as well.
    read = read_report(
        Report(
            stated.case_id,
            (*sections[Section.FINDINGS], *stated.findings),
            (*sections[Section.IMPRESSION], *stated.impression),
        ),
        study,
    )
    told = set()
    for check in _CHECKS:
        for issue in check.find(read):
            about = {issue.sentence_id, *(pointer.sentence_id for pointer in issue.at)}
            # What a report says against itself or twice is none of a template's business.
            if about - tried.keys() or isinstance(check, RepeatedSentence):
                told |= {tried[found].path for found in about if found in tried}
    return frozenset(told)


def _written(line: TemplateLine) -> Sentence:
    """Return the line as if a person had written it: grey text is read by no check."""
    return Sentence(line_id(line.path), both(line.zh, line.en, Origin.PERSON))


def _unconfirmed(report: Report, paths: Collection[str]) -> tuple[str, ...]:
    """Return the ids of the lines of those paths that stand in the report and that nobody
    confirmed."""
    ids = set(map(line_id, paths))
    return tuple(
        sentence.id
        for sentence in report.sentences
        if sentence.id in ids and sentence.wordings and all(map(is_grey, sentence.wordings))
    )


def _without(report: Report, ids: Collection[str]) -> Report:
    if not ids:
        return report
    return replace(
        report,
        findings=tuple(s for s in report.findings if s.id not in ids),
        impression=tuple(s for s in report.impression if s.id not in ids),
    )


def _with_lines(
    report: Report, lines: Sequence[TemplateLine], missing: Sequence[Sentence], places: _Places
) -> Report:
    """Return the report with the missing lines, each behind what stands of the lines before it."""
    sections: dict[Section, tuple[Sentence, ...]] = {}
    new = {sentence.id: sentence for sentence in missing}
    for section, sentences in (
        (Section.FINDINGS, report.findings),
        (Section.IMPRESSION, report.impression),
    ):
        found = list(sentences)
        at = 0
        for line in lines:
            if line.section is not section:
                continue
            sentence = new.get(line_id(line.path))
            if sentence is None:
                ids = {line_id(line.path), *places.of(line)}
                at = max([at, *(n + 1 for n, other in enumerate(found) if other.id in ids)])
            elif len(found) < MAX_SENTENCES:
                found.insert(at, sentence)
                at += 1
        sections[section] = tuple(found)
    return Report(report.case_id, sections[Section.FINDINGS], sections[Section.IMPRESSION])


class _Places:
    """Which sentences of a report state something of which lines' structures."""

    def __init__(self, template: ReportTemplate, stated: Report, study: StudyFacts) -> None:
        read = read_report(stated, study)
        structures = _structures(template.lines)
        self._of: dict[str, list[str]] = {line.path: [] for line in template.lines}
        for sentence in read.sentences:
            for path in _paths_about(sentence, structures):
                self._of[path].append(sentence.sentence.id)
        concluded = [s.sentence.id for s in read.by_section[Section.IMPRESSION]]
        abnormal = [s.sentence.id for s in read.sentences if not _is_normal(s)]
        for line in template.lines:
            if line.section is Section.IMPRESSION and not line.findings:
                # What a template concludes holds where nothing else is found or concluded.
                self._of[line.path] = [*concluded, *abnormal]

    def of(self, line: TemplateLine) -> tuple[str, ...]:
        """Return the ids of the sentences that stand in the line's place; the line's own is none
        of them."""
        return tuple(i for i in self._of.get(line.path, ()) if i != line_id(line.path))


@dataclass(frozen=True)
class _Structure:
    """What a line is about."""

    path: str
    section: Section
    codes: frozenset[str]
    denied: frozenset[str]
    """Those of `codes` that the line's own wording denies."""
    organs: frozenset[str]
    words: tuple[re.Pattern[str], ...]

    def is_named_in(self, clause: str, organs: frozenset[str]) -> bool:
        """Return whether a clause, which names `organs`, names what the line is about."""
        return bool(self.organs & organs) or any(word.search(clause) for word in self.words)


@lru_cache(maxsize=64)
def _structures(lines: tuple[TemplateLine, ...]) -> tuple[_Structure, ...]:
    """Return what the lines of the findings are about, and those of the impression that are about
    a finding."""
    described = [line for line in lines if line.section is Section.FINDINGS]
    return tuple(
        _Structure(
            line.path,
            line.section,
            frozenset(line.findings) | denied,
            denied,
            frozenset(line.organs) or _organs_of_wording(line),
            tuple(map(_word, line.words)),
        )
        for line, denied in zip(described, map(_denied_codes, described), strict=True)
    )


@cache
def _word(word: str) -> re.Pattern[str]:
    plain = re.escape(word)
    return re.compile(rf"\b{plain}\b" if word.isascii() else plain, re.IGNORECASE)


def _denied_codes(line: TemplateLine) -> frozenset[str]:
    """Return the findings that the line's own wording denies."""
    return frozenset(
        mention.code
        for lang in LANGS
        for mention in extract(line.text(lang), lang)
        if mention.polarity is Certainty.ABSENT
    )


def _organs_of_wording(line: TemplateLine) -> frozenset[str]:
    """Return the organs that the line's wording names, where the template does not say what it is
    about: an imported one."""
    if line.findings or line.words:
        return frozenset()
    return frozenset().union(*(_organs(line.text(lang), lang) for lang in LANGS))


def _organs(text: str, lang: Lang) -> frozenset[str]:
    terms = named_terms(text, lang).terms
    return frozenset(t.concept.name for t in terms if t.concept.group is WordGroup.ORGAN)


def _paths_about(read: ReadSentence, structures: Sequence[_Structure]) -> tuple[str, ...]:
    """Return the paths of the lines whose structures a sentence states something of. An impression
    is in no line's place by what it denies: that is said of findings."""
    found: dict[str, None] = {}
    concludes = read.section is Section.IMPRESSION
    for lang, text in read.texts():
        mentions = [
            mention
            for mention in read.mentions.get(lang, ())
            if vocabulary()[mention.code].kind is not Kind.NORMAL
        ]
        for mention in mentions:
            if not (concludes and mention.polarity is Certainty.ABSENT):
                found |= dict.fromkeys(_by_code(mention.code, structures))
            if mention.polarity is not Certainty.ABSENT:
                found |= dict.fromkeys(_denying(mention.code, structures))
        if not concludes:
            for clause in _uncoded_clauses(text, mentions):
                organs = _organs(clause, lang)
                named = (s.path for s in structures if s.is_named_in(clause, organs))
                found |= dict.fromkeys(named)
    return tuple(found)


def _by_code(code: str, structures: Sequence[_Structure]) -> tuple[str, ...]:
    """Return the lines that a finding is of: by its own code, or by the nearest that it implies."""
    for link in dict.fromkeys((code, *lineage(code))):
        if paths := tuple(s.path for s in structures if link in s.codes):
            return paths
    return ()


def _denying(code: str, structures: Sequence[_Structure]) -> Iterator[str]:
    """Yield the lines that deny a finding or what it implies, of whatever else they are."""
    implied = {code, *lineage(code)}
    return (s.path for s in structures if s.denied & implied)


def _uncoded_clauses(text: str, mentions: Iterable[Mention]) -> Iterator[str]:
    """Yield the clauses of a text in which no finding's words stand."""
    coded = [(mention.start, mention.end) for mention in mentions if mention.end]
    begin = 0
    for end in (*(match.start() for match in _CLAUSE.finditer(text)), len(text)):
        clause = text[begin:end]
        if clause.strip() and not any(start < end and begin < stop for start, stop in coded):
            yield clause
        begin = end


def _is_normal(read: ReadSentence) -> bool:
    """Return whether a sentence only says that things are as they should be: a template's that was
    confirmed, or one that denies and states nothing."""
    wordings = read.sentence.wordings
    if wordings and all(wording.origin is Origin.TEMPLATE for wording in wordings):
        return True
    texts = read.texts()
    return bool(texts) and all(
        _says_normal(text, lang, read.mentions.get(lang, ())) for lang, text in texts
    )


def _says_normal(text: str, lang: Lang, mentions: Sequence[Mention]) -> bool:
    if any(
        mention.polarity is not Certainty.ABSENT
        and vocabulary()[mention.code].kind is not Kind.NORMAL
        for mention in mentions
    ):
        return False
    named = named_terms(text, lang)
    stated = any(
        term.concept.group is WordGroup.FINDING
        and term.polarity is not Certainty.ABSENT
        and (not term.concept.weak or term.concept.name == NORMALITY)
        for term in named.terms
    )
    return not stated and not named.hedges and bool(named.denials or named.normal or mentions)
