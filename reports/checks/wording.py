"""What is wrong with a report's wording whatever it says: empty, unfilled, said twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from radraft.reports.checks._open_fields import open_field
from radraft.reports.checks._repeats import Statement, say_one_thing, statement
from radraft.reports.checks.pointing import issue_at, whole, words_of
from radraft.reports.checks.values import Issue, ReadReport, ReadSentence, Severity
from radraft.reports.site_languages import MissingSide
from radraft.reports.template_fields import text_fields
from radraft.reports.template_rules import OpenFields, TemplateRules
from radraft.reports.values import LANGS, Lang, Section

SEVERITIES: Mapping[OpenFields, Severity | None] = {
    OpenFields.PROHIBIT: Severity.BLOCK,
    OpenFields.WARN: Severity.WARN,
    OpenFields.SILENT: None,
}
"""How much an open field weighs by a site's rule; None: it is not told of."""
_KEPT = 8192
_NO_SIGN = re.compile(r"[\W_]+")
# What makes no difference between two sentences of one meaning.
_FILLERS: dict[Lang, tuple[tuple[re.Pattern[str], str], ...]] = {
    "en": (
        (re.compile(r"\b(?:within normal limits|unremarkable|of normal size)\b"), "normal"),
        (
            re.compile(
                r"\b(?:there|is|are|was|were|the|an?|of|in|seen|identified|noted|evidence|appears?|"
                r"any|again|demonstrated?|visuali[sz]ed|present|evident|shows?|and|or|size)\b"
            ),
            " ",
        ),
        (re.compile(r"(?<=[a-z]{3})s\b"), ""),
    ),
    "zh": (
        (
            re.compile(
                "(?:没有|未|并未|无)(?:观察到|发现|检测到|注意到|看到|见到|显示出?|出现)(?:任何|明显)?|没有(?:任何|明显)?|未发现|未见(?:到|任何|明显|确切)?|无明显|并无|无"
            ),
            "无",
        ),
        (re.compile("在正常范围内|处于正常范围|未见异常|正常范围|无异常"), "正常"),
        (
            re.compile(
                "显示出?|可以看到|可见到?|见到|看到|示|见|证据|征象|迹象|表现|的|都|均|均为|是|呈|"
                "为|了|也"
            ),
            "",
        ),
    ),
}


class EmptyReport:
    """A report without a word."""

    code = "report_empty"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the issue where no sentence has text, not even a template's: of that
        `template_lines` tells."""
        if not read.unconfirmed and not any(sentence.texts() for sentence in read.sentences):
            yield Issue(self.code, self.severity)


class EmptySentence:
    """A sentence without a word."""

    code = "sentence_empty"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence without text, in a report that has some."""
        if any(sentence.texts() for sentence in read.sentences):
            for sentence in read.sentences:
                if not sentence.texts():
                    yield issue_at(self, sentence)


class MissingLanguage:
    """A sentence that stands in one language only, in a report that is written in both, or at a
    site that wants each in both."""

    code = "language_missing"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence that lacks a language."""
        rule = read.study.language_rule
        if not rule.both or rule.missing_side is MissingSide.SILENT:
            return
        wanted = {w.lang for sentence in read.report.sentences for w in sentence.wordings}
        severity = Severity.WARN
        if rule.missing_side is MissingSide.BLOCK:
            wanted, severity = set(LANGS), Severity.BLOCK
        for sentence in read.sentences:
            written = [lang for lang, _ in sentence.texts()]
            for lang in LANGS:
                if written and lang in wanted and lang not in written:
                    yield issue_at(self, sentence, lang, severity=severity)


class UnfilledField:
    """A template's blank that nobody filled in, as the site's rule has it."""

    code = "sentence_unfilled"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each language of a sentence with a blank in it."""
        severity = SEVERITIES[read.rules.open_fields]
        if severity is None:
            return
        for sentence in read.sentences:
            for lang, text in sentence.texts():
                blank = _blank(text, lang) or _template_field(sentence, text, read.rules)
                if blank:
                    pointer = words_of(sentence, lang, *blank)
                    yield issue_at(self, sentence, lang, pointer, severity=severity)


class RepeatedSentence:
    """A sentence that its section has already, in the same words or in others that say no more."""

    code = "sentence_repeated"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence that says in one language what an earlier one of its section says."""
        for section in Section:
            earlier: list[tuple[Lang, str, Statement]] = []
            for sentence in read.by_section[section]:
                own = [
                    (lang, _meaning(text, lang), statement(text, lang, sentence.mentions[lang]))
                    for lang, text in sentence.texts()
                ]
                again = [
                    lang for lang, meaning, said in own if _is_among(lang, meaning, said, earlier)
                ]
                if again:
                    yield issue_at(self, sentence, None, whole(sentence, again[0]))
                earlier += own


def _is_among(
    lang: Lang, meaning: str, said: Statement, earlier: Sequence[tuple[Lang, str, Statement]]
) -> bool:
    """Return whether one of earlier sentences says in a language what is said."""
    return bool(meaning) and any(
        lang == of and (meaning == words or say_one_thing(said, other))
        for of, words, other in earlier
    )


def _template_field(read: ReadSentence, text: str, rules: TemplateRules) -> tuple[int, int] | None:
    """Return where a field of its template stands in a sentence as the template has it."""
    where = read.sentence.template_field
    template = rules.template
    if where is None or template is None or where.template_id != template.id:
        return None
    lines = (line for line in template.lines if line.path == where.path)
    wordings = [wording for line in lines for wording in (line.zh, line.en)]
    return next(
        (
            (field.start, field.end)
            for field in text_fields(text)
            if any(text[field.start : field.end] in wording for wording in wordings)
        ),
        None,
    )


@lru_cache(maxsize=_KEPT)
def _blank(text: str, lang: Lang) -> tuple[int, int] | None:
    return open_field(text, lang)


@lru_cache(maxsize=_KEPT)
def _meaning(text: str, lang: Lang) -> str:
    """Return the words of `text` that tell it from other sentences; in English without their
    order."""
    plain = _NO_SIGN.sub(" ", text).strip().casefold()
    for pattern, instead in _FILLERS[lang]:
        plain = pattern.sub(instead, plain)
    if lang == "en":
        return " ".join(sorted(plain.split()))
    return "".join(plain.split())
