"""Wrong spellings of long words of the rules: one letter missing, doubled, changed or swapped."""

from __future__ import annotations

from collections.abc import Iterable

_PREFIX = 6
"""Letters of a word cut short that still say which it is: "bronchiect"."""
_LEAST = 7
"""Letters of a word whose misspelling is recognised: shorter ones are near too many others."""


class Corrections(dict[str, str]):
    """Written word -> the form of the lists.

    Looked up with `plain[word]`: a long word that no list has becomes the one word of the lists
    that is one letter off, and is remembered; every other word stays itself.
    """

    def __init__(
        self,
        plain: dict[str, str],
        names: Iterable[str],
        listed: Iterable[str],
        real: Iterable[str],
    ) -> None:
        """`names`: words whose misspellings are recognised; `listed`: all words of the rules;
        `real`: English words that are near one of them."""
        super().__init__(plain)
        for word in {*listed, *real}:
            self.setdefault(word, word)
        self._near: dict[str, str] = {}
        for word in sorted({*names, *plain}):
            if len(word) >= _LEAST and word.isalpha():
                for shorter in _deletions(word):
                    self._near.setdefault(shorter, word)
        self._prefixes = _prefixes(sorted({*names}))

    def __missing__(self, word: str) -> str:
        found = word
        if len(word) >= _LEAST - 1 and word.isalpha():
            found = self._nearest(word)
        if found == word and len(word) >= _PREFIX and word.isalpha():
            found = self._prefixes.get(word, word)
        if len(self) < 200_000:
            # Every report brings words of its own; their number has to end somewhere.
            self[word] = found
        return found

    def _nearest(self, word: str) -> str:
        for shorter in _deletions(word):
            near = self._near.get(shorter)
            if near is not None and _one_off(word, near):
                return self[near]
        return word


def _prefixes(names: list[str]) -> dict[str, str]:
    """Return beginnings of long words -> the one word that begins so, or the first noun of them.

    A beginning that is a word with an ending left out (plural, past) is none.
    """
    found: dict[str, list[str]] = {}
    for word in names:
        if len(word) > _PREFIX + 1 and word.isalpha():
            for end in range(_PREFIX, len(word) - 1):
                found.setdefault(word[:end], []).append(word)
    return {
        beginning: next((word for word in words if word.endswith(_NOUNS)), words[0])
        for beginning, words in found.items()
        if len(words) == 1 or all(word.startswith(words[0][: len(beginning) + 1]) for word in words)
    }


_NOUNS = ("ion", "osis", "ia", "ema", "itis", "asis", "oma", "aly", "thorax")


def _deletions(word: str) -> list[str]:
    """Return the word, and it with any one letter but the first left out."""
    return [word, *(word[:at] + word[at + 1 :] for at in range(1, len(word)))]


def _one_off(word: str, near: str) -> bool:
    """Whether two words that become one by a letter less differ by one letter or one swap."""
    if len(word) != len(near):
        # "Streaky" and "pleurals" are no misspellings of what they begin with.
        return not word.startswith(near)
    differing = [at for at, (a, b) in enumerate(zip(word, near, strict=True)) if a != b]
    if len(differing) == 1:
        return differing[0] < len(word) - 1
    first, *others = differing
    return others == [first + 1] and (word[first], word[first + 1]) == (
        near[first + 1],
        near[first],
    )
