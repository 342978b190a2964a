"""What a word names by the organ in reach, or by that of the text around it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from radraft.reports.findings._english_clauses import Item
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings._english_lexicon import Entry, Lexicon, Outcome, Word
from radraft.reports.findings._english_places import (
    after,
    before,
    is_located,
    leading,
    says_normal,
    subject,
    tags_of,
)
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary

_EXPLAINS = Cue.STATED | Cue.UNCERTAIN_BEFORE | Cue.LIKELY | Cue.LIKELY_AFTER
_LISTS = Cue.COMMA | Cue.OR | Cue.AND | Cue.ABSENT_BEFORE | Cue.STARTS_ANEW
_VERDICT = Cue.FINITE | Cue.VERB | Cue.SEEN | Cue.ABSENT_AFTER | Cue.UNCERTAIN_AFTER
_SURFACE = frozenset(["extremity", "skin", "face", "breast", "soft_tissue"])
_NOTHING = Outcome(())
_DEVICE = "device"
"""Stands in `of` for a device beside the word."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the words around a sentence say of where it is."""

    tags: frozenset[str] = frozenset()
    """Places that the heading names."""
    organ: Region | None = None
    """Body part of the heading's organ."""
    region: Region | None = None
    """Body part of the section or the examination."""
    partial: bool = False
    """One of several body parts that the text has sections of."""
    implied: tuple[str, ...] = ()
    """Organs of the findings that were named before, the last first."""


def compose(
    clause: list[Item], index: int, context: Context, lexicon: Lexicon
) -> list[tuple[Outcome, Item | None]]:
    """Return what the word at `index` names, each with the place item that decided it."""
    word = clause[index].entry.word
    if word is None:
        return []
    if not word.state:
        found = _noun(clause, index, word, context, lexicon)
        if found is None or not found[0].codes:
            return []
        return _coordinated(clause, index, word, lexicon) or _of_heading(
            clause, index, word, context, found
        )
    for group in _state_groups(clause, index):
        tags = tags_of(group, lexicon)
        named = [(word.of[tag], tags[tag]) for tag in tags if tag in word.of]
        if named:
            return [(outcome, place) for outcome, place in named if outcome.codes]
    if not _organs(clause, lexicon):
        for tag in context.tags:
            if tag in word.of:
                return [(word.of[tag], None)] if word.of[tag].codes else []
    return [(word.default, None)] if word.default.codes else []


def _noun(
    clause: list[Item], index: int, word: Word, context: Context, lexicon: Lexicon
) -> tuple[Outcome, Item | None] | None:
    """Return what the noun names by the organ in reach, or else by that of the text around it."""
    item = clause[index]
    following = after(clause, index, adjective=False)
    near = before(clause, index, series=False) + following
    tags = tags_of(near, lexicon)
    for tag in item.entry.tags:
        tags.setdefault(tag, item)
    if _DEVICE in word.of and _of_device(clause, index):
        return word.of[_DEVICE], None
    heading = _heading(clause, index)
    lung = _of_lung(word, tags_of(heading, lexicon))
    for tag, outcome in word.of.items():
        if tag in tags and not (lung and tags[tag] in heading):
            return outcome, tags[tag] if outcome != word.default else None
    region = _region(near[: len(near) - len(following)] + _firm(clause, index, following), lexicon)
    if region is not None:
        return _elsewhere(word, region), None
    shared = _shared(clause, index)
    for group in (subject(clause, index), leading(clause, index), shared, heading):
        region = _region(group, lexicon)
        if region is None and (group is shared or clause[index - 1].cue & Cue.FINITE):
            # "The shoulder is dislocated": of a place that belongs to no body part.
            named = [tag for tag in word.of if tag in tags_of(group, lexicon)]
            if named and tags_of(group, lexicon)[named[0]].entry.anatomy is not None:
                return word.of[named[0]], tags_of(group, lexicon)[named[0]]
        headed = any(item.cue & Cue.COLON for item in clause)
        if region is not None and (headed or region is not word.home or not word.default.codes):
            tags = tags_of(group, lexicon)
            if lung:
                return word.default, None
            for tag, outcome in word.of.items():
                if tag in tags:
                    return outcome, tags[tag]
            return _elsewhere(word, region), None
        if region is not None:
            named = [tag for tag in word.of if tag in tags_of(group, lexicon)]
            return (word.of[named[0]] if named else word.default), None
    explained, lesion = _of_lesion(clause, index)
    tags = tags_of(lesion, lexicon)
    for tag, outcome in word.of.items():
        if tag in tags:
            same = explained is not None and explained.of.get(tag) == outcome
            # "Adrenal nodule, likely an adenoma": one finding.
            return (_NOTHING if same and explained is not word else outcome), None
    region = _region(lesion, lexicon)
    if region is not None:
        return _elsewhere(word, region), None
    if not word.state and _on_surface(clause, index, lexicon):
        return _NOTHING, None
    if _of_lung(word, context.tags):
        return word.default, None
    for tag, outcome in word.of.items():
        if tag in context.tags:
            return outcome, None
    if not word.default.codes:
        # "Liver coarse, no focal lesion."
        for place in reversed(clause[:index]):
            state = place.entry.word is not None and place.entry.word.state
            if place.names and state and not says_normal(place):
                break
            named = [tag for tag in word.of if tag in place.entry.tags]
            if named:
                return word.of[named[0]], None
    implied = _implied(clause, index, word, context, lexicon)
    if implied is not None:
        return implied, None
    return _elsewhere(word, context.organ or context.region), None


def _implied(
    clause: list[Item], index: int, word: Word, context: Context, lexicon: Lexicon
) -> Outcome | None:
    """Return what the word names in the organ of a finding beside it.

    "Neither hydronephrosis nor stone": the nearest before it, then behind it, then of what was
    said before its clause.
    """
    if context.region is not None and context.region not in (Region.ABDOMEN, word.home):
        return None
    for item in [*reversed(clause[:index]), *clause[index + 1 :]]:
        for code in item.entry.codes:
            outcome = word.of.get(lexicon.implied.get(code, ""))
            if outcome is not None:
                return outcome if outcome.codes else None
    for tag in context.implied:
        if tag in word.of and word.of[tag].codes and not word.default.codes:
            return word.of[tag]
    return None


def _heading(clause: list[Item], index: int) -> list[Item]:
    """Return what stands before the colon that leads to the word."""
    colon = next((at for at, item in enumerate(clause[:index]) if item.cue & Cue.COLON), 0)
    return clause[:colon]


def _of_lung(word: Word, tags: Collection[str]) -> bool:
    """Whether the heading names the lung, which the word means: "LUNGS AND PLEURA: 5 mm nodule"."""
    return (
        "lung" in tags
        and "lung" not in word.of
        and word.home is Region.CHEST
        and bool(word.default.codes)
    )


def _coordinated(
    clause: list[Item], index: int, word: Word, lexicon: Lexicon
) -> list[tuple[Outcome, Item | None]]:
    """Return what the noun names in each of several organs: "pulmonary and hepatic masses".

    The organs stand before it, behind it or as the subject of its verb. Places of the chest alone
    are those of one finding ("mediastinal and hilar mass"), but not with a plural or a denial.
    """
    listed = _listed_before(clause, index)
    near = before(clause, index, series=False)
    following = after(clause, index, adjective=False)
    if len(listed) < 2 and not any(item.entry.tags for item in near):
        places = after(clause, index, adjective=False, series=True)
        listed = _listed_after(clause, index, places)
        if not any(item.entry.tags for item in following):
            group = [item for item in subject(clause, index) if item.entry.tags]
            listed = group[::-1] if _joined(clause, group) else []
    regions = {_region([place], lexicon) for place in listed} - {None}
    if len(listed) < 2 or not all(_is_organ(place, word, lexicon) for place in listed):
        return []
    several = clause[index].plural or any(
        item.cue & (Cue.ABSENT_BEFORE | Cue.NEITHER) for item in clause[:index]
    )
    if regions <= {Region.CHEST} and not several:
        return []
    found: list[tuple[Outcome, Item | None]] = []
    for place in listed:
        named = (outcome for tag, outcome in word.of.items() if tag in place.entry.tags)
        outcome = next(named, None) or _elsewhere(word, _region([place], lexicon))
        if outcome.codes and not any(outcome == other for other, _ in found):
            found.append((outcome, place))
    return found if len(found) > 1 else []


def _is_organ(place: Item, word: Word, lexicon: Lexicon) -> bool:
    return any(tag in lexicon.regions or tag in word.of for tag in place.entry.tags)


def _joins(item: Item) -> bool:
    return bool(item.cue & (Cue.AND | Cue.OR | Cue.COMMA) or item.entry.nor)


def _listed_before(clause: list[Item], index: int) -> list[Item]:
    """Return the places of a list right before the noun: "renal, ureteric or bladder stones"."""
    found: list[Item] = []
    end = clause[index].first
    at = index - 1
    while at >= 0:
        place = clause[at]
        if not place.entry.tags or place.names or place.last != end:
            break
        found.append(place)
        at -= 1
        while at >= 0 and clause[at].entry.side and not clause[at].entry.tags:
            at -= 1
        while at >= 0 and _joins(clause[at]):
            end = clause[at].first
            at -= 1
    return found[::-1]


def _listed_after(clause: list[Item], index: int, following: list[Item]) -> list[Item]:
    """Return the places of a list behind the noun: "cysts in the liver and both kidneys"."""
    places = [item for item in following if item.entry.tags]
    if len(places) < 2 or not _joined(clause, places):
        return []
    end = clause.index(places[-1])
    if any(item.cue & Cue.LOOSE and not _joins(item) for item in clause[index + 1 : end]):
        return []
    rest = clause[end + 1 :]
    if rest and (rest[0].names or (rest[0].cue & Cue.FINITE and not _seen(rest))):
        return []
    return places


def _on_surface(clause: list[Item], index: int, lexicon: Lexicon) -> bool:
    """Whether all the places before the word are no inner organ: "of the arm with edema"."""
    tags = {tag for item in clause[:index] for tag in item.entry.tags if tag in lexicon.regions}
    return bool(tags) and tags <= _SURFACE


def _seen(rest: list[Item]) -> bool:
    """Whether the verb at the head of `rest` only says that it is seen: "are present"."""
    return len(rest) > 1 and bool(rest[1].cue & (Cue.SEEN | Cue.VERB))


def _joined(clause: list[Item], places: list[Item]) -> bool:
    """Whether `and` or `or` stands between two of the places."""
    if len(places) < 2:
        return False
    at = sorted(clause.index(place) for place in places)
    return any(item.cue & (Cue.AND | Cue.OR) for item in clause[at[0] : at[-1]])


def _of_lesion(clause: list[Item], index: int) -> tuple[Word | None, list[Item]]:
    """Return the finding that the word explains, and its places: "liver lesion, likely a cyst"."""
    explains = False
    for at in range(index - 1, -1, -1):
        item = clause[at]
        if item.names:
            if not explains:
                return None, []
            near = before(clause, at, series=False) + after(clause, at, adjective=False)
            return item.entry.word, [*near, item] if item.entry.tags else near
        explains = explains or bool(item.cue & _EXPLAINS and not item.cue & Cue.CAUSE)
    return None, []


def elliptic(
    clause: list[Item], index: int, words: list[str], lexicon: Lexicon
) -> list[tuple[Outcome, Item | None]]:
    """Return what shares a word of the phrase at `index` with it, in organs listed beside it.

    "Pleural and pericardial effusion", "stones in the gallbladder and the left kidney".
    """
    item = clause[index]
    if len(clause) < 3 or item.last - item.first < 2:
        return []
    found: list[tuple[Outcome, Item | None]] = []
    at, end = _past_side(clause, index, item.first)
    while at >= 2 and _joins(clause[at - 1]) and clause[at - 1].last == end:
        place = clause[at - 2]
        if not place.entry.tags or place.names or place.last != clause[at - 1].first:
            break
        phrase = [*words[place.first : place.last], words[item.last - 1]]
        match = lexicon.phrases.longest(phrase, 0)
        if match is None or match[0] < len(phrase) or not match[1].codes:
            break
        if match[1].codes != item.entry.codes:
            found.append((Outcome(match[1].codes), place))
        at, end = _past_side(clause, at - 2, place.first)
    return found[::-1] + _shared_head(clause, index, words, lexicon)


def _past_side(clause: list[Item], at: int, end: int) -> tuple[int, int]:
    """Return where a list goes on before the item at `at`, past a side of its own."""
    side = clause[at - 1] if at else None
    if side is not None and side.entry.side and not side.entry.tags and side.last == end:
        return at - 1, side.first
    return at, end


def _shared_head(
    clause: list[Item], index: int, words: list[str], lexicon: Lexicon
) -> list[tuple[Outcome, Item | None]]:
    """Return what the first word of a phrase names in the organs joined to its own."""
    item = clause[index]
    rest = clause[index + 1 :]
    if item.last - item.first < 3 or not rest or not rest[0].cue & (Cue.AND | Cue.OR):
        return []
    match = lexicon.phrases.longest(words[item.first : item.first + 1], 0)
    if match is None or match[1].word is None:
        return []
    found: list[tuple[Outcome, Item | None]] = []
    for place in rest[1:]:
        if place.names or not (is_located(place) or place.cue & Cue.PREPOSITION or _joins(place)):
            break
        of = match[1].word.of
        outcome = next((of[tag] for tag in of if tag in place.entry.tags), None)
        if outcome is not None and outcome.codes and outcome.codes != item.entry.codes:
            found.append((outcome, place))
    return found


def _of_heading(
    clause: list[Item],
    index: int,
    word: Word,
    context: Context,
    found: tuple[Outcome, Item | None],
) -> list[tuple[Outcome, Item | None]]:
    """Return what a denied noun rules out in all places of its heading, else what it names."""
    heading = _heading(clause, index)
    tags = {*context.tags, *(tag for item in heading for tag in item.entry.tags)}
    outcomes = [outcome for tag, outcome in word.of.items() if tag in tags]
    if found[0] not in outcomes or not (found[1] is None or found[1] in heading):
        return [found]
    if not any(item.cue & Cue.ABSENT_BEFORE for item in clause[:index]):
        return [found]
    distinct = {outcome.codes: outcome for outcome in outcomes if outcome.codes}
    return [(outcome, None) for outcome in distinct.values()]


def _shared(clause: list[Item], index: int) -> list[Item]:
    """Places that a list ends with: "no mass, infarct or hemorrhage in the brain"."""
    last = index
    for at in range(index + 1, len(clause)):
        item = clause[at]
        if item.names:
            last = at
        elif not item.cue & _LISTS and not is_located(item):
            break
    rest = clause[last + 1 :]
    if last == index and not (rest and rest[0].cue & Cue.FINITE):
        return []
    if rest and rest[0].cue & Cue.COMMA:
        # "No stone, hydronephrosis or mass, in either kidney."
        rest = rest[1:]
    while rest and rest[0].cue & _VERDICT and not rest[0].names and not is_located(rest[0]):
        # "A cyst, a stone and a mass are present in the left kidney."
        rest = rest[1:]
    if not rest or not rest[0].cue & Cue.WITHIN:
        named = clause[last]
        return [Item(named.first, named.last, Entry(tags=named.entry.inner), 0)]
    return after(clause, clause.index(rest[0]), adjective=False)


def beside_limb(clause: list[Item], index: int) -> bool:
    """Return whether the word is said of a limb, whose report it then is."""
    near = before(clause, index, series=False) + after(clause, index, adjective=False)
    return any("extremity" in item.entry.tags for item in near)


def _of_device(clause: list[Item], index: int) -> bool:
    """Whether it is said of a device beside it: "fractured wires", "fracture of the lead"."""
    here = clause[index]
    after = next((item for item in clause[index + 1 :] if item.names), None)
    if after is not None and is_device(after) and after.first - here.last <= 2:
        return True
    for item in reversed(clause[:index]):
        if item.names:
            return is_device(item)
        if not item.cue & (Cue.VERB | Cue.FINITE):
            return False
    return False


def is_device(item: Item) -> bool:
    """Return whether the item names a device."""
    codes = item.entry.codes
    return bool(codes) and vocabulary()[codes[0]].kind is Kind.DEVICE


def _elsewhere(word: Word, region: Region | None) -> Outcome:
    """Return what the word names in a body part: nothing where that part has no code for it."""
    if region is None or region is word.home:
        return word.default
    return word.regions.get(region, _NOTHING)


def _region(items: list[Item], lexicon: Lexicon) -> Region | None:
    """Return the body part of the nearest organ among `items`."""
    for item in items:
        for tag in item.entry.tags:
            if tag in lexicon.regions:
                return lexicon.regions[tag]
    return None


def _organs(clause: list[Item], lexicon: Lexicon) -> bool:
    return any(tag in lexicon.regions for item in clause for tag in item.entry.tags)


def _firm(clause: list[Item], index: int, following: list[Item]) -> list[Item]:
    """Return the places after a noun that it lies in, and not only next to."""
    found: list[Item] = []
    for item in clause[index + 1 :]:
        if item.cue & Cue.LOOSE:
            break
        if item in following:
            found.append(item)
    return found


def _state_groups(clause: list[Item], index: int) -> list[list[Item]]:
    following = after(clause, index, adjective=True)
    attributive = bool(following) and not any(
        item.cue & (Cue.PREPOSITION | Cue.COMMA)
        for item in clause[index + 1 : clause.index(following[0])]
    )
    led = subject(clause, index) or leading(clause, index)
    preceding = before(clause, index, series=True)
    if attributive:
        return [following, preceding, led]
    return [preceding, led, following]
