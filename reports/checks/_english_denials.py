"""What an English sentence names, and what of it is denied or hedged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from radraft.reports.checks.lexicon import (
    NamedTerms,
    Occurrence,
    Span,
    Term,
    WordGroup,
    language_data,
    lexicon,
    opposites,
    terms_of,
)

_WORD = re.compile(r"[a-z0-9/']+|[.,;:()!?\n]|\+|-(?=\s|$)")
_ENDS = frozenset(".;!?\n")
Phrase = tuple[str, ...]


@dataclass(frozen=True)
class _Cues:
    """English words of `languages.yaml` that deny, hedge, and part statements."""

    turn: frozenset[str]
    finite: frozenset[str]
    seen: frozenset[str]
    before: frozenset[str]
    after: frozenset[str]
    undone: frozenset[str]
    degree: frozenset[str]
    aim: frozenset[str]
    reason: frozenset[str]
    hedge: frozenset[str]
    anew: frozenset[str]
    auxiliary: frozenset[str]
    undoing: frozenset[str]
    hardly: frozenset[str]
    soft: frozenset[str]
    ends_negative: frozenset[str]
    beside: frozenset[str]
    turns: tuple[Phrase, ...]
    before_phrases: tuple[Phrase, ...]
    after_phrases: tuple[Phrase, ...]
    no_denial: tuple[Phrase, ...]

    @property
    def denying(self) -> frozenset[str]:
        """Words that deny by themselves."""
        return self.before | self.after


_PHRASES = frozenset({"turns", "before_phrases", "after_phrases", "no_denial"})


@cache
def _cues() -> _Cues:
    lists: dict[str, list[str]] = language_data()["english"]
    phrases = {name: tuple(tuple(p.split()) for p in lists[name]) for name in _PHRASES}
    words = {name: frozenset(found) for name, found in lists.items() if name not in _PHRASES}
    return _Cues(**phrases, **words)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Token:
    word: str
    start: int
    end: int


def read(text: str) -> NamedTerms:
    tokens = [
        _Token(match[0], match.start(), match.end()) for match in _WORD.finditer(text.lower())
    ]
    words = [token.word for token in tokens]
    found = list(_words(words))
    covered = {
        i
        for start, end, said in found
        if any(opposite for _, opposite in said)
        or (end - start > 1 and not _cues().denying.isdisjoint(words[start:end]))
        if tuple(words[start : start + 2]) not in _cues().before_phrases
        for i in range(start, end)
    }
    covered |= {i for i, word in enumerate(words) if word == "absent" and _is_organ(found, i + 1)}
    spans = _denied(words, covered)
    hedges = _hedges(words)
    hedged = _hedged(words, hedges)
    placed = tuple(
        Term(term.concept, term.polarity, tokens[term.start].start, tokens[term.end - 1].end)
        for term in terms_of(found, spans, hedged)
    )
    soft = not _cues().soft.isdisjoint(words)
    denied, unsure = ([_stretch(tokens, *span) for span in both] for both in (spans, hedged))
    return NamedTerms(
        placed, len(spans), opposites(found), len(hedges), soft, tuple(denied), tuple(unsure)
    )


def _stretch(tokens: list[_Token], start: int, end: int) -> Span:
    """Return the characters of the words from `start` to before `end`."""
    return (tokens[start].start, tokens[end - 1].end) if start < end else (0, 0)


def _is_organ(found: list[Occurrence], at: int) -> bool:
    """Return whether an organ is what is named next: an absent kidney is a finding."""
    known = lexicon().concepts
    named = next((said for start, _, said in found if at <= start < at + 3), ())
    return bool(named) and all(known[name].group is WordGroup.ORGAN for name, _ in named)


def _denied(words: list[str], covered: set[int]) -> list[Span]:
    """Return the stretch of each denial, in words. `covered` are words of longer terms."""
    spans: list[Span] = []
    i = 0
    while i < len(words):
        size, back = _cue(words, i) if i not in covered else (0, False)
        if not size:
            i += 1
            continue
        end = _reach(words, i + size)
        back = back or end == i + size
        spans.append((_back(words, i), i) if back else (i + size, end))
        i += size
    return spans


def _hedges(words: list[str]) -> list[Span]:
    found = [
        (i, i + 1)
        for i, word in enumerate(words)
        # "May 12" is a day.
        if word in _cues().hedge
        and not (word == "may" and words[i + 1 : i + 2] and words[i + 1][0].isdigit())
    ]
    return found + [
        (i, i + 2)
        for i in range(len(words) - 1)
        if (words[i] in ("cannot", "not") and words[i + 1] in ("exclude", "excluded", "be"))
        or (words[i] in ("excluded", "ruled") and _to_do(words, i))
    ]


def _cue(words: list[str], i: int) -> tuple[int, bool]:
    """Return how many words the denial at `i` has (0: none), and whether it looks back."""
    cues = _cues()
    if _starts(words, i, cues.no_denial) or _denies_nothing(words, i):
        return 0, False
    if size := _starts(words, i, cues.before_phrases):
        return size, False
    if size := _starts(words, i, cues.after_phrases):
        return (0, False) if _undone(words, i) else (size, True)
    word = words[i]
    if (
        word == "absent"
        and i
        and words[i - 1] not in {*cues.finite, ":", "be", "now", "surgically"}
    ):
        return 1, False
    if word == "negative" and _attribute(words, i):
        return 0, False
    if word in cues.after:
        return (0, False) if _undone(words, i) else (1, True)
    if word not in cues.before or _leaves_it(words, i):
        return 0, False
    following = words[i + 1 : i + 3]
    if word == "not" and cues.seen.intersection(following):
        # "Was not seen" looks back; "did not show any" does not.
        asks = words[max(0, i - 1) : i] and words[i - 1] in cues.auxiliary
        return 1, not (asks and following[0] != "been")
    return 1, False


def _attribute(words: list[str], i: int) -> bool:
    """Return whether the word at `i` belongs to what follows it: negative ulnar variance."""
    following = words[i + 1 : i + 2]
    return bool(following) and following[0].isalpha() and following[0] not in _cues().ends_negative


def _starts(words: list[str], i: int, phrases: tuple[Phrase, ...]) -> int:
    """Return how many words the phrase has that stands at `i`; 0 where none does."""
    return next((len(p) for p in phrases if tuple(words[i : i + len(p)]) == p), 0)


def _denies_nothing(words: list[str], i: int) -> bool:
    """Return whether the words at `i` only look like a denial: no significant change."""
    cues = _cues()
    word, before = words[i], words[max(0, i - 3) : i]
    if word in ("no", "without", "not"):
        after = [other for other in words[i + 1 : i + 6] if other not in cues.degree]
        if after and after[0] in ("change", "changes", "changed"):
            return True
    if words[i : i + 2] == ["not", "clear"]:
        return bool(cues.reason.intersection(words[:i]))
    if words[i : i + 2] == ["removal", "of"]:
        return bool({"after", "following", "post"}.intersection(before[-2:]))
    return word in ("resolution", "clearing") and bool(cues.aim.intersection(before))


def _leaves_it(words: list[str], i: int) -> bool:
    """Return whether the "not" at `i` leaves the finding there: has not completely resolved."""
    cues = _cues()
    if words[i] not in cues.undoing:
        return False
    following = words[i + 1 : i + 4]
    reach = following[: following.index(",")] if "," in following else following
    return bool(cues.undone.intersection(reach)) and not cues.seen.intersection(reach)


def _undone(words: list[str], i: int) -> bool:
    """Return whether "resolved" or "excluded" at `i` is itself denied: has not resolved."""
    return bool(_cues().hardly.intersection(words[max(0, i - 4) : i])) or _to_do(words, i)


def _to_do(words: list[str], i: int) -> bool:
    """Return whether "excluded" at `i` is still to be done: has to be excluded."""
    return words[i - 1 : i] == ["be"] and words[i - 2 : i - 1] in (["to"], ["must"], ["should"])


def _back(words: list[str], i: int) -> int:
    """Return where the clause begins that a denial at `i` looks back on."""
    at = i
    while at > 0 and words[at - 1] not in _ENDS and words[at - 1] not in _cues().turn:
        if (
            words[at - 1] in (",", "and")
            and any(w in _cues().finite or w in _cues().before for w in words[at:i])
            and any(w in _cues().finite for w in _clause_before(words, at - 1))
        ):
            break
        at -= 1
    return at


def _clause_before(words: list[str], at: int) -> list[str]:
    start = at
    while start > 0 and words[start - 1] not in _ENDS and words[start - 1] != ",":
        start -= 1
    return words[start:at]


def _reach(words: list[str], i: int) -> int:
    """Return the word before which a denial that stands before `i` ends."""
    at = i
    while at < len(words):
        word = words[at]
        if word in _ENDS or word in _cues().turn or word == ":":
            return at
        if word in ("indicating", "indicates", "suggesting", "making") and words[at - 1] == ",":
            return at
        if any(tuple(words[at : at + len(turn)]) == turn for turn in _cues().turns):
            return at
        # "No edema around the tumor": that is there.
        if word in _cues().beside and words[at + 1 : at + 2] == ["the"]:
            return at
        if word in (",", "and", "with") and at > i and _starts_anew(words, at + 1, word):
            return at
        if words[at : at + 2] == [",", "and"] and _has_verb(words, at + 2):
            return at
        at += 1
    return at


def _starts_anew(words: list[str], at: int, mark: str) -> bool:
    """Return whether what follows a comma, an "and" is a statement of its own, no further item."""
    end = at
    while (
        end < len(words)
        and words[end] not in _ENDS
        and words[end] not in (",", ":")
        and words[end] not in _cues().turn
        and not _starts(words, end, _cues().turns)
    ):
        end += 1
    part = words[at:end]
    if part[:1] in (["or"], ["nor"]):
        return False
    if (part and part[0] in _cues().anew) or (mark == "," and part[:1] == ["with"]):
        return True
    for k, word in enumerate(part):
        if word in _cues().finite and k > 0:
            rest = part[k + 1 : k + 4]
            return not any(after in _cues().seen for after in rest)
    return False


def _has_verb(words: list[str], at: int) -> bool:
    while at < len(words) and words[at] not in _ENDS and words[at] != ",":
        if words[at] in _cues().finite:
            return True
        at += 1
    return False


def _hedged(words: list[str], hedges: list[Span]) -> list[Span]:
    """Return the part of a sentence that each hedge is about: up to the turns on both sides."""
    stops = _ENDS | _cues().turn
    spans = []
    for start, stop in hedges:
        begin, end = start, stop
        while end < len(words) and words[end] not in stops:
            end += 1
        while begin > 0 and words[begin - 1] not in stops:
            begin -= 1
        spans.append((begin, end))
    return spans


def _words(words: list[str]) -> Iterator[Occurrence]:
    words_known = lexicon()
    at = 0
    while at < len(words):
        for size in range(min(words_known.longest_en, len(words) - at), 0, -1):
            said = words_known.en.get(tuple(words[at : at + size]))
            if said is None:
                last = words[at + size - 1]
                for form in _singular(last):
                    said = words_known.en.get((*words[at : at + size - 1], form))
                    if said is not None:
                        break
            if said is not None:
                yield at, at + size, said
                at += size
                break
        else:
            at += 1


def _singular(word: str) -> Iterator[str]:
    """Yield the forms under which a word may stand in the list."""
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("es"):
        yield word[:-2]
    if word.endswith("s") and len(word) > 3:
        yield word[:-1]
    if word.endswith("otic"):
        yield word[:-3] + "osis"
    for tail, broader in _tails():
        if word.endswith(tail):
            yield broader


@cache
def _tails() -> tuple[tuple[str, str], ...]:
    """Return the tails of words that the list may not know, with the broader word for them."""
    tails: dict[str, str] = language_data()["english_tails"]
    return tuple(tails.items())
