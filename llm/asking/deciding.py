"""The outcome of a question: what a report, what is known of it and earlier reports say to it."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace

from radraft.llm.asking.advice import ADVICE
from radraft.llm.asking.cases import Case, quote_sentence, related_quotes
from radraft.llm.asking.comparing import compares_in_vain
from radraft.llm.asking.evidence import Evidence, Match, Place, not_judged
from radraft.llm.asking.features import features
from radraft.llm.asking.kinds import imaging_decision
from radraft.llm.asking.learned import open_to_chance, weighed
from radraft.llm.asking.metadata import by_technique, from_metadata, from_quality
from radraft.llm.asking.near import nearest
from radraft.llm.asking.outcomes import QUOTED, finding, outcome_of, sizes
from radraft.llm.asking.places import sides_of
from radraft.llm.asking.premises import LENGTH, changes
from radraft.llm.asking.questions import read_question
from radraft.llm.asking.quotable import quotable
from radraft.llm.asking.relevance_model import relevance_model
from radraft.llm.asking.similarity import vectors
from radraft.llm.asking.values import (
    Finding,
    Kind,
    Outcome,
    Polarity,
    Source,
    SourceSentence,
    in_order,
)
from radraft.llm.sentences import SentenceEncoder
from radraft.reports.values import Lang

log = logging.getLogger("radraft.llm.asking")


def decide(
    question: str,
    report: Source,
    priors: Sequence[Source],
    *,
    lang: Lang,
    earlier: Sequence[str] = (),
    encoder: SentenceEncoder | None = None,
) -> Finding:
    """Return what `report` and `priors` say to `question`.

    `earlier`: the questions before, oldest first. Rules find it; with an `encoder` the relevance
    model weighs it (`learned`). An encoder that fails leaves it to the rules.
    """
    case = Case(read_question(question, earlier), report, in_order(priors), lang)
    found = by_rules(case)
    if encoder is not None and (open_to_chance(case.asked, found) or _shows_nothing(found)):
        found = _by_vectors(case, found, question, earlier, encoder)
    return replace(found, kind=case.asked.kind)


def by_rules(case: Case) -> Finding:
    """Return what the reports say to a question by rules alone."""
    asked = case.asked
    if asked.kind in (Kind.ORDER, Kind.DECISION):
        return Finding(Outcome.REFUSED, related=related_quotes(case))
    if asked.kind in (Kind.OUTSIDE, Kind.IMAGE, Kind.DEFINITION):
        return Finding(Outcome.CANNOT_ANSWER)
    otherwise = by_technique(case)
    if otherwise is not None:
        return otherwise
    if asked.kind is Kind.METADATA:
        return from_metadata(case)
    if asked.kind is Kind.QUALITY:
        found = from_quality(case)
        if found is not None:
            return found
    if asked.kind is Kind.ADVICE:
        return _advice(case)
    return _from_sentences(case)


def source_meant(case: Case) -> Source:
    """Return the report whose sentences a question is about: the open one, or an earlier one that
    it names alone."""
    if case.meant is not None and case.asked.kind is not Kind.SERIES and _only_then(case):
        return case.meant
    return case.report


def _shows_nothing(found: Finding) -> bool:
    return found.outcome is Outcome.NOT_MENTIONED and not found.related


def _by_vectors(
    case: Case, found: Finding, question: str, earlier: Sequence[str], encoder: SentenceEncoder
) -> Finding:
    """Return what becomes of the rules' finding with sentence vectors: the relevance model weighs
    it, and where nothing answers and nothing is near by it, the nearest sentences are shown."""
    source = source_meant(case)
    held = quotable(source)
    if not held:
        return found
    try:
        near = vectors(question, case.asked.content, earlier, held, encoder)
    except (OSError, RuntimeError, ValueError) as error:
        # The type only: a message may quote what it choked on.
        log.error("the sentence model failed (%s); the rules answer alone", type(error).__name__)
        return found
    if open_to_chance(case.asked, found):
        model = relevance_model()
        read = features(case, source, found, near)
        found = weighed(case, source, found, read, model.judge(read), model.limits)
    if not _shows_nothing(found):
        return found
    sentences = case.evidence(source).sentences
    scores = near.sentences[: len(sentences)] @ near.in_context
    closest = nearest(" ".join([*earlier[-1:], question]), sentences, scores)
    return replace(found, nearest=tuple(quote_sentence(case, source, s) for s in closest))


_MODALITIES = (
    ("ct", re.compile(r"(?<![a-z])ct(?![a-z])", re.I)),
    ("mr", re.compile(r"(?<![a-z])mri?(?![a-z])|磁共振|核磁|mrcp", re.I)),
    ("us", re.compile(r"ultraso|(?<![a-z])us+(?![a-z])|超声|彩超|b超", re.I)),
    ("pet", re.compile(r"(?<![a-z])pet", re.I)),
    ("biopsy", re.compile(r"biops|(?<![a-z])fna|穿刺|活检|histolog|病理", re.I)),
    ("film", re.compile(r"radiograph|x-?ray|平片|拍片|\bfilm", re.I)),
)


def _modalities(text: str) -> frozenset[str]:
    return frozenset(name for name, pattern in _MODALITIES if pattern.search(text))


def _advice(case: Case) -> Finding:
    """Answer what the report advises; whether more is needed is refused where it advises nothing
    of the kind."""
    asked = replace(case.asked, measures=frozenset())
    advice = [s for s in case.evidence(case.report).sentences if ADVICE.search(f"{s.zh} {s.en}")]
    if imaging_decision(asked.text.lower()):
        wanted = _modalities(asked.text)
        advice = [s for s in advice if not wanted or wanted & _modalities(f"{s.zh} {s.en}")]
        if not advice:
            return Finding(Outcome.REFUSED, related=related_quotes(case))
        return _quoted(case, advice)
    found: list[SourceSentence] = []
    if asked.has_subject:
        about = {m.sentence.id: m for m in Evidence(asked, case.report).matches}
        found = [s for s in advice if s.id in about]
        if found and not any(about[s.id].same_side for s in found):
            return _quoted(case, found, Outcome.CORRECTED)
    found = found or advice
    if found:
        return _quoted(case, found)
    return Finding(Outcome.NOT_MENTIONED, related=related_quotes(case))


def _quoted(
    case: Case, found: Sequence[SourceSentence], outcome: Outcome = Outcome.ANSWERED
) -> Finding:
    quotes = tuple(quote_sentence(case, case.report, s) for s in found[-QUOTED:])
    return Finding(outcome, quotes)


_COMPARING = re.compile(
    r"比(?!是多少)|变|\bvs\b|than|since|compared|grown|up or down|increas"
    r"|decreas|still|还剩|还在|增|缩|new\b|大了|小了|over time|\bfrom\b.*\bto\b|同.{0,4}吗"
    r"|same as|improved|better|worse|persist|复发|（|\(",
    re.IGNORECASE,
)
_HELD_AGAINST = re.compile(
    r"[跟和与同较].{1,14}(?:比|一样|对照)|比(?:上|前|之前|原来|起).{0,12}[大小多少好差重轻高低变长]"
    r"|\bthan\b|\bcompar(?:ed|ison)|\bvs\b|\bversus\b|different from|same as",
    re.I,
)
_THEN = re.compile(
    r"那次|那张|那时|那会儿|the film of|the (?:first|initial|earlier|previous|last) ", re.I
)


def _from_sentences(case: Case) -> Finding:
    asked = case.asked
    source = source_meant(case)
    if source is not case.report:
        return outcome_of(case, _found(case, source)) or _nothing(case)
    here = _found(case, case.report)
    earlier = tuple(m for prior in case.priors for m in _found(case, prior))
    if asked.kind is Kind.SERIES:
        every = [m for m in (*earlier, *here) if m.here]
        if every:
            return _series(case, every)
    found = outcome_of(case, here)
    if found is not None and _in_vain(case, found):
        return _nothing(case)
    if found is None:
        limits = () if here else not_judged(asked, case.evidence(case.report))
        return _quoted(case, limits) if limits else _nothing(case)
    if (asked.compares or asked.kind is Kind.CHANGE) and case.priors:
        last = case.meant or case.priors[-1]
        more = [m for m in earlier if m.here and m.source is last]
        quotes = found.quotes + tuple(
            quote_sentence(case, m.source, m.sentence) for m in more[:QUOTED]
        )
        found = replace(found, quotes=quotes, sizes=sizes(case, [*more, *here]))
    return found


def _in_vain(case: Case, found: Finding) -> bool:
    parts = {quote.part for quote in found.quotes if quote.source == case.report.id}
    quoted = (one for one in case.report.sentences if one.id in parts)
    return compares_in_vain(case.asked, len(case.priors), quoted)


def _only_then(case: Case) -> bool:
    """Return whether a question is about an earlier report alone."""
    text = case.asked.text
    if case.meant is None or _HELD_AGAINST.search(text):
        return False
    return not _COMPARING.search(text) or _THEN.search(text) is not None


def _nothing(case: Case) -> Finding:
    return Finding(Outcome.NOT_MENTIONED, related=related_quotes(case))


def _found(case: Case, source: Source) -> tuple[Match, ...]:
    if case.asked.has_subject:
        return case.evidence(source).matches
    return _general(case, source)


_AS_A_WHOLE = re.compile(
    r"结论|印象|诊断|发现|问题|异常|正常|结果|怎么样|咋样|如何|说(?:了|的)?(?:什么|啥)|怎么说"
    r"|看到什么|show|\bsay|said|finding"
    r"|abnormal|normal"
    r"|result|impression|conclusion|summar|\bseen\b|wrong|report\b|about\b",
    re.I,
)


def _general(case: Case, source: Source) -> tuple[Match, ...]:
    """Return, where nothing is named, the sentences that give what is asked for; for what a report
    says as a whole its impression."""
    asked = case.asked
    found = []
    for sentence in case.evidence(source).sentences:
        text = f"{sentence.zh} {sentence.en}"
        gives = (
            (asked.kind is Kind.SIZE and LENGTH.search(text) is not None)
            or (asked.kind in (Kind.CHANGE, Kind.SERIES) and bool(changes(text)))
            or (
                asked.kind is Kind.PRESENCE
                and sentence.id.startswith("i")
                and _AS_A_WHOLE.search(asked.text) is not None
            )
        )
        if gives:
            sides = sides_of(text)
            agrees = not asked.sides or not sides or bool(asked.sides & sides)
            found.append(
                Match(
                    source,
                    sentence,
                    Polarity.PRESENT,
                    place=Place.OPEN,
                    same_side=agrees,
                    sides=sides,
                )
            )
    return tuple(found)


def _series(case: Case, every: list[Match]) -> Finding:
    """Return all that the reports say of it, oldest first."""
    when, first = case.asked.when, every[0].source.performed
    asks_first = re.search(r"first|首次|第一次|最早", case.asked.text, re.I) is not None
    wrong = asks_first and (
        (when.year is not None and when.year != first.year)
        or (when.month is not None and when.month != first.month)
    )
    found = finding(case, Outcome.CORRECTED if wrong else Outcome.ANSWERED, ())
    quotes = tuple(quote_sentence(case, m.source, m.sentence) for m in every)
    return replace(found, quotes=quotes, sizes=sizes(case, every))
