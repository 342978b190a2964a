"""Longest-match search of many small patterns in a text, one dictionary look-up a character.

A pattern is literal characters, `(a|b)`, and `?` (one or none) or `*` (any number) after a
character or a group; `#` is any digit. The patterns make one nondeterministic automaton whose
deterministic states are built as texts need them (Thompson 1968), so millions of spellings cost
nothing until one is met.
"""

from __future__ import annotations

from typing import Any, NamedTuple

_DIGITS = frozenset("0123456789")
_DEAD: dict[Any, Any] = {}


class Token(NamedTuple):
    """A phrase found, with what its patterns mean by their kind."""

    start: int
    end: int
    kinds: dict[str, tuple[Any, ...]]


_NOTHING: dict[str, tuple[Any, ...]] = {}


class Matcher:
    """Patterns, each of a kind and with what it means."""

    def __init__(self) -> None:
        self._edges: list[list[tuple[str, int]]] = [[]]  # per node: (character or "", next node)
        self._values: dict[int, list[tuple[str, Any]]] = {}
        self._alphabet: set[str] = set()
        self._states: dict[frozenset[int], dict[Any, Any]] = {}
        self._root: dict[Any, Any] | None = None

    def add(self, pattern: str, value: tuple[str, Any]) -> None:
        """ValueError where parentheses do not close or the pattern can be empty."""
        before = len(self._edges[0])
        end, rest = self._choice(pattern, 0, 0)
        if rest != len(pattern):
            raise ValueError(f"unbalanced: {pattern}")
        # Only from what this pattern began: all that begins at the root, for each of thousands of
        # patterns, took two seconds.
        if end in self._closure({after for label, after in self._edges[0][before:] if not label}):
            raise ValueError(f"matches nothing: {pattern}")
        self._values.setdefault(end, []).append(value)
        self._states.clear()
        self._root = None

    def find(self, text: str) -> list[Token]:
        """The longest matches from left to right, not overlapping."""
        if self._root is None:
            self._root = self._state(frozenset(self._closure({0})))
        root, alphabet = self._root, self._alphabet
        found: list[Token] = []
        at, length = 0, len(text)
        while at < length:
            state, here, best = root, at, at
            kinds: dict[str, tuple[Any, ...]] = _NOTHING
            while here < length:
                character = text[here]
                after = state.get(character)
                if after is None:
                    if character not in alphabet:
                        break
                    after = self._step(state, character)
                if after is _DEAD:
                    break
                state = after
                here += 1
                # 心脏轮廓大小正常: 大小 is a size, and nothing large.
                if "" in state and not (character == "大" and text[here : here + 1] == "小"):
                    best, kinds = here, state[""]
            if best > at and not _inside_word(text, at, best):
                found.append(Token(at, best, kinds))
                at = best
            else:
                at += 1
        return found

    def mended(self, text: str, start: int, at: int, choices: str) -> list[tuple[str, int]]:
        """Return those of the choices that at `at` make a phrase of what begins at `start`.

        Each with where the longest such phrase ends.
        """
        if self._root is None:
            self._root = self._state(frozenset(self._closure({0})))
        state: dict[Any, Any] = self._root
        for character in text[start:at]:
            state = self._after(state, character)
            if state is _DEAD:
                return []
        ends = ((c, self._longest(self._after(state, c), text, at + 1)) for c in choices)
        return [(character, end) for character, end in ends if end]

    def follows(self) -> frozenset[str]:
        """Return the pairs of characters that stand side by side in the patterns."""
        pairs: set[str] = set()
        known: dict[int, frozenset[str]] = {}
        for edges in self._edges:
            for label, after in edges:
                if label and after not in known:
                    reached = self._closure({after})
                    known[after] = frozenset(
                        next_label
                        for node in reached
                        for next_label, _ in self._edges[node]
                        if next_label
                    )
                if label:
                    pairs.update(label + following for following in known[after])
        return frozenset(pairs)

    def _longest(self, state: dict[Any, Any], text: str, at: int) -> int:
        """Return where the longest phrase ends that is in `state` before `at`; 0 for none."""
        best = at if "" in state else 0
        for here in range(at, len(text)):
            state = self._after(state, text[here])
            if state is _DEAD:
                break
            best = here + 1 if "" in state else best
        return best

    def _after(self, state: dict[Any, Any], character: str) -> dict[Any, Any]:
        if state is _DEAD or (character not in state and character not in self._alphabet):
            return _DEAD
        known = state.get(character)
        return self._step(state, character) if known is None else known

    def _step(self, state: dict[Any, Any], character: str) -> dict[Any, Any]:
        moves: dict[str, set[int]] = state[None]
        nodes = set(moves.get(character, ()))
        if character in _DIGITS:
            nodes |= moves.get("#", set())
        state[character] = self._state(frozenset(self._closure(nodes))) if nodes else _DEAD
        return state[character]  # type: ignore[no-any-return]

    def _state(self, nodes: frozenset[int]) -> dict[Any, Any]:
        state = self._states.get(nodes)
        if state is None:
            moves: dict[str, set[int]] = {}
            for node in nodes:
                for label, after in self._edges[node]:
                    if label:
                        moves.setdefault(label, set()).add(after)
            state = self._states[nodes] = {None: moves}
            values = [value for node in sorted(nodes) for value in self._values.get(node, ())]
            if values:
                kinds: dict[str, tuple[Any, ...]] = {}
                for kind, what in dict.fromkeys(values):
                    kinds[kind] = (*kinds.get(kind, ()), what)
                state[""] = kinds
        return state

    def _closure(self, nodes: set[int]) -> set[int]:
        waiting = list(nodes)
        while waiting:
            for label, after in self._edges[waiting.pop()]:
                if label == "" and after not in nodes:
                    nodes.add(after)
                    waiting.append(after)
        return nodes

    def _node(self) -> int:
        self._edges.append([])
        return len(self._edges) - 1

    def _choice(self, pattern: str, at: int, start: int) -> tuple[int, int]:
        end = self._node()
        while True:
            last, at = self._sequence(pattern, at, start)
            self._edges[last].append(("", end))
            if at >= len(pattern) or pattern[at] == ")":
                return end, at
            at += 1

    def _sequence(self, pattern: str, at: int, start: int) -> tuple[int, int]:
        here = start
        while at < len(pattern) and pattern[at] not in "|)":
            begin = self._node()
            self._edges[here].append(("", begin))
            if pattern[at] == "(":
                here, at = self._choice(pattern, at + 1, begin)
                if at >= len(pattern):
                    raise ValueError(f"unbalanced: {pattern}")
            else:
                here = self._node()
                self._edges[begin].append((pattern[at], here))
                self._alphabet.update(_DIGITS if pattern[at] == "#" else pattern[at])
            at += 1
            if at < len(pattern) and pattern[at] in "?*":
                after = self._node()
                self._edges[begin].append(("", after))
                self._edges[here].append(("", after))
                if pattern[at] == "*":
                    self._edges[here].append(("", begin))
                here, at = after, at + 1
        return here, at


def _inside_word(text: str, start: int, end: int) -> bool:
    """Whether a phrase that opens or closes with a Latin letter is a piece of a longer word."""
    if text[start] > "z" and text[end - 1] > "z":
        return False
    return (start > 0 and _latin(text[start]) and _latin(text[start - 1])) or (
        end < len(text) and _latin(text[end - 1]) and _latin(text[end])
    )


def _latin(character: str) -> bool:
    return "a" <= character <= "z"
