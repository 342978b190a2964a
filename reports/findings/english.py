"""English reports: mentions of findings by rules. `docs/findings.md` defines what counts."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import zip_longest

from radraft.reports.findings import _english_sections, _english_sentence, _english_text
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings._english_lexicon import Lexicon, lexicon
from radraft.reports.findings._english_organs import Context
from radraft.reports.findings._english_sections import Passage
from radraft.reports.findings._english_sentence import Parsed, Statement
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region


def read(text: str, region: Region | None = None) -> tuple[Mention, ...]:
    """Return the mentions of a report, by where they start. Sections that only ask are not read.

    `region` is the body part that words without an organ are about.
    """
    return tuple(statement.mention for statement in statements(text, region))


def statements(text: str, region: Region | None = None) -> tuple[Statement, ...]:
    """Return the mentions with how each is hedged, for label sets that need it."""
    words = lexicon()
    text = _english_text.narrow(text)
    lowered = _english_text.lower(text)
    read = [
        (passage, _parsed(passage, lowered, words))
        for passage in _english_sections.passages(text, lowered, region, words)
        if passage.read
    ]
    regions = {passage.region for passage, _ in read}
    known = None if regions != {None} else _head(read, words)
    found: list[Statement] = []
    for passage, sentences in read:
        context = Context(
            frozenset(passage.tags),
            passage.region if passage.tags else None,
            passage.region or known,
            partial=passage.headed and len(regions) > 1,
        )
        for parsed, following in zip_longest(sentences, sentences[1:]):
            if parsed is sentences[0] and _requests(parsed, lowered, passage):
                context = replace(context, implied=_english_sentence.organs(parsed, words))
                continue
            if following is not None and _answers(following, parsed):
                continue
            found += _english_sentence.statements(lowered, parsed, context, words)
            implied = _english_sentence.organs(parsed, words)
            if implied != context.implied:
                context = replace(context, implied=implied)
    found.sort(key=lambda statement: (statement.mention.start, statement.mention.end))
    return tuple(found)


# What a report begins with after the line that asked for it.
_REPORT = re.compile(
    r"[\s.?:]*(?:(?:chest|abdominal|pelvic|plain|portable|today's|the) )*"
    r"(?:ct|ctpa|mri|mr|x-?ray|cxr|uss?|ultrasound|radiograph|film|scan|report|findings?|doppler|"
    r"imaging|result|impression|answer|reply)\b"
)
_ASKS = ("<query>", "query", "suspected", "suspicion", "exclude", "worry")


def _requests(parsed: Parsed, lowered: str, passage: Passage) -> bool:
    """Whether a text's first line only asks, and the report begins after it.

    "?Diverticulitis. CT abdomen: diverticulosis only."
    """
    sentence = parsed.sentence
    if passage.start > 0 or not sentence.words or parsed.plain[0] not in _ASKS:
        return False
    if any(item.cue & Cue.FINITE for item in parsed.items):
        return False
    return _REPORT.match(lowered, sentence.ends[-1]) is not None


def _answers(parsed: Parsed, asked: Parsed) -> bool:
    """Whether the sentence answers the one before: "Any fracture? No fracture seen."."""
    if not asked.sentence.question or parsed.plain[0] not in ("no", "yes", "none", "not"):
        return False
    names = {id(item.entry) for item in parsed.items if item.names}
    return not names or any(id(item.entry) in names for item in asked.items)


def _parsed(passage: Passage, lowered: str, words: Lexicon) -> list[Parsed]:
    found: list[Parsed] = []
    for sentence in _english_text.sentences(lowered, passage.start, passage.end):
        parsed = _english_sentence.parse(sentence, words)
        if found and _english_sentence.is_side_line(parsed):
            parsed = _english_sentence.continued(found[-1], parsed, words)
        elif found and _english_sentence.is_amount(found[-1], parsed):
            parsed = _english_sentence.answered(found.pop(), parsed, words)
        elif found and _english_sentence.is_denial(found[-1], parsed):
            parsed = _english_sentence.denied(found.pop(), parsed, words)
        found.append(parsed)
    return found


def _head(read: list[tuple[Passage, list[Parsed]]], words: Lexicon) -> Region | None:
    """Return the head where the text speaks of nothing else, so that its words are about it."""
    found: set[Region] = set()
    for _, sentences in read:
        for parsed in sentences:
            found |= _english_sentence.regions(parsed, words)
            if found - {Region.HEAD}:
                return None
    return Region.HEAD if found else None


def claims_prior(text: str) -> bool:
    """Return whether the text names an earlier examination, or states a change since one."""
    words = lexicon()
    text = _english_text.narrow(text)
    lowered = _english_text.lower(text)
    for passage in _english_sections.passages(text, lowered, None, words):
        if passage.read or passage.comparison:
            for sentence in _english_text.sentences(lowered, passage.start, passage.end):
                plain = [words.plain[word] for word in sentence.words]
                if _names_examination(plain, passage):
                    return True
                if any(claims for _, _, claims in words.prior.find(plain)):
                    return True
    return False


def _names_examination(words: list[str], passage: Passage) -> bool:
    return (
        passage.comparison
        and bool(words)
        and not {"none", "<no>", "no", "unavailable", "not", "xxxx"} & set(words)
    )
