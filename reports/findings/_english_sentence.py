"""The mentions of one English sentence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from radraft.reports.findings import _english_attributes, _english_contrast, _english_text
from radraft.reports.findings._english_clauses import Item, clauses, cues_of
from radraft.reports.findings._english_contrast import Contrast
from radraft.reports.findings._english_cues import Cue, Hedge
from radraft.reports.findings._english_lexicon import Entry, Lexicon, Outcome
from radraft.reports.findings._english_measures import with_measures
from radraft.reports.findings._english_negation import settle
from radraft.reports.findings._english_organs import (
    Context,
    beside_limb,
    compose,
    elliptic,
    is_device,
)
from radraft.reports.findings._english_places import is_located
from radraft.reports.findings._english_scope import mark_recommendations, set_polarity
from radraft.reports.findings._english_sections import FRONTAL
from radraft.reports.findings._english_study import denied_organs, normal_study, whole_study
from radraft.reports.findings._places import places_of
from radraft.reports.findings.values import Change, Mention
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary
from radraft.reports.values import Certainty, Laterality

_MISPLACED = ("malpositioned_device",)
_LEADING = frozenset(
    [
        "in",
        "into",
        "within",
        "enters",
        "entering",
        "reaches",
        "over",
        "overlies",
        "inside",
        "down",
        "beyond",
        "past",
        "up",
        "should",
        "needs",
        "lies",
        "loops",
        "tip",
        "side",
        "has",
    ]
)
_Named = dict[int, list[tuple[Outcome, Item | None]]]


@dataclass(frozen=True, slots=True)
class Statement:
    """A mention, and the hedge of its words."""

    mention: Mention
    hedge: Hedge


@dataclass(frozen=True, slots=True)
class Parsed:
    """A sentence with the phrases of the rules in it."""

    sentence: _english_text.Sentence
    plain: list[str]
    items: list[Item]


def parse(sentence: _english_text.Sentence, words: Lexicon) -> Parsed:
    """Find the phrases of a sentence, each in the form of the lists."""
    plain = list(map(words.plain.__getitem__, sentence.words))
    items = _items(plain, words)
    if plain != sentence.words:
        for item in items:
            item.plural = sentence.words[item.last - 1] != plain[item.last - 1]
    return Parsed(sentence, plain, _settled(items, plain))


def is_side_line(parsed: Parsed) -> bool:
    """Return whether a sentence answers for one side without the finding: "Left: mild."."""
    return (
        len(parsed.plain) > 1
        and parsed.plain[0] in _SIDES
        and parsed.plain[1] in _ANSWERS
        and not any(item.names for item in parsed.items)
    )


def continued(before: Parsed, parsed: Parsed, words: Lexicon) -> Parsed:
    """Return the answer for one side with the finding that `before` answered for the other side.

    "Hydronephrosis: Right: none. Left: mild."
    """
    sides = [at for at, word in enumerate(before.plain[:-1]) if word in _SIDES]
    at = next((at for at in sides if before.plain[at + 1] in _ANSWERS), 0)
    if at == 0 or before.plain[at - 1] != ":":
        return parsed
    head, own = before.sentence, parsed.sentence
    joined = _english_text.Sentence(
        head.words[:at] + own.words,
        head.starts[:at] + own.starts,
        head.ends[:at] + own.ends,
        own.question,
    )
    return parse(joined, words)


def is_amount(before: Parsed, parsed: Parsed) -> bool:
    """Return whether a sentence answers the question before with an amount or a place.

    "Effusion? Small, left."
    """
    if not before.sentence.question or not before.items or not before.items[-1].names:
        return False
    if before.items[-1].last != len(before.plain) or not parsed.items or len(parsed.plain) > 8:
        return False
    if any(item.names or item.cue & (Cue.FINITE | _ENDS_ANSWER) for item in parsed.items):
        return False
    first = parsed.items[0]
    return first.first == 0 and bool(first.cue & Cue.STARTS_ANEW or is_located(first))


_ENDS_ANSWER = Cue.ABSENT_BEFORE | Cue.ABSENT_AFTER | Cue.UNREAD | Cue.RECOMMENDED


def is_denial(before: Parsed, parsed: Parsed) -> bool:
    """Return whether a sentence denies what the one before asked: "Is there a leak? None."."""
    if not before.sentence.question or parsed.plain[0] not in ("none", "no", "nil"):
        return False
    return not any(item.names or is_located(item) for item in parsed.items)


def denied(before: Parsed, parsed: Parsed, words: Lexicon) -> Parsed:
    """Return a question with its denial as a template's answer."""
    head, own = before.sentence, parsed.sentence
    joined = _english_text.Sentence(
        [*head.words, "<no>"], [*head.starts, own.starts[0]], [*head.ends, own.ends[0]]
    )
    return parse(joined, words)


def answered(before: Parsed, parsed: Parsed, words: Lexicon) -> Parsed:
    """Return a question and its answer as the one statement that they are."""
    head, own = before.sentence, parsed.sentence
    joined = _english_text.Sentence(
        [*head.words, ":", *own.words],
        [*head.starts, head.ends[-1], *own.starts],
        [*head.ends, head.ends[-1] + 1, *own.ends],
        own.question,
    )
    return parse(joined, words)


_SIDES = ("left", "right", "bilateral")
_ANSWERS = (":", "<no>", "<yes>", "<maybe>")


def statements(lowered: str, parsed: Parsed, context: Context, words: Lexicon) -> list[Statement]:
    """Return what a sentence of `lowered` states, in its order."""
    sentence, plain, items = parsed.sentence, parsed.plain, parsed.items
    _only_devices_misplaced(items, plain)
    if not any(item.names for item in items):
        return []
    parts, contrasts = _english_contrast.part(_borrowing(clauses(items), plain), plain)
    asked = _asked_from(parsed) if sentence.question else 0
    recommends = cues_of(items) & Cue.RECOMMENDED
    named = []
    for part, contrast in zip(parts, contrasts, strict=True):
        here = context
        if contrast is not None and contrast.tags:
            # "No stones except for one in the left kidney."
            here = replace(context, implied=contrast.tags + context.implied)
        named.append(_name(part, plain, here, words))
        implied = _implied(named[-1], words) if part is not parts[-1] else ()
        if implied:
            context = replace(context, implied=implied + context.implied)
    for at, part in enumerate(parts):
        start = parts[at - 1][-1].last if at else 0
        end = parts[at + 1][0].first if at + 1 < len(parts) else len(plain)
        settle(part, plain, (start, end), words)
        set_polarity(part, asked=sentence.question and part[-1].last > asked)
    if recommends:
        mark_recommendations(items)
    found: list[tuple[Item, Mention]] = []
    for part, names, contrast in zip(parts, named, contrasts, strict=True):
        stated = list(_mentions(part, names, sentence, plain, words))
        found += stated
        if contrast is not None and stated:
            found += _other_side(stated[-1], contrast, sentence)
    rest = bool(cues_of(items) & (Cue.EXCEPTION | Cue.OTHERWISE))
    found = [pair for pair in found if not _summary(pair[1], context, rest=rest)]
    start, end = sentence.starts[0], sentence.ends[-1]
    mentions = with_measures(lowered, start, end, [mention for _, mention in found])
    return [
        Statement(mention, item.hedge) for (item, _), mention in zip(found, mentions, strict=True)
    ]


def _items(plain: list[str], words: Lexicon) -> list[Item]:
    numbers = {at for at, word in enumerate(plain) if word[0].isdigit()}
    return [
        Item(
            first,
            last,
            entry,
            entry.cue,
            names=bool(entry.codes or entry.word),
            change=entry.change,
            closing=last == len(plain) or plain[last] in _CLOSING,
            counted=bool(numbers) and (first - 1 in numbers or first - 2 in numbers),
            measured=bool(numbers) and last in numbers and _is_length(plain[last : last + 2]),
        )
        for first, last, entry in words.phrases.find(plain)
        if not (last - first == 1 and plain[first] in _STROKES and _counts(plain, first))
    ]


_CLOSING = frozenset([",", ";", ")", "/"])
_STROKES = frozenset(["l", "r", "/"])


def _is_length(words: list[str]) -> bool:
    """Whether the words are a number with a unit of length: "5 mm", "5mm"."""
    return words[0].endswith(("mm", "cm")) or words[1:] in (["mm"], ["cm"])


def _settled(items: list[Item], plain: list[str]) -> list[Item]:
    """Return the items with what some of their words mean by where they stand."""
    if plain.count(",") > 1 and not _ASIDES.isdisjoint(plain):
        _skip_asides(items, plain)
    if plain[0] not in _HEADS and _BY_PLACE.isdisjoint(plain):
        return items
    if plain[0] in _INVERTED and (not items or items[0].first > 0):
        items.insert(0, Item(0, 1, Entry(), 0))
    if plain[0] in _INVERTED and _turned(items, plain):
        items[0].cue = Cue.CONDITION
    if _sets_condition(items, plain):
        items[0].cue = Cue.CONDITION
    if plain[0] == "on" and "for" in plain[2:5]:
        # "On heparin for a DVT; ...": what is treated.
        at = plain.index("for", 2)
        for item in items:
            if item.first == at and not item.names:
                item.cue = Cue.UNREAD_NEXT
    if plain[0] == "beyond" and items and items[0].first == 0:
        items[0].cue |= Cue.EXCEPTION
    for item, following in itertools.pairwise(items):
        if plain[item.first : item.last] == ["either"] and _one_of_two(item, following):
            item.entry = replace(item.entry, side=Laterality.BILATERAL)
            item.cue = 0
        if plain[following.first] == "beyond" and _is_normal(item):
            following.cue |= Cue.EXCEPTION
    if items and plain[items[-1].first :] == ["either"]:
        # "... and no edema either."
        items[-1].cue = 0
    _nothing_suggests(items, plain)
    for item in items:
        space = _SPACES.get(plain[item.first]) if item.last - item.first == 1 else None
        ends = item.last == len(plain) or plain[item.last] in _AFTER_NOUN
        if space is not None and ends and not item.names:
            # "The left subdural is 5 mm deep": the blood, named by the space.
            item.entry = replace(item.entry, codes=(space,))
            item.names = True
    for item, following in itertools.pairwise(items):
        if item.names and following.first == item.last and plain[following.first] == "there":
            # "A mass there is not excluded": the place, and no new statement.
            following.cue = 0
    study = normal_study(plain)
    if study is not None:
        first, last = study
        items = [item for item in items if item.last <= first or item.first >= last]
        items.append(Item(first, last, Entry(codes=("no_finding",)), 0, names=True))
        items.sort(key=lambda item: item.first)
    for item in items:
        if item.last - item.first == 1 and plain[item.first] in _PREDICATES:
            item.names = item.names and item.closing
    return items


_SPACES = {
    "subdural": "subdural_hematoma",
    "extradural": "epidural_hematoma",
    "epidural": "epidural_hematoma",
}
_AFTER_NOUN = frozenset(
    [
        *(
            "is",
            "has",
            "measures",
            "measuring",
            "on",
            ",",
            ";",
            "remains",
            "appears",
            "was",
            "with",
        ),
        *("over", "along", "seen", "noted", "present", "which", "shows"),
    ]
)
_ASIDES = frozenset(
    [
        *("though", "although", "albeit", "but", "if", "most", "probably", "likely", "perhaps"),
        *("possibly", "presumably", "however", "unfortunately", "incidentally", "as", "again"),
        *("in", "at", "of"),
    ]
)
_ASIDE_LENGTH = 5


def _skip_asides(items: list[Item], plain: list[str]) -> None:
    """Take the commas from around an aside, and the denials in it.

    "Enlarged nodes, most likely reactive, in the mediastinum", "in keeping with, though not
    proving, cirrhosis".
    """
    commas = [item for item in items if plain[item.first] == "," and item.last - item.first == 1]
    for opening, closing in itertools.pairwise(commas):
        length = closing.first - opening.last
        if not 0 < length <= _ASIDE_LENGTH or plain[opening.last] not in _ASIDES:
            continue
        inner = [item for item in items if opening.first < item.first < closing.first]
        rest = [item for item in items if item.first >= closing.last]
        goes_on = bool(rest) and rest[0].first == closing.last
        if any(item.names or is_located(item) or item.cue & Cue.CONDITION for item in inner):
            continue
        leads = goes_on and (rest[0].names or rest[0].cue & Cue.PREPOSITION or is_located(rest[0]))
        if not leads or rest[0].cue & Cue.FINITE:
            continue
        opening.cue = closing.cue = 0
        for item in inner:
            item.cue &= ~(Cue.ABSENT_BEFORE | Cue.ABSENT_AFTER | Cue.BREAK)


def _nothing_suggests(items: list[Item], plain: list[str]) -> None:
    """Turn the verb of "nothing on the film suggests" into the denial of what it leads to."""
    for at, item in enumerate(items):
        if plain[item.first : item.last] not in (["nothing"], ["none"]):
            continue
        for other in items[at + 1 :]:
            if other.names or other.cue & (Cue.COMMA | Cue.BREAK):
                break
            if other.cue & (Cue.STATED | Cue.SUGGESTED):
                other.cue = Cue.ABSENT_BEFORE
                break


# At the head of a sentence these make a condition of it: "were the effusion to grow, ...".
_INVERTED = ("should", "were", "had", "provided")
_BY_PLACE = frozenset(
    [
        *("should", "were", "had", "provided", "beyond", "either", "nothing", "none", "there"),
        *("malignant", "ca", "normal", "unremarkable", "subdural", "extradural", "epidural"),
    ]
)
"""Without any of these words, and of `_HEADS`, every phrase means what the lists say."""
_HEADS = frozenset(["where", "when", "wherever", "whenever", "in", "any", "on"])
"""At the head of a sentence these may set a condition."""
_PREDICATES = ("malignant", "ca")
"""Said of a lesion, and only of one: "is most likely malignant", "c/w ca"."""


_SETTINGS = (["in", "the", "presence", "of"], ["in", "the", "setting", "of"])


def _sets_condition(items: list[Item], plain: list[str]) -> bool:
    """Whether a head like "where ... is a worry," only says when something is to be done.

    "In the presence of fever, pneumonia must be considered": what follows names what to do or to
    think of, and no finding that is there.
    """
    place = plain[0] in ("where", "when", "wherever", "whenever")
    presence = plain[:4] in _SETTINGS
    place = place or plain[:4] == ["in", "the", "case", "of"]
    comma = plain.index(",") if "," in plain else 0
    if plain[0] == "any" and items and not {"would", "should", "must"}.isdisjoint(plain):
        # "Any sign of perforation would need surgery."
        return not any(item.cue & Cue.ABSENT_BEFORE for item in items)
    if not (place or presence) or not comma or not items:
        return False
    rest = plain[comma:]
    follows = [item for item in items if item.first > comma]
    if any(item.cue & (Cue.ABSENT_BEFORE | Cue.BREAK) for item in follows):
        return False
    doing = any(item.cue & (Cue.RECOMMENDED | Cue.EXAMINATION) for item in follows)
    named = any(item.names for item in follows)
    if place:
        return doing and not named
    return not {"must", "should"}.isdisjoint(rest)


def _turned(items: list[Item], plain: list[str]) -> bool:
    """Whether the verb at the head stands before its subject, and the main clause follows."""
    if plain[0] == "should":
        return True
    return any(item.cue & Cue.COMMA for item in items)


def _one_of_two(item: Item, following: Item) -> bool:
    """Whether "either" stands right before a place: "in either kidney"."""
    return following.first == item.last and bool(following.entry.tags) and not following.names


def _is_normal(item: Item) -> bool:
    """Whether it speaks of what is normal or not: "no abnormality beyond ..."."""
    word = item.entry.word
    return "no_finding" in item.entry.codes or (
        word is not None and word.name in ("abnormality", "normal")
    )


def regions(parsed: Parsed, words: Lexicon) -> set[Region]:
    """Return the body parts that a sentence names, or names findings of by themselves."""
    found: set[Region] = set()
    for item in parsed.items:
        entry = item.entry
        if parsed.plain[item.first : item.last] == FRONTAL:
            continue
        found |= {words.regions[tag] for tag in entry.tags if tag in words.regions}
        for code in entry.codes:
            finding = vocabulary()[code]
            if finding.kind is Kind.FINDING:
                found.add(finding.region)
        if entry.word is not None and entry.word.home is Region.HEAD:
            found.add(Region.HEAD)
    return found


def organs(parsed: Parsed, words: Lexicon) -> tuple[str, ...]:
    """Return the organs that the findings of a sentence are of, the last first."""
    codes = [code for item in parsed.items for code in item.entry.codes]
    return tuple(words.implied[code] for code in reversed(codes) if code in words.implied)


def _only_devices_misplaced(items: list[Item], plain: list[str]) -> None:
    """Unname "in the right main bronchus" where the sentence has no device that could be there."""
    for item in items:
        if item.entry.codes == _MISPLACED and plain[item.first] in _LEADING:
            item.names = any(other.cue & Cue.PART or is_device(other) for other in items)


def _counts(plain: list[str], at: int) -> bool:
    """Whether a letter is a unit or a stroke parts a date: "2 l of fluid", "3/4/2020"."""
    return at > 0 and plain[at - 1].replace(".", "").isdigit()


def _summary(mention: Mention, context: Context, *, rest: bool) -> bool:
    """Whether it calls normal what is only a part: an organ, or the rest beside an exception."""
    return mention.code == "no_finding" and (rest or bool(context.tags) or context.partial)


def _name(clause: list[Item], plain: list[str], context: Context, words: Lexicon) -> _Named:
    """Return what each naming item of the clause names; the others lose their mark."""
    found: _Named = {}
    for index, item in enumerate(clause):
        if not item.names:
            continue
        if item.entry.codes:
            found[index] = [
                *elliptic(clause, index, plain, words),
                (Outcome(item.entry.codes), None),
            ]
        elif item.entry.word is not None and item.entry.word.name == "abnormality":
            found[index] = (
                denied_organs(clause, index, plain, words)
                or whole_study(clause, index, plain, words)
                or compose(clause, index, context, words)
            )
        else:
            found[index] = compose(clause, index, context, words)
            if not found[index] and beside_limb(clause, index):
                # "Wrist effusion, no fracture": the rest is about the wrist too.
                context = replace(context, organ=Region.OTHER)
    for index, outcomes in found.items():
        clause[index].names = bool(outcomes)
    return {index: outcomes for index, outcomes in found.items() if outcomes}


def _implied(named: _Named, words: Lexicon) -> tuple[str, ...]:
    """Return the organs that what a clause names is of, the last first."""
    codes = [code for found in named.values() for outcome, _ in found for code in outcome.codes]
    return tuple(words.implied[code] for code in reversed(codes) if code in words.implied)


def _mentions(
    clause: list[Item],
    named: _Named,
    sentence: _english_text.Sentence,
    plain: list[str],
    words: Lexicon,
) -> Iterator[tuple[Item, Mention]]:
    sides: dict[int, Laterality | None] = {}
    for index, outcomes in named.items():
        item = clause[index]
        preceding, following = _english_attributes.located(clause, index)
        sides[index] = _english_attributes.side(preceding, following)
        if sides[index] is None:
            sides[index] = _named_side(plain[item.first : item.last])
        if sides[index] is None and _english_attributes.shared_side(clause, index) is not None:
            sides[index] = sides.get(index - 2)
        if item.unread:
            continue
        change = _english_attributes.change(clause, index, plain, words)
        places = [i.entry.anatomy for i in [*preceding, *following]]
        for outcome, by in outcomes:
            side = _own_side(clause, by) if by is not None and len(outcomes) > 1 else None
            yield from _stated(item, outcome, by, side or sides[index], change, places, sentence)


def _asked_from(parsed: Parsed) -> int:
    """Return from which word on a question asks: a tail that names nothing asks of no finding.

    "Small effusion on the right, loculated?"
    """
    commas = [at for at, word in enumerate(parsed.plain) if word == ","]
    if not commas or any(item.names and item.first > commas[-1] for item in parsed.items):
        return 0
    return len(parsed.plain) if len(parsed.plain) - commas[-1] <= 4 else 0


def _borrowing(parts: list[list[Item]], plain: list[str]) -> list[list[Item]]:
    """Return the clauses, those without a place of their own with that of the clause before.

    "Left kidney is normal, the right shows a stone"; "except the left base, where there is ...".
    """
    whole: list[Item] = []
    for before, part in itertools.pairwise(parts):
        if not part:
            continue
        whole = whole if all(map(_joint, before)) else before
        if plain[part[0].first] == "where":
            tail = before[:-1] if before and before[-1].cue & Cue.COMMA else before
            places = itertools.takewhile(is_located, reversed(tail))
            part[:0] = [replace(place) for place in places][::-1]
            continue
        at = next((at for at, item in enumerate(part) if not _joint(item)), 0)
        subject = part[at]
        if at and subject.cue & Cue.FINITE and not any(map(is_located, part)):
            # "The right kidney has no stone, but is hydronephrotic."
            head = itertools.takewhile(lambda item: not item.cue & Cue.FINITE, whole)
            part[at:at] = [replace(place, cue=0) for place in head if is_located(place)]
            continue
        if subject.entry.side not in (Laterality.LEFT, Laterality.RIGHT) or subject.entry.tags:
            continue
        if len(part) <= at + 1 or not part[at + 1].cue & Cue.FINITE:
            continue
        for first, place in itertools.pairwise(before):
            if first.entry.side and first.entry.side is not subject.entry.side and place.entry.tags:
                borrowed = replace(place, first=subject.first, last=subject.last, cue=0)
                part.insert(at + 1, borrowed)
                break
    return parts


def _joint(item: Item) -> bool:
    return bool(item.cue & (Cue.COMMA | Cue.AND | Cue.BREAK)) and item.entry.side is None


def _own_side(clause: list[Item], place: Item) -> Laterality | None:
    """Return the side right before a place: "right rib and left clavicle fractures"."""
    at = next((i for i, item in enumerate(clause) if item is place), 0)
    if place.entry.side is not None:
        return place.entry.side
    return clause[at - 1].entry.side if at and clause[at - 1].last == place.first else None


def _named_side(words: list[str]) -> Laterality | None:
    """Return the side within a finding's own words: "torsion of the left ovary"."""
    for side in (Laterality.LEFT, Laterality.RIGHT):
        if side.value in words:
            return side
    return None


def _stated(
    item: Item,
    outcome: Outcome,
    by: Item | None,
    side: Laterality | None,
    change: Change | None,
    places: list[str | None],
    sentence: _english_text.Sentence,
) -> Iterator[tuple[Item, Mention]]:
    polarity = item.polarity
    if outcome.absent:
        if polarity is Certainty.ABSENT:
            return
        polarity = Certainty.ABSENT
    by = by or item
    first, last = min(item.first, by.first), max(item.last, by.last)
    for code in outcome.codes:
        adding = places_of(code)
        yield (
            item,
            Mention(
                code,
                Certainty.PRESENT if code == "no_finding" else polarity,
                side,
                next((p for p in [by.entry.anatomy, *places] if p in adding), None),
                None if outcome.absent else change,
                start=sentence.starts[first],
                end=sentence.ends[last - 1],
            ),
        )


def _other_side(
    stated: tuple[Item, Mention], contrast: Contrast, sentence: _english_text.Sentence
) -> list[tuple[Item, Mention]]:
    """Return the finding stated before once more, as it is on its other side."""
    item, mention = stated
    same = contrast.polarity is mention.polarity and not contrast.another
    if same or contrast.side is mention.laterality:
        return []
    other = replace(
        mention,
        polarity=contrast.polarity,
        laterality=contrast.side,
        change=contrast.change,
        start=sentence.starts[contrast.first],
        end=sentence.ends[contrast.last - 1],
    )
    return [(item, other)]
