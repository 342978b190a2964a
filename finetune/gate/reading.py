"""What a signed pair states, as the gate's questions need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from radraft.reports.findings.extract import extract
from radraft.reports.findings.statements import Side, State, Statement, statements
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import LANGS, Coverage, Lang, Report, Sentence

ONE_SIDED = frozenset({Side.LEFT, Side.RIGHT})
Stated = Mapping[str, Statement]


@dataclass(frozen=True)
class Reading:
    """One pair."""

    case_id: str
    draft: Stated
    """What either language of the draft states; empty where no model drafted."""
    signed: Stated
    differing: bool | None
    """Whether the signed report's languages differ in a finding or a side; None where neither
    states one."""
    contradicting: bool | None
    """Whether findings and impression put one finding on opposite sides; None where they name no
    side of the same finding."""

    @property
    def present(self) -> frozenset[str]:
        """Findings, no devices, that the signed report states as present."""
        return frozenset(present(self.signed))


def read(pair: TrainingPair) -> Reading:
    """What draft and signed report of `pair` state."""
    drafted = pair.draft.coverage is Coverage.DRAFTED
    signed = pair.asserted
    return Reading(
        case_id=pair.case_id,
        draft=stated(pair.drafted.sentences) if drafted else {},
        signed=stated(signed.sentences),
        differing=_differing(signed),
        contradicting=_contradicting(signed),
    )


def stated(sentences: Iterable[Sentence]) -> Stated:
    """What either language states: the stronger state, and the sides of both at that state."""
    found: dict[str, Statement] = {}
    written = tuple(sentences)
    for lang in LANGS:
        for code, one in _of(written, lang).items():
            known = found.get(code)
            if known is None or one.state > known.state:
                found[code] = one
            elif one.state == known.state:
                side = Side(one.side | known.side)
                found[code] = Statement(one.state, side, one.implied and known.implied)
    return found


def present(known: Stated) -> list[str]:
    """Codes of findings, no devices, that are stated as present."""
    return [
        code
        for code, one in known.items()
        if one.state is State.PRESENT and vocabulary()[code].kind is Kind.FINDING
    ]


def opposite(one: Statement | None, other: Statement | None) -> bool | None:
    """Whether both are present on one side each and the sides differ; None where one is not so."""
    if one is None or other is None:
        return None
    if not (one.state is other.state is State.PRESENT and {one.side, other.side} <= ONE_SIDED):
        return None
    return one.side is not other.side


def any_opposite(one: Stated, other: Stated) -> bool | None:
    """Whether any finding lies on opposite sides; None where none has one side in both."""
    answers = [
        answer
        for code in one.keys() & other.keys()
        if (answer := opposite(one[code], other[code])) is not None
    ]
    return any(answers) if answers else None


def _differing(report: Report) -> bool | None:
    zh, en = (_of(report.sentences, lang) for lang in LANGS)
    unstated = Statement(State.UNSTATED, implied=True)
    pairs = [(zh.get(code, unstated), en.get(code, unstated)) for code in zh.keys() | en.keys()]
    named = [(one, other) for one, other in pairs if not (one.implied and other.implied)]
    if not named:
        return None
    return any(one.state is not other.state or _other_side(one, other) for one, other in named)


def _other_side(one: Statement, other: Statement) -> bool:
    # Chinese says 双肺 where English says "the lungs".
    whole = {Side.UNKNOWN, Side.BOTH}
    return one.side is not other.side and not {one.side, other.side} <= whole


def _contradicting(report: Report) -> bool | None:
    answers = [
        answer
        for lang in LANGS
        if (answer := any_opposite(_of(report.findings, lang), _of(report.impression, lang)))
        is not None
    ]
    return any(answers) if answers else None


def _of(sentences: Iterable[Sentence], lang: Lang) -> Stated:
    texts = [sentence.zh if lang == "zh" else sentence.en for sentence in sentences]
    return statements(extract("\n".join(texts), lang))
