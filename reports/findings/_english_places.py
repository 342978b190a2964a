"""Places and sides around a finding: before it, after it, and of its sentence's subject."""

from __future__ import annotations

from radraft.reports.findings._english_clauses import Item
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings._english_lexicon import Lexicon

_LEADING_STOP = Cue.WITH | Cue.ABSENT_AFTER | Cue.COMMA | Cue.AND | Cue.OR
_STOP = Cue.FINITE | Cue.BREAK | Cue.WITH | Cue.STATED | Cue.UNREAD
_BEFORE_STOP = _STOP | (Cue.PREPOSITION | Cue.ABSENT_BEFORE | Cue.CAUSE)
_SAYING = Cue.FINITE | Cue.UNCERTAIN_AFTER
_CONJUNCTION = Cue.AND | Cue.OR
_JOINT = Cue.COMMA | _CONJUNCTION
_READING = Cue.STATED | Cue.UNCERTAIN_BEFORE | Cue.LIKELY
_NEGATIVE = Cue.ABSENT_BEFORE | Cue.ABSENT_AFTER
_AFTER_STOP = _STOP | (
    Cue.ABSENT_BEFORE | Cue.ABSENT_AFTER | Cue.UNCERTAIN_BEFORE | Cue.UNCERTAIN_AFTER
)


def before(clause: list[Item], index: int, *, series: bool) -> list[Item]:
    """Tagged and sided items that stand before a noun as its qualities, nearest first.

    With `series`, across commas too, as the subjects of a predicate are listed.
    """
    found: list[Item] = []
    at = index - 1
    while at >= 0:
        item = clause[at]
        cue = item.cue
        if cue & _BEFORE_STOP and not is_located(item):
            break
        if item.names and not is_located(item):
            break
        if cue & Cue.COMMA and not series:
            break
        if cue & _CONJUNCTION and not (
            at > 0
            and (
                series
                or (found and is_located(clause[at - 1]) and not _called_normal(clause, at - 1))
            )
        ):
            break
        if is_located(item):
            found.append(item)
        at -= 1
    return found


def _called_normal(clause: list[Item], at: int) -> bool:
    """Whether the places up to `at` are those of a "clear" or "normal" right before them."""
    while at >= 0 and is_located(clause[at]) and not clause[at].names:
        at -= 1
    return at >= 0 and says_normal(clause[at])


def says_normal(item: Item) -> bool:
    """Return whether it is a quality that rules findings out: "clear", "normal", "intact"."""
    word = item.entry.word
    return word is not None and word.state and all(said.absent for said in word.of.values())


def after(clause: list[Item], index: int, *, adjective: bool, series: bool = False) -> list[Item]:
    """Tagged and sided items after a noun or adjective, up to the next finding or verb.

    With `series`, and after an adjective, those of a whole list that ends with `and` or `or`.
    """
    kept = 0
    said = False
    found: list[Item] = []
    for at in range(index + 1, len(clause)):
        item = clause[at]
        cue = item.cue
        if cue & _SAYING and _is_seen_in(clause, at):
            said = True
            continue
        if said and cue & Cue.COMMA:
            break
        rest = clause[at + 1 :] if cue & Cue.STATED else []
        if rest and is_located(rest[0]) and not any(other.names for other in rest):
            # "A haematoma, most likely on the right."
            continue
        if cue & Cue.CAUSE and found and any(other.names for other in clause[at + 1 :]):
            break
        if cue & _AFTER_STOP and not (item.entry.side or item.entry.tags):
            break
        if item.names:
            # Adjectives of one noun: "a calcified and tortuous aorta".
            if adjective and item.entry.word is not None and item.entry.word.state and not found:
                continue
            if adjective and found and item.first == found[-1].last:
                # "A large hilar mass": the place is the mass's. "Clear lung and left effusion": the
                # lung stays.
                del found[kept:]
            break
        if cue & _JOINT:
            if cue & Cue.COMMA and not found and _skips_measure(clause, at):
                continue
            if not _joins(clause, at, first=adjective and not found):
                break
            kept = len(found) if says_normal(clause[index]) else 0
            listing = (adjective or series) and _lists_places(clause, at)
            if cue & Cue.COMMA and found and not (listing or _sided(clause, at)):
                break
            continue
        if is_located(item):
            if not adjective and _qualifies_next(clause, at):
                break
            found.append(item)
    return found


def _skips_measure(clause: list[Item], at: int) -> bool:
    """Whether a comma follows with no phrase before it, and then a place: "nodule, 7 mm, left"."""
    rest = clause[at + 1 : at + 3]
    if len(rest) < 2 or not rest[0].cue & Cue.COMMA:
        return False
    return is_located(rest[1]) or bool(rest[1].cue & Cue.PREPOSITION)


def _joins(clause: list[Item], at: int, *, first: bool) -> bool:
    """Whether the comma or conjunction at `at` goes on with places; with `first`, adjectives."""
    if at + 1 == len(clause):
        return False
    follows = clause[at + 1]
    word = follows.entry.word
    return (
        is_located(follows)
        or _another_side(clause, at)
        or bool(follows.cue & Cue.PREPOSITION)
        or (first and word is not None and word.state)
    )


def _sided(clause: list[Item], at: int) -> bool:
    """Whether a side follows the comma at `at`, of the same finding."""
    return clause[at + 1].entry.side is not None or _another_side(clause, at)


def _lists_places(clause: list[Item], at: int) -> bool:
    """Whether only places follow the comma at `at`, the last after `and` or `or`."""
    joined = False
    for index in range(at + 1, len(clause)):
        item = clause[index]
        if item.cue & Cue.WITH:
            follows = clause[index + 1 : index + 2]
            return joined and any(other.cue & Cue.ABSENT_BEFORE for other in follows)
        if item.names:
            return False
        if item.cue & (Cue.AND | Cue.OR):
            joined = True
        elif not is_located(item) and not item.cue & Cue.COMMA:
            break
    return joined


def _is_seen_in(clause: list[Item], at: int) -> bool:
    """Return whether what is said leads on to the place: "clot is seen in the pulmonary artery".

    A doubt does too ("a mass cannot be excluded in the liver"), a denial does not.
    """
    rest = clause[at + 1 : at + 3]
    if clause[at].cue & Cue.UNCERTAIN_AFTER:
        on = bool(rest) and rest[0].cue & Cue.PREPOSITION and not rest[0].cue & Cue.LOOSE
        return bool(on) and any(map(is_located, rest[1:]))
    if (
        len(rest) == 2
        and rest[0].cue & Cue.PREPOSITION
        and not rest[0].cue & (Cue.LOOSE | Cue.WITH)
        and is_located(rest[1])
        and not clause[at].cue & (Cue.BREAK | Cue.MODAL)
    ):
        # "The cyst lies in the left lobe", "the effusion is on the left".
        return True
    leads = len(rest) == 2 and rest[0].cue & Cue.SEEN and rest[1].cue & Cue.PREPOSITION
    return bool(leads) and not any(item.cue & _NEGATIVE for item in rest)


def _another_side(clause: list[Item], at: int) -> bool:
    """Return whether the same finding's other side follows: "..., small on the left"."""
    bracket = clause[at].cue & Cue.OPENING
    for item in clause[at + 1 :]:
        if item.entry.side is not None:
            return item.closing
        if bracket and item.cue & Cue.COMMA and not item.cue & Cue.CLOSING:
            continue
        if item.names or item.change or not item.cue & (Cue.STARTS_ANEW | Cue.PREPOSITION):
            return False
    return False


def _qualifies_next(clause: list[Item], at: int) -> bool:
    """Whether a place belongs to the finding after it: "... and left base atelectasis"."""
    before = clause[at - 1]
    if before.cue & Cue.PREPOSITION and at > 1:
        # "In the left kidney is a stone, in the right a cyst."
        before = clause[at - 2]
    joined = bool(before.cue & (Cue.AND | Cue.OR | Cue.COMMA))
    for item in clause[at + 1 :]:
        if item.names:
            return joined
        if not is_located(item) and not item.cue & Cue.STARTS_ANEW:
            return False
    return False


def subject(clause: list[Item], index: int) -> list[Item]:
    """Tagged and sided items before the verb that leads to a predicate, nearest first."""
    at = index - 1
    while at >= 0 and not clause[at].cue & Cue.FINITE:
        item = clause[at]
        if item.names and not (item.entry.word is not None and item.entry.word.state):
            return []
        if item.cue & (Cue.BREAK | Cue.WITH):
            return []
        at -= 1
    if at > 0 and clause[at - 1].cue & Cue.AND:
        # "The aorta shows calcification and is tortuous": two verbs of one subject.
        verb = next((i for i in range(at - 2, -1, -1) if clause[i].cue & Cue.FINITE), 0)
        at = verb or at
    found: list[Item] = []
    for item in reversed(clause[: max(at, 0)]):
        if item.cue & (Cue.BREAK | Cue.WITH):
            break
        if item.names and not item.entry.tags:
            break
        if is_located(item):
            found.append(item)
    return found


def is_located(item: Item) -> bool:
    """Return whether the item is a place or a side."""
    entry = item.entry
    return bool(entry.tags) or entry.side is not None


def tags_of(items: list[Item], lexicon: Lexicon) -> dict[str, Item]:
    """Tag -> the item that has it, nearest first; with the tags that stand for several."""
    found: dict[str, Item] = {}
    for item in items:
        for tag in item.entry.tags:
            found.setdefault(tag, item)
    for tag, of in lexicon.combined:
        if of <= found.keys():
            found[tag] = found[min(of)]
    return found


def leading(clause: list[Item], index: int) -> list[Item]:
    """Places at the head of the clause: "in the left lower lobe is a nodule".

    Past a comma where what follows is its reading: "density in the left base, likely atelectasis".
    """
    found: list[Item] = []
    for at in range(index - 1, -1, -1):
        item = clause[at]
        if item.cue & Cue.COMMA and clause[at + 1].cue & _READING and at + 1 < index:
            continue
        if item.names or item.cue & _LEADING_STOP:
            break
        if is_located(item):
            found.append(item)
    return found
