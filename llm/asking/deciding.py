"""The outcome of a question: what the sentences found say to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from radraft.llm.asking.contradictions import LENGTH, changes, contradicted, measured
from radraft.llm.asking.evidence import Match, is_order, literal, matches, related
from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.questions import Asked, Kind, read_question
from radraft.llm.asking.statements import LIMITED, sides_of, stated
from radraft.llm.asking.values import (
    Finding,
    MetadataField,
    Outcome,
    Polarity,
    Quote,
    SizeAt,
    Source,
    SourceSentence,
    in_order,
)
from radraft.reports.values import Lang

QUOTED = 6
"""Most sentences that one answer quotes of a report."""
_ADVICE = re.compile(
    r"建议|推荐|请结合|随诊|随访|advis|recommend|suggest(?:ed)?\b"
    r"|to be followed|please see|correlat|should be|consider |if clinically"
    r"|repeat (?:ct|film|mr)|urgent",
    re.IGNORECASE,
)
_WRONG = re.compile(r"更正|误写|in error|correction", re.IGNORECASE)


@dataclass(frozen=True)
class _Asking:
    asked: Asked
    report: Source
    priors: tuple[Source, ...]
    lang: Lang


def decide(
    question: str,
    report: Source,
    priors: Sequence[Source],
    *,
    lang: Lang,
    earlier: Sequence[str] = (),
) -> Finding:
    """Return what `report` and `priors` say to `question`.

    `earlier`: the questions before, oldest first.
    """
    asked = read_question(question, earlier)
    case = _Asking(asked, report, in_order(priors), lang)
    if asked.kind in (Kind.ORDER, Kind.DECISION):
        return Finding(Outcome.REFUSED, related=_related(case))
    if asked.kind in (Kind.OUTSIDE, Kind.IMAGE, Kind.DEFINITION):
        return Finding(Outcome.CANNOT_ANSWER)
    if asked.kind is Kind.METADATA:
        return _metadata(case)
    if asked.kind is Kind.QUALITY:
        found = _quality(case)
        if found is not None:
            return found
    if asked.kind is Kind.ADVICE:
        return _advice(case)
    return _from_sentences(case)


def _quote(case: _Asking, source: Source, sentence: SourceSentence) -> Quote:
    return Quote(
        source.id,
        sentence.id,
        sentence.text(case.lang),
        source.performed.date().isoformat(),
        source is not case.report,
    )


def _related(case: _Asking) -> tuple[Quote, ...]:
    return tuple(_quote(case, case.report, one) for one in related(case.asked, case.report))


def _field(case: _Asking, name: MetadataField, source: Source) -> Quote | None:
    text = source.known(name)
    day = source.performed.date().isoformat()
    return Quote(source.id, name, text, day, source is not case.report) if text else None


def _metadata(case: _Asking) -> Finding:
    source = _meant(case) or case.report
    found = tuple(q for name in case.asked.fields if (q := _field(case, name, source)) is not None)
    if MetadataField.REVIEWER in case.asked.fields and not found:
        found = tuple(q for q in (_field(case, MetadataField.AUTHOR, source),) if q)
    if not found:
        for other in reversed(case.priors):
            found = tuple(q for n in case.asked.fields if (q := _field(case, n, other)))
            if found:
                break
    if not found:
        return Finding(Outcome.NOT_MENTIONED, related=_related(case))
    if MetadataField.CRITICAL_ALERT in case.asked.fields:
        told = re.compile(r"电话|告知|通知|told|informed|phone", re.I)
        found += tuple(
            _quote(case, source, s)
            for s in source.sentences
            if told.search(f"{s.zh} {s.en}") and not is_order(s)
        )
    text = case.asked.text.lower()
    technique = (source.known(MetadataField.TECHNIQUE) or "").lower()
    if found[0].part == MetadataField.TECHNIQUE and _technique_differs(text, technique):
        return Finding(Outcome.CORRECTED, found)
    return Finding(Outcome.ANSWERED, found)


_STANDING = re.compile(r"站|立位|erect|upright|standing")
_LYING = re.compile(r"卧|躺|supine|prone|lying")


def _technique_differs(text: str, technique: str) -> bool:
    if re.search(r"还是| or ", text):
        return False
    if re.search(r"lateral|侧位", text) and not re.search(r"lateral|侧位", technique):
        return True
    if _STANDING.search(text) and _LYING.search(technique) and not _STANDING.search(technique):
        return True
    if _LYING.search(text) and _STANDING.search(technique) and not _LYING.search(technique):
        return True
    with_contrast = re.search(r"增强|with contrast|contrast[- ]enhanced", text)
    return bool(
        with_contrast and re.search(r"未用|平扫|no contrast|without", technique)
    ) and case_tag(text)


def case_tag(text: str) -> bool:
    """Return whether a question only wants to be agreed with."""
    return re.search(r"吧|对吗|right\?|yes\?|correct\?|isn't", text) is not None


def _quality(case: _Asking) -> Finding | None:
    quality = _field(case, MetadataField.QUALITY, case.report)
    found = matches(case.asked, case.report) if case.asked.has_subject else ()
    limited = [m for m in found if m.limited]
    quotes = [q for q in (quality,) if q] + [_quote(case, m.source, m.sentence) for m in limited]
    if not quotes and not case.asked.has_subject:
        quotes = [
            _quote(case, case.report, s)
            for s in case.report.sentences
            if LIMITED.search(f"{s.zh} {s.en}".lower()) and not is_order(s)
        ]
    if quotes:
        return Finding(Outcome.ANSWERED, tuple(quotes))
    return None if found else Finding(Outcome.NOT_MENTIONED, related=_related(case))


def _advice(case: _Asking) -> Finding:
    asked = replace(case.asked, measures=frozenset())
    advice = [
        s for s in case.report.sentences if _ADVICE.search(f"{s.zh} {s.en}") and not is_order(s)
    ]
    found: list[SourceSentence] = []
    if asked.has_subject:
        about = {m.sentence.id: m for m in matches(asked, case.report)}
        found = [s for s in advice if s.id in about]
        wrong = [s for s in found if not about[s.id].same_side]
        if wrong and len(wrong) == len(found):
            return Finding(Outcome.CORRECTED, tuple(_quote(case, case.report, s) for s in found))
        if (
            about
            and not found
            and not re.search(
                r"建议|recommend|advis|suggest|下一步|next|复查|随访|follow", asked.text, re.I
            )
        ):
            return _from_sentences(case)
    found = found or advice
    if found:
        return Finding(
            Outcome.ANSWERED, tuple(_quote(case, case.report, s) for s in found[-QUOTED:])
        )
    return _from_sentences(case)


def _meant(case: _Asking) -> Source | None:
    """The earlier report that the question names; None where it names none that is there."""
    when = case.asked.when
    if not when.named or not case.priors:
        return None
    dated = [
        prior
        for prior in case.priors
        if (when.year is None or prior.performed.year == when.year)
        and (when.month is None or prior.performed.month == when.month)
        and (when.day is None or prior.performed.day == when.day)
        and (when.hour is None or prior.performed.hour == when.hour)
    ]
    if when.month or when.year or when.day or when.hour is not None:
        return dated[-1] if dated else None
    if re.search(
        r"当天|before the op|术前|preop|pre-op|before surgery|原来", case.asked.text, re.I
    ):
        return case.priors[0] if "当天" in case.asked.text else case.priors[-1]
    return case.priors[-1]


_COMPARING = re.compile(
    r"比(?!是多少)|变|\bvs\b|than|since|compared|grown|up or down|increas"
    r"|decreas|still|还剩|增|缩|new\b|大了|小了|over time|from|同.{0,4}吗"
    r"|same as|improved|better|worse|（|\(",
    re.IGNORECASE,
)


def _from_sentences(case: _Asking) -> Finding:
    asked = case.asked
    meant = _meant(case)
    series = asked.kind is Kind.SERIES
    if (
        meant is not None
        and not series
        and (
            not _COMPARING.search(asked.text)
            or re.search(r"那次|那张|那时|the film of", asked.text)
        )
    ):
        found = _decided(case, _found(case, meant), meant)
        if found is not None:
            return found
        return Finding(Outcome.NOT_MENTIONED, related=_related(case))
    found_here = _found(case, case.report)
    if not asked.has_subject and asked.kind in _GENERAL:
        found_here = _general(case)
    earlier = tuple(m for prior in case.priors for m in _found(case, prior))
    if series:
        every = [m for m in (*earlier, *found_here) if m.same_side and m.same_spot]
        if every:
            return _series(case, every)
    found = _decided(case, found_here, case.report)
    if found is None:
        return Finding(Outcome.NOT_MENTIONED, related=_related(case))
    if asked.compares or asked.kind is Kind.CHANGE:
        more = [
            m
            for m in earlier
            if m.same_side and m.same_spot and m.source is (meant or case.priors[-1])
        ]
        quotes = found.quotes + tuple(_quote(case, m.source, m.sentence) for m in more[:QUOTED])
        found = replace(found, quotes=quotes, sizes=_sizes(case, [*more, *found_here]))
    return found


_PREDICATES = frozenset(
    [
        "enlargement",
        "thickening",
        "dilatation",
        "enhancement",
        "displacement",
        "compression",
        "stenosis",
    ]
)


def _found(case: _Asking, source: Source) -> tuple[Match, ...]:
    """Return the sentences on what is asked; where none is on all of it, those that settle it."""
    asked = case.asked
    found = matches(asked, source)
    if not found and not asked.findings and not asked.places:
        found = literal(asked, source)
    if not found and not asked.findings and len(asked.places) > 1 and asked.sides:
        for place in sorted(asked.places):
            astray = matches(replace(asked, places=frozenset({place})), source)
            found += tuple(m for m in astray if not m.same_side)
    if found or not asked.findings:
        return found
    others = tuple(w for w in asked.findings if not w & lexicon().devices)
    if others and len(others) < len(asked.findings):
        found = matches(replace(asked, findings=others), source)
        if found:
            return found
    if (
        asked.places
        and asked.kind in (Kind.CHANGE, Kind.SIZE)
        and all(word <= _PREDICATES for word in asked.findings)
    ):
        return matches(replace(asked, findings=()), source)
    if len(asked.findings) > 1:
        parts = [m for w in asked.findings for m in matches(replace(asked, findings=(w,)), source)]
        absent = tuple(m for m in parts if m.polarity is Polarity.ABSENT)
        present = {m.sentence.id for m in parts if m.polarity is not Polarity.ABSENT}
        if absent and not present:
            return absent
        open_ = tuple(
            replace(m, polarity=Polarity.UNCERTAIN)
            for m in parts
            if _UNDECIDED.search(f"{m.sentence.zh} {m.sentence.en}") and m.same_spot and m.same_side
        )
        astray = tuple(m for m in parts if not m.same_side and m.polarity is not Polarity.ABSENT)
        if astray and asked.presumes and not any(m.same_side for m in parts):
            return astray
        if open_ and asked.kind in (Kind.CERTAINTY, Kind.PRESENCE, Kind.CAUSE):
            return open_
    if asked.sides and asked.places and asked.presumes:
        astray = matches(replace(asked, places=frozenset()), source)
        return tuple(m for m in astray if not m.same_side and m.polarity is not Polarity.ABSENT)
    return ()


_UNDECIDED = re.compile(r"性质待定|待定|indeterminate", re.I)
_CAUSAL = re.compile(
    r"引起|所致|导致|继发|相关|无关|due to|caused|secondary|related|from (?:a|the)\b", re.I
)
_GENERAL = frozenset({Kind.SIZE, Kind.NUMBER, Kind.CHANGE, Kind.CERTAINTY, Kind.SERIES})


def _general(case: _Asking) -> tuple[Match, ...]:
    """Where no subject is named, the sentences that give what is asked for."""
    found = []
    for sentence in case.report.sentences:
        text = f"{sentence.zh} {sentence.en}"
        if is_order(sentence):
            continue
        if (case.asked.kind is Kind.SIZE and LENGTH.search(text)) or (
            case.asked.kind in (Kind.CHANGE, Kind.SERIES) and changes(text)
        ):
            sides = sides_of(text)
            agrees = not case.asked.sides or not sides or bool(case.asked.sides & sides)
            found.append(Match(case.report, sentence, Polarity.PRESENT, agrees, sides=sides))
    return tuple(found)


def _series(case: _Asking, every: list[Match]) -> Finding:
    quotes = tuple(_quote(case, m.source, m.sentence) for m in every)
    wrong = False
    when = case.asked.when
    first = every[0].source.performed
    if re.search(r"first|首次|第一次", case.asked.text, re.I) and (when.year or when.month):
        wrong = (when.year is not None and when.year != first.year) or (
            when.month is not None and when.month != first.month
        )
    outcome = Outcome.CORRECTED if wrong else Outcome.ANSWERED
    return Finding(outcome, quotes, sizes=_sizes(case, every))


def _sizes(case: _Asking, found: Sequence[Match]) -> tuple[SizeAt, ...]:
    sizes = []
    for match in found:
        size = LENGTH.search(match.sentence.text(case.lang))
        if size is not None and match.polarity is not Polarity.ABSENT:
            day = match.source.performed.date().isoformat()
            sizes.append(SizeAt(day, size.group(), match.source.id, match.sentence.id))
    return tuple(sizes)


def _decided(case: _Asking, found: Sequence[Match], source: Source) -> Finding | None:
    """Return what the matching sentences say; None where there are none."""
    asked = case.asked
    if not found:
        return None
    corrected = [m for m in found if any(_corrects(s) for s in (m.sentence,))]
    right = [m for m in found if m.same_side and m.same_spot]

    def finding(
        outcome: Outcome, chosen: Sequence[Match], polarity: Polarity | None = None
    ) -> Finding:
        ordered = [*corrected, *(m for m in chosen if m not in corrected)][:QUOTED]
        return Finding(
            outcome,
            tuple(_quote(case, m.source, m.sentence) for m in ordered),
            polarity=polarity,
            sizes=_sizes(case, ordered) if asked.kind is Kind.SIZE else (),
        )

    if not right:
        elsewhere = [m for m in found if m.polarity is not Polarity.ABSENT]
        if not elsewhere:
            return finding(Outcome.NOT_MENTIONED, ()) if asked.only_asks else None
        if asked.only_asks and all(m.same_spot for m in elsewhere) and _asks_if(asked):
            return None
        return finding(Outcome.CORRECTED, [*elsewhere, *found])
    if asked.sides and not _asks_if(asked):
        other = [m for m in found if not m.same_side and m.polarity is Polarity.PRESENT]
        named = [m for m in right if asked.sides & m.sides or "bilateral" in m.sides]
        if other and not named and all(m.polarity is Polarity.ABSENT or not m.sides for m in right):
            return finding(Outcome.CORRECTED, [*other, *right])
    states = {m.polarity for m in right}
    state = (
        Polarity.PRESENT
        if Polarity.PRESENT in states
        else Polarity.UNCERTAIN
        if Polarity.UNCERTAIN in states
        else Polarity.ABSENT
    )
    bearing = sorted(right, key=lambda m: (m.polarity is not state, -m.near))
    if state is Polarity.ABSENT and any(not m.measured for m in found):
        return None
    if state is Polarity.ABSENT:
        elsewhere = [m for m in found if m not in right and m.polarity is not Polarity.ABSENT]
        presumed = asked.presumes and not asked.turned and not (asked.normal and not asked.sizes)
        if elsewhere and (presumed or not _asks_if(asked)):
            return finding(Outcome.CORRECTED, [*elsewhere, *bearing])
        if asked.kind is Kind.CHANGE and asked.change == "resolved":
            presumed = False
        limited = all(m.limited for m in right)
        if limited:
            return finding(Outcome.ANSWERED, bearing)
        if asked.kind is Kind.CHANGE and asked.change is None and not asked.presumes:
            return finding(Outcome.ANSWERED, bearing)
        return finding(
            Outcome.CORRECTED if presumed else Outcome.ANSWERED, bearing, Polarity.ABSENT
        )
    if asked.one_side and any("bilateral" in m.sides for m in right):
        return finding(Outcome.CORRECTED, bearing)
    if any(not m.measured for m in right) and not any(
        m.measured and m.polarity is not Polarity.ABSENT for m in right
    ):
        return None
    if contradicted(asked, right):
        return finding(Outcome.CORRECTED, bearing)
    if (
        state is Polarity.PRESENT
        and asked.kind is Kind.CAUSE
        and len(asked.findings) < 2
        and _WHY.search(asked.text)
    ):
        right = [m for m in right if _CAUSAL.search(f"{m.sentence.zh} {m.sentence.en}")]
        return finding(Outcome.ANSWERED, right) if right else None
    if _device_elsewhere(asked, right):
        return finding(Outcome.CORRECTED, bearing)
    if asked.kind in (Kind.SIZE,) and not measured(asked, right):
        return None
    if state is Polarity.UNCERTAIN and asked.kind in (Kind.CERTAINTY, Kind.PRESENCE, Kind.CAUSE):
        return finding(Outcome.UNCERTAIN, bearing, Polarity.UNCERTAIN)
    if asked.kind is Kind.PRESENCE and asked.findings and not (asked.presumes or asked.normal):
        return finding(Outcome.ANSWERED, bearing, state)
    return finding(Outcome.ANSWERED, bearing)


_WHY = re.compile(r"原因|为啥|为什么|引起|导致|cause|\bwhy\b|due to", re.I)
_IF = re.compile(
    r"有没有?|有无|有.{0,14}(?:吗|没|么)|是否有|不大|\bany\b|is there"
    r"|are there|do you see|evidence of",
    re.I,
)


def _asks_if(asked: Asked) -> bool:
    """Return whether a question openly asks if something is there, taking nothing for granted."""
    return asked.turned or (not asked.presumes and _IF.search(asked.text) is not None)


def _device_elsewhere(asked: Asked, right: Sequence[Match]) -> bool:
    """Return whether a device that the question has in a place is in others."""
    words = lexicon()
    if (not asked.presumes and not asked.normal) or not asked.places or not asked.findings:
        return False
    if not all(word & words.devices for word in asked.findings):
        return False
    stands = {p for m in right for one in stated(m.sentence) for p in one.places}
    return bool(stands) and not any(
        place in words.lineage(one) for place in asked.places for one in stands
    )


def _corrects(sentence: SourceSentence) -> bool:
    return _WRONG.search(f"{sentence.zh} {sentence.en}") is not None
