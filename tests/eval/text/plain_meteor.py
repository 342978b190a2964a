"""METEOR's matching and search written plainly, one pair and one path at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from radraft.eval.text.meteor.words import Lexicon

Phrases = list[tuple[str, str]]


@dataclass(frozen=True)
class Match:
    stage: int
    start: int
    length: int
    hyp_start: int
    hyp_length: int

    @property
    def hyp(self) -> set[int]:
        return set(range(self.hyp_start, self.hyp_start + self.hyp_length))

    @property
    def ref(self) -> set[int]:
        return set(range(self.start, self.start + self.length))

    @property
    def worth(self) -> int:
        return sum(int((1, 0.5, 0.5, 0.5)[self.stage] * n) for n in (self.length, self.hyp_length))


@dataclass(frozen=True)
class Path:
    matches: tuple[Match, ...] = ()
    used: frozenset[int] = frozenset()
    worth: int = 0
    chunks: int = 0
    distance: int = 0
    next: int = 0
    last: int = -1

    @property
    def rank(self) -> tuple[int, int, int]:
        return -self.worth, self.chunks, self.distance

    def take(self, match: Match, distance: int) -> Path:
        return Path(
            (*self.matches, match),
            self.used | match.hyp,
            self.worth + match.worth,
            self.chunks + (self.last not in (-1, match.hyp_start)),
            distance,
            match.start + match.length,
            match.hyp_start + match.hyp_length,
        )


def matches(ref: list[str], hyp: list[str], lexicon: Lexicon, phrases: Phrases) -> list[Match]:
    """In the order in which they are tried at a reference word."""
    r, h = [lexicon.entry(w) for w in ref], [lexicon.entry(w) for w in hyp]
    out = []
    equal = [[a.key == b.key for b in h] for a in r]
    for stage in range(1 if [a.key for a in r] == [b.key for b in h] else 4):
        for i, a in enumerate(r):
            for j, b in enumerate(h):
                same = (equal[i][j], a.stem == b.stem, bool(a.synsets & b.synsets))
                if stage < 3 and same[stage] and (stage == 0 or not equal[i][j]):
                    out.append(Match(stage, i, 1, j, 1))
        if stage == 3:
            out += [Match(3, i, n, j, m) for i, n, j, m in paraphrased(ref, hyp, phrases)]
            out += [Match(3, j, m, i, n) for i, n, j, m in paraphrased(hyp, ref, phrases)]
    return out


def paraphrased(
    here: list[str], there: list[str], phrases: Phrases
) -> list[tuple[int, int, int, int]]:
    out = []
    for start in range(len(here)):
        for length in range(1, 8):
            for source, target in phrases:
                one, two = source.split(), target.split()
                if len(one) == length and here[start : start + length] == one:
                    for at in range(len(there)):
                        if there[at : at + len(two)] == two:
                            out.append((start, length, at, len(two)))
    return out


def best(ref: list[str], found: list[Match]) -> Path:
    ref_cover = [word for match in found for word in match.ref]
    hyp_cover = [word for match in found for word in match.hyp]
    fixed = {
        match
        for match in found
        if all(ref_cover.count(word) == 1 for word in match.ref)
        and all(hyp_cover.count(word) == 1 for word in match.hyp)
    }
    paths = [Path()]
    for word in range(len(ref)):
        following = []
        for path in sorted(paths, key=lambda p: p.rank)[:40]:
            if path.next > word:
                following.append(path)
                continue
            distance = path.distance
            mine = [match for match in found if match.start == word]
            for match in mine:
                away = abs(match.start - match.hyp_start)
                if match in fixed:
                    following.append(path.take(match, distance + away))
                elif not path.used & match.hyp:
                    following.append(path.take(match, distance))
                    distance += away
            if not fixed & set(mine):
                chunks = path.chunks + (path.last != -1)
                following.append(
                    replace(path, chunks=chunks, distance=distance, last=-1, next=word + 1)
                )
        paths = following
    ended = sorted(paths, key=lambda p: p.rank)[:40]
    ended = [replace(path, chunks=path.chunks + (path.last != -1)) for path in ended]
    return min(ended, key=lambda p: p.rank)
