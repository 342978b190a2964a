"""What was asked of signed reports, in numbers: by kind, examination and month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.llm.asking.values import Outcome

if TYPE_CHECKING:
    from radraft.store.database import Store
    from radraft.store.questions import AskedCount

SHOWN_MONTHS = 12


@dataclass(frozen=True)
class Tally:
    """What became of some questions."""

    asked: int
    answered: int
    """Those whose premise was corrected or that a report leaves open among them."""
    no_sentence: int
    """No sentence of a report was found that answers."""

    @property
    def beyond(self) -> int:
        """Questions that no report answers: definitions, decisions, orders; and of before the
        outcome was kept, all without an answer."""
        return self.asked - self.answered - self.no_sentence

    @property
    def unanswered_share(self) -> float:
        """Share without an answer, 0 to 1. There is at least one question."""
        return 1 - self.answered / self.asked


@dataclass(frozen=True)
class Line:
    """The questions of one kind, examination or month."""

    names: tuple[str, ...]
    tally: Tally


@dataclass(frozen=True)
class AskedFigures:
    """One site's figures."""

    total: Tally
    kinds: tuple[Line, ...]
    """Most questions first."""
    examinations: tuple[Line, ...]
    """By modality and body part, most questions first."""
    months: tuple[Line, ...]
    """The newest `SHOWN_MONTHS` that have questions, oldest first."""


def asked_counts(store: Store, site: str | None = None) -> tuple[AskedCount, ...]:
    """Return how much was asked at one site, or at all."""
    from radraft.store import questions

    with store.read() as session:
        return questions.counts(session, site)


def figures(counts: Sequence[AskedCount]) -> AskedFigures:
    """Return the figures of the newest months of `counts`, of which there is at least one."""
    months = sorted({count.month for count in counts})[-SHOWN_MONTHS:]
    shown = [count for count in counts if count.month in months]
    return AskedFigures(
        total=tally(shown),
        kinds=_most_first(shown, lambda count: (count.kind,)),
        examinations=_most_first(shown, lambda count: (count.modality, count.body_part)),
        months=tuple(sorted(_lines(shown, lambda count: (count.month,)), key=lambda m: m.names)),
    )


def tally(counts: Iterable[AskedCount]) -> Tally:
    """Return what `counts` come to together."""
    asked = answered = no_sentence = 0
    for count in counts:
        asked += count.questions
        if not count.refused:
            answered += count.questions
        elif count.outcome == Outcome.NOT_MENTIONED.value:
            no_sentence += count.questions
    return Tally(asked, answered, no_sentence)


_Names = Callable[["AskedCount"], tuple[str, ...]]


def _lines(counts: Sequence[AskedCount], names: _Names) -> list[Line]:
    groups: dict[tuple[str, ...], list[AskedCount]] = defaultdict(list)
    for count in counts:
        groups[names(count)].append(count)
    return [Line(key, tally(group)) for key, group in groups.items()]


def _most_first(counts: Sequence[AskedCount], names: _Names) -> tuple[Line, ...]:
    return tuple(sorted(_lines(counts, names), key=lambda line: (-line.tally.asked, line.names)))
