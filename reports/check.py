"""Checks of a report's text: what must not be signed, and what a reader should look at again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from radraft.core.errors import message
from radraft.reports.draft import Draft
from radraft.reports.findings.extract import claims_prior
from radraft.reports.values import Lang, Laterality, Origin, Report, Sentence


class Severity(StrEnum):
    """`block` keeps a report from being signed; `warn` asks for a second look."""

    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True)
class Issue:
    """One finding of the checks."""

    code: str
    severity: Severity
    sentence_id: str | None
    lang: Lang | None
    message_zh: str
    message_en: str


NOT_SUPPORTED = "sentence_not_supported"


def check(
    report: Report, draft: Draft | None = None, *, prior_given: bool = False
) -> tuple[Issue, ...]:
    """All issues: of the whole report, then of each sentence in reading order.

    `draft` is what the report began as. A drafted sentence with less than `Draft.least_support`
    blocks the signature until a reader keeps it, rewords it or deletes it. `prior_given` says that
    the model was shown an earlier examination (`prompts.build.gave_priors`) and may compare.
    """
    return tuple(_check(report, draft, prior_given))


def kept(report: Report, issues: Sequence[Issue]) -> Report:
    """`report` with the sentences kept that `issues` mark as not supported by the image."""
    marked = {issue.sentence_id for issue in issues if issue.code == NOT_SUPPORTED}

    def keep(sentence: Sentence) -> Sentence:
        return replace(sentence, kept=True) if sentence.id in marked else sentence

    return replace(
        report,
        findings=tuple(map(keep, report.findings)),
        impression=tuple(map(keep, report.impression)),
    )


def sides(text: str, lang: Lang) -> frozenset[Laterality]:
    """Left and right as `text` names them; both for bilateral."""
    if lang == "zh":
        text = _ABOUT_ZH.sub("", text)
    found = {side for side, word in _SIDES[lang].items() if word.search(text)}
    if Laterality.BILATERAL in found:
        found = {Laterality.LEFT, Laterality.RIGHT}
    return frozenset(found)


def numbers(text: str) -> frozenset[float]:
    """Numbers written in digits; lengths in centimetres as millimetres."""
    found = set()
    for match in _NUMBER.finditer(text):
        value = float(match["number"])
        found.add(round(value * 10, 6) if match["cm"] is not None else value)
    return frozenset(found)


_BLANK = re.compile(r"_{2,}|＿{2,}|\{[^{}]*\}|\[\s*\]|【\s*】|\[\.{3}\]|\[…+\]|\?{3,}|？{3,}")
_ABOUT_ZH = re.compile(r"(?<=[0-9a-zA-Z%％米度°])\s*左右")
_SIDES: dict[Lang, dict[Laterality, re.Pattern[str]]] = {
    "zh": {
        Laterality.LEFT: re.compile("左"),
        Laterality.RIGHT: re.compile("右"),
        # 两 also counts things: 两处, 两个.
        Laterality.BILATERAL: re.compile(
            "双(?!重|相)|[两兩](?![处處个個枚次年月周天日条條根段种種])"
        ),
    },
    "en": {
        Laterality.LEFT: re.compile(r"\bleft\b", re.IGNORECASE),
        Laterality.RIGHT: re.compile(r"\bright\b", re.IGNORECASE),
        Laterality.BILATERAL: re.compile(r"\b(bilateral(ly)?|both)\b", re.IGNORECASE),
    },
}
# The unit may follow after more factors: both numbers of "1.2 x 3.4 cm" are centimetres.
_NUMBER = re.compile(
    r"(?<![\d.])(?P<number>\d+(\.\d+)?)"
    r"(?P<cm>(?=(\s*[x×*]\s*\d+(\.\d+)?)*\s*(cm|厘米|公分)))?",
    re.IGNORECASE,
)
_WORDS: tuple[tuple[str, str], ...] = (
    ("零", "zero|no"),
    ("一", "one|first|single|a|an"),
    ("二|两|兩|双", "two|second|both|pair|bilateral"),
    ("三", "three|third"),
    ("四", "four|fourth"),
    ("五", "five|fifth"),
    ("六", "six|sixth"),
    ("七", "seven|seventh"),
    ("八", "eight|eighth"),
    ("九", "nine|ninth"),
    ("十", "ten|tenth"),
    ("十一", "eleven|eleventh"),
    ("十二", "twelve|twelfth"),
)
_PUNCTUATION = re.compile(r"[\W_]+")


def _check(report: Report, draft: Draft | None, prior_given: bool) -> Iterator[Issue]:
    if not any(_text(sentence) for sentence in report.sentences):
        yield _issue("report_empty", Severity.BLOCK)
        return
    marked: frozenset[str] = frozenset()
    if draft is not None and draft.least_support is not None:
        marked = _unsupported(report, draft.report, draft.least_support)
        drafted = [one for one in report.sentences if one.origin is Origin.MODEL]
        if drafted and all(one.support is None for one in drafted):
            yield _issue("support_not_measured", Severity.WARN)
    for section in (report.findings, report.impression):
        seen: set[tuple[Lang, str]] = set()
        for sentence in section:
            if sentence.id in marked:
                yield _issue(NOT_SUPPORTED, Severity.BLOCK, sentence)
            if sentence.origin is Origin.MODEL and not prior_given:
                yield from _check_prior(sentence)
            yield from _check_sentence(sentence)
            yield from _check_repeated(sentence, seen)


def _unsupported(report: Report, drafted: Report, least: float) -> frozenset[str]:
    """Ids of the sentences with less support that no reader has kept.

    An impression follows from the findings: beside them the image adds little to it. So it is
    marked only where a drafted finding with less support was not kept or reworded; if that one was
    deleted, the impression may still say it.
    """

    def below(sentences: tuple[Sentence, ...]) -> frozenset[str]:
        return frozenset(
            sentence.id
            for sentence in sentences
            if not sentence.kept and sentence.support is not None and sentence.support < least
        )

    findings = below(report.findings)
    standing = {finding.id for finding in report.findings} - findings
    in_doubt = below(drafted.findings) - standing
    return findings | below(report.impression) if in_doubt else findings


def _check_prior(sentence: Sentence) -> Iterator[Issue]:
    """A model that was shown no earlier examination cannot compare with one. A person can."""
    if any(claims_prior(text, lang) for lang, text in _texts(sentence)):
        yield _issue("prior_not_given", Severity.WARN, sentence)


def _check_sentence(sentence: Sentence) -> Iterator[Issue]:
    if not _text(sentence):
        yield _issue("sentence_empty", Severity.BLOCK, sentence)
        return
    for lang, text in _texts(sentence):
        if not text:
            yield _issue("language_missing", Severity.WARN, sentence, lang)
        if _BLANK.search(text):
            yield _issue("sentence_unfilled", Severity.BLOCK, sentence, lang)
    zh, en = sentence.zh.strip(), sentence.en.strip()
    if not zh or not en:
        return
    if _sides_differ(sides(zh, "zh"), sides(en, "en")):
        yield _issue("side_mismatch", Severity.WARN, sentence)
    if _numbers_differ(zh, en):
        yield _issue("number_mismatch", Severity.WARN, sentence)


def _check_repeated(sentence: Sentence, seen: set[tuple[Lang, str]]) -> Iterator[Issue]:
    keys = {
        (lang, _PUNCTUATION.sub(" ", text).strip().casefold()) for lang, text in _texts(sentence)
    }
    keys = {key for key in keys if key[1]}
    if keys & seen:
        yield _issue("sentence_repeated", Severity.WARN, sentence)
    seen |= keys


def _sides_differ(zh: frozenset[Laterality], en: frozenset[Laterality]) -> bool:
    # Chinese says 双肺 where English says "the lungs": both sides against none is no contradiction.
    return zh != en and not (len(zh | en) == 2 and not zh & en and (not zh or not en))


def _numbers_differ(zh: str, en: str) -> bool:
    in_zh, in_en = numbers(zh), numbers(en)
    return any(not _spelled(value, en, "en") for value in in_zh - in_en) or any(
        not _spelled(value, zh, "zh") for value in in_en - in_zh
    )


def _spelled(value: float, text: str, lang: Lang) -> bool:
    """Whether `text` has `value` as a word: "fourth rib" for 第4肋."""
    if not value.is_integer() or not 0 <= value < len(_WORDS):
        return False
    zh, en = _WORDS[int(value)]
    pattern = zh if lang == "zh" else rf"\b({en})\b"
    return re.search(pattern, text, re.IGNORECASE) is not None


def _texts(sentence: Sentence) -> tuple[tuple[Lang, str], tuple[Lang, str]]:
    return ("zh", sentence.zh.strip()), ("en", sentence.en.strip())


def _text(sentence: Sentence) -> str:
    return sentence.zh.strip() or sentence.en.strip()


def _issue(
    code: str, severity: Severity, sentence: Sentence | None = None, lang: Lang | None = None
) -> Issue:
    zh, en = message(code, {})
    return Issue(code, severity, None if sentence is None else sentence.id, lang, zh, en)
