"""How well `studies.priors` links the records of a registry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from radraft.studies.priors import LinkDecision, keys, match
from tests.studies.registry import Record


@dataclass(frozen=True)
class Pair:
    """Two records that share a key."""

    same: bool
    """Whether they are of one patient."""
    confidence: float
    outcome: LinkDecision
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Linkage:
    """All pairs of two hospitals' records that a common key brings together."""

    pairs: tuple[Pair, ...]
    shared: int
    """Patients that both hospitals know."""

    def count(self, outcome: LinkDecision, *, same: bool) -> int:
        """Pairs of that outcome that are, or are not, of one patient."""
        return sum(pair.outcome is outcome and pair.same is same for pair in self.pairs)

    @property
    def precision(self) -> float:
        """Of links that nobody confirms, the share that is right."""
        right, wrong = (self.count(LinkDecision.LINK, same=same) for same in (True, False))
        return right / max(1, right + wrong)

    @property
    def recall(self) -> float:
        """Of the patients both know, the share linked without asking."""
        return self.count(LinkDecision.LINK, same=True) / self.shared

    @property
    def reach(self) -> float:
        """The same, with those that a person is asked about."""
        return self.recall + self.count(LinkDecision.ASK, same=True) / self.shared

    @property
    def blocked(self) -> float:
        """Of the patients both know, the share that a key brings together at all."""
        return sum(pair.same for pair in self.pairs) / self.shared

    def missed(self) -> Counter[tuple[str, ...]]:
        """Why the pairs of one patient that were not linked by themselves were not."""
        return Counter(
            pair.reasons
            for pair in self.pairs
            if pair.same and pair.outcome is not LinkDecision.LINK
        )


def linkage(here: Sequence[Record], there: Sequence[Record]) -> Linkage:
    """Compare every record of one hospital with those of the other that share a key."""
    index: dict[str, list[Record]] = defaultdict(list)
    for record in there:
        for key in keys(record.person):
            index[key].append(record)
    pairs = []
    for mine in here:
        near = {id(one): one for key in keys(mine.person) for one in index[key]}
        for other in near.values():
            found = match(mine.person, other.person)
            reasons = tuple(reason.value for reason in found.reasons)
            same = mine.key == other.key
            if same or found.outcome is not LinkDecision.APART:
                pairs.append(Pair(same, found.confidence, found.outcome, reasons))
    shared = len({one.key for one in here} & {one.key for one in there})
    return Linkage(tuple(pairs), shared)
