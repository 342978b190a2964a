"""Answers that were kept, as one reader sees them now: what they rest on is read from the signed
reports that he may see, and not from the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from radraft.llm.asking.values import MetadataField, Source
from radraft.pipeline.asked_reports import source_at
from radraft.reports.checks.measures import measures
from radraft.store import cases, priors, questions, signatures
from radraft.store.questions import AnswerBasis, AnswerSource, SourceRole, Turn

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.llm.asking.values import Quote, SizeAt
    from radraft.llm.followup import Answer
    from radraft.reports.values import Lang

_FIELDS = frozenset(name.value for name in MetadataField)


@dataclass(frozen=True)
class ShownQuote:
    """A part of a signed report, word for word."""

    case_id: str
    version: int
    newest: int
    """The report's newest version."""
    part: str
    is_field: bool
    """Whether it is known beside the text, and `part` is its name."""
    text: str = field(repr=False)
    date: str
    """Day of the examination, ISO 8601."""
    modality: str
    body_part: str
    prior: bool


@dataclass(frozen=True)
class ShownSize:
    """A size in one report, with the sentence that gives it."""

    quote: ShownQuote
    size: str
    """As the sentence writes it."""
    mm: float | None
    """The longest length in millimetres; None where it cannot be read."""


@dataclass(frozen=True)
class ShownTurn:
    """A turn and what its answer rests on."""

    turn: Turn
    """Its answer is empty where it quotes a report that the reader may not see."""
    quotes: tuple[ShownQuote, ...] = ()
    related: tuple[ShownQuote, ...] = ()
    sizes: tuple[ShownSize, ...] = ()
    """In the order of their examinations."""
    hidden: int = 0
    """How many parts of reports it rests on that the reader may not see, or that are gone."""


@dataclass(frozen=True)
class _Read:
    """One version of a report that may be quoted."""

    source: Source
    newest: int
    modality: str
    body_part: str


def shown_turns(
    session: Session, case_id: str, sites: frozenset[str] | None, *, time_zone: str = ""
) -> tuple[ShownTurn, ...]:
    """Return a case's conversation, oldest first; `sites`: those whose signed reports its reader
    may see, None for all. `time_zone`: whose clock tells moments; empty: UTC.

    Of other reports only those are quoted that an answer could rest on today: signed ones of the
    same patient at the case's own site whose signatures hold.
    """
    turns = questions.turns(session, case_id)
    wanted = {
        (source.case_id, source.version)
        for turn in turns
        if turn.basis is not None
        for source in turn.basis.sources
    }
    read = _read(session, case_id, wanted, sites, time_zone)
    return tuple(_shown(turn, read) for turn in turns)


def basis_of(answer: Answer, kind: str, versions: dict[str, int]) -> AnswerBasis:
    """Return what is kept of an answer: ids, and no word of a report but the sizes.

    `versions`: of each report that it may quote, by its case.
    """
    return AnswerBasis(
        kind=kind,
        outcome=answer.outcome.value,
        polarity=None if answer.polarity is None else answer.polarity.value,
        sources=(
            *_sources(answer.quotes, SourceRole.QUOTED, versions),
            *_sources(answer.related, SourceRole.RELATED, versions),
            *_sizes(answer.sizes, versions),
        ),
    )


def _sources(
    quotes: Sequence[Quote], role: SourceRole, versions: dict[str, int]
) -> list[AnswerSource]:
    sources = [
        AnswerSource(role, quote.source, versions[quote.source], quote.part) for quote in quotes
    ]
    return list(dict.fromkeys(sources))


def _sizes(sizes: Sequence[SizeAt], versions: dict[str, int]) -> list[AnswerSource]:
    return [
        AnswerSource(SourceRole.SIZE, size.source, versions[size.source], size.sentence, size.size)
        for size in sizes
    ]


def _read(
    session: Session,
    case_id: str,
    wanted: set[tuple[str, int]],
    sites: frozenset[str] | None,
    time_zone: str,
) -> dict[tuple[str, int], _Read]:
    """Return the versions that may be quoted, by case and number."""
    if not wanted:
        return {}
    may_see = {case_id}
    if any(other != case_id for other, _ in wanted):
        own = frozenset({cases.get_case(session, case_id).site})
        seen = own if sites is None else own & sites
        may_see |= {linked.case_id for linked in priors.signed_of_patient(session, case_id, seen)}
    found: dict[tuple[str, int], _Read] = {}
    for other in sorted({other for other, _ in wanted} & may_see):
        versions = signatures.read(session, other)
        if other != case_id and versions.broken:
            continue
        for signed in versions.held:
            if (other, signed.version) in wanted:
                case = cases.get_case(session, other)
                found[other, signed.version] = _Read(
                    source_at(session, signed, time_zone),
                    versions.held[-1].version,
                    case.modality,
                    case.body_part,
                )
    return found


def _shown(turn: Turn, read: dict[tuple[str, int], _Read]) -> ShownTurn:
    if turn.basis is None:
        return ShownTurn(turn)
    quoted: dict[SourceRole, list[ShownQuote]] = {role: [] for role in SourceRole}
    sizes: list[ShownSize] = []
    hidden = set()
    for source in turn.basis.sources:
        quote = _quote(source, turn, read)
        if quote is None:
            hidden.add((source.case_id, source.part))
        elif source.role is SourceRole.SIZE:
            sizes.append(ShownSize(quote, source.size, _longest(source.size)))
        else:
            quoted[source.role].append(quote)
    # The text quotes what may not be seen: its quotations that may be stand for it.
    shown = replace(turn, answer="") if hidden else turn
    return ShownTurn(
        shown,
        tuple(quoted[SourceRole.QUOTED]),
        tuple(quoted[SourceRole.RELATED]),
        tuple(sorted(sizes, key=lambda size: size.quote.date)),
        len(hidden),
    )


def _quote(
    source: AnswerSource, turn: Turn, read: dict[tuple[str, int], _Read]
) -> ShownQuote | None:
    found = read.get((source.case_id, source.version))
    if found is None:
        return None
    lang: Lang = "zh" if turn.lang == "zh" else "en"
    is_field = source.part in _FIELDS
    if is_field:
        text = found.source.known(MetadataField(source.part))
    else:
        sentences = {sentence.id: sentence for sentence in found.source.sentences}
        sentence = sentences.get(source.part)
        text = None if sentence is None else sentence.text(lang)
    if text is None:
        return None
    return ShownQuote(
        case_id=source.case_id,
        version=source.version,
        newest=found.newest,
        part=source.part,
        is_field=is_field,
        text=text,
        date=found.source.performed.date().isoformat(),
        modality=found.modality,
        body_part=found.body_part,
        prior=source.case_id != turn.case_id,
    )


def _longest(size: str) -> float | None:
    """Return the longest length that a size names, in millimetres."""
    lengths = [
        length for lang in ("en", "zh") for m in measures(size, lang) for length in m.lengths
    ]
    return max(lengths, default=None)
