"""Side and place of each finding of a Chinese sentence."""

from __future__ import annotations

import re

from radraft.reports.findings._chinese_clauses import Clause, Found, organ_of, sides_in
from radraft.reports.findings._chinese_rules import Organ, words
from radraft.reports.findings._chinese_scope import chains
from radraft.reports.findings._places import places_of
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import Certainty

_PARTIAL = re.compile("状|线|受压|压缩|压迫|亚段|段下")
LIES = re.compile(
    "(?:影|征)?(?:,)?(?:主要|大多|多|均|都|仅|只|单独|局限)*(?:位于|见于|在|居于|发生于|发生在|分布于|局限于|累及)"
)
_WAY_IN = re.compile("(?:影)?[,]?(?:由|经|自|从)")
_BROKEN = re.compile("骨折|骨裂")
_LOBES = ("upper_lobe", "middle_lobe", "lower_lobe", "lingula")


def set_places(sentence: str, parts: list[Clause]) -> None:
    """Sides and places: a finding's own, those of its list, or those of what it interprets."""
    before: Found | None = None
    for place, clause in enumerate(parts):
        _own(sentence, clause, parts[place + 1] if place + 1 < len(parts) else None)
        hangs = before is not None and _hangs(sentence, clause)
        previous: Found | None = None
        for chain in chains(clause):
            for found in chain:
                source = previous if previous is not None else before if hangs else None
                if source is not None:
                    _inherit(found, source, listed=previous is not None)
                    if previous is None:
                        _interpret(sentence, found, source)
                previous = found
        if not clause.found and place:
            _placed_in_next(sentence, parts[place - 1], clause)
        if not clause.found:
            _aside(clause, parts, place)
            previous = _unread(clause)
        before = previous or before
        _refine(sentence, clause)


def _own(sentence: str, clause: Clause, following: Clause | None) -> None:
    for found in clause.found:
        if not found.own:
            _placed_after(sentence, clause, found)
        _set_own(found)
        if found.code == "malpositioned_device":
            ahead = [] if following is None or following.found else following.tokens
            found.side = next(
                (
                    str(token.kinds["side"][0])
                    for token in [*clause.tokens[found.index + 1 :], *ahead]
                    if "side" in token.kinds
                ),
                None,
            )


def _set_own(found: Found) -> None:
    """Set side and place from what is said of the finding itself."""
    if found.sides and found.code not in words("unpaired"):
        both = len(found.sides) > 1 or "bilateral" in found.sides
        found.side = "bilateral" if both else next(iter(found.sides))
    said = {organ.anatomy for organ in found.organs if organ.anatomy in places_of(found.code)}
    if len(said) == 1:
        found.anatomy = said.pop()


def _placed_after(sentence: str, clause: Clause, found: Found) -> None:
    """Take the place that follows a finding's name (气胸位于右侧)."""
    if vocabulary()[found.code].kind is not Kind.FINDING:
        _side_behind(clause, found, last=_WAY_IN.match(sentence, found.end, clause.end) is None)
        return
    if LIES.match(sentence, found.end, clause.end) is None:
        _side_behind(clause, found)
        if not found.own and _place_behind(clause, found):
            _take(sentence, clause, found)
        return
    _take(sentence, clause, found)


def _place_behind(clause: Clause, found: Found) -> bool:
    """Whether a side and an organ alone end a clause behind a name (EDH 左侧颞部)."""
    at = found.end
    behind = clause.tokens[found.index + 1 :]
    for token in behind:
        if token.start != at or not {"side", "organ"} & set(token.kinds):
            return False
        at = token.end
    return bool(behind) and "side" in behind[0].kinds and at == clause.end


def _take(sentence: str, clause: Clause, found: Found) -> None:
    """Give a finding the places behind its name."""
    for token in clause.tokens[found.index + 1 :]:
        if "head" in token.kinds or "name" in token.kinds:
            return
        found.sides.update(str(side) for side in token.kinds.get("side", ()))
        for organ in token.kinds.get("organ", ())[:1]:
            found.organs.append(organ)
            found.sides.update(sides_in(sentence[token.start : token.end]))
    found.own = bool(found.sides or found.organs)


def _side_behind(clause: Clause, found: Found, last: bool = True) -> None:
    """Take a side that alone follows a finding's name (骨折 右)."""
    behind = clause.tokens[found.index + 1 : found.index + 2]
    for token in behind:
        if "side" in token.kinds and (
            not last or found.end == token.start < token.end == clause.end
        ):
            found.sides.update(map(str, token.kinds["side"]))
            found.own = True


def _placed_in_next(sentence: str, before: Clause, clause: Clause) -> None:
    """Take the place that the clause after a finding gives (肿块约3cm,位于右肺下叶)."""
    lies = LIES.match(sentence, clause.start) is not None
    if not before.found or not (lies or _only_place(sentence, clause)):
        return
    found = before.found[-1]
    if found.own or found.side or vocabulary()[found.code].kind is not Kind.FINDING:
        return
    for token in clause.tokens:
        found.sides.update(str(side) for side in token.kinds.get("side", ()))
        for organ in token.kinds.get("organ", ())[:1]:
            found.organs.append(organ)
            found.sides.update(sides_in(sentence[token.start : token.end]))
    _set_own(found)


def _only_place(sentence: str, clause: Clause) -> bool:
    """Whether a clause is a side and an organ and nothing else (EDH,左侧颞部)."""
    at = clause.start
    for token in clause.tokens:
        if token.start != at or not {"side", "organ"} & set(token.kinds):
            return False
        at = token.end
    whole = at == clause.end and sentence[at : at + 1] != ":"
    return whole and clause.opener == "," and any("side" in t.kinds for t in clause.tokens)


def _inherit(found: Found, source: Found, listed: bool) -> None:
    """What a finding with no place of its own takes from the one it is listed with or about."""
    if found.own or found.anatomy is not None:
        return
    same_organ = not listed and organ_of(found.code) == organ_of(source.code) is not None
    sideless = words("unpaired") if same_organ else words("unpaired") | words("own_side")
    if found.side is None and found.code not in sideless:
        found.side = source.side
    if source.anatomy in places_of(found.code):
        found.anatomy = source.anatomy


def _interpret(sentence: str, found: Found, source: Found) -> None:
    """Let a hedged fracture take the place of its sign (肋骨皮质扭曲,骨折可能)."""
    if found.code not in ("fracture", "rib_fracture") or found.polarity is not Certainty.UNCERTAIN:
        return
    sign = source.code in ("fracture", "rib_fracture")
    if sign and not _BROKEN.search(sentence, source.start, source.end):
        source.dropped = True
        found.code = source.code


def _hangs(sentence: str, clause: Clause) -> bool:
    """Whether a clause interprets the finding before it, or hangs on it."""
    if not clause.tokens or not clause.found:
        return False
    first = clause.tokens[0]
    opens = first.start - clause.start <= 1
    if opens and {"inside", "uncertainty_before", "strong"} & set(first.kinds):
        return True
    last = clause.found[-1]
    hedged = any(
        "uncertainty_after" in token.kinds for token in clause.tokens[last.index + 1 :]
    ) or any("alternative" in token.kinds for token in clause.tokens)
    return hedged and clause.found[0].start - clause.start <= 3


def _unread(clause: Clause) -> Found | None:
    """A stand-in for what a clause describes without naming a finding, with its place."""
    sides: set[str] = set()
    organs: list[Organ] = []
    for token in clause.tokens:
        sides.update(token.kinds.get("side", ()))
        organs += token.kinds.get("organ", ())[:1]
    both = len(sides) > 1 or "bilateral" in sides
    said = {o.anatomy for o in organs if o.anatomy in words("any_places")}
    if not organs or not (sides or said):
        return None
    found = Found("", 0, 0, 0)
    found.side = "bilateral" if both else next(iter(sides), None)
    found.anatomy = said.pop() if len(said) == 1 else None
    return found


def _aside(clause: Clause, parts: list[Clause], place: int) -> None:
    """(右侧) after a finding."""
    if clause.opener != "<" or not place or not parts[place - 1].found:
        return
    sides = [token.kinds["side"][0] for token in clause.tokens if "side" in token.kinds]
    target = parts[place - 1].found[-1]
    free = target.side is None and target.code not in words("unpaired")
    if free and len(sides) == 1 == len(clause.tokens):
        target.side = sides[0]


def _refine(sentence: str, clause: Clause) -> None:
    """Codes that the words around a finding make more specific."""
    for found in clause.found:
        phrase = sentence[found.start : found.end]
        lead = sentence[clause.start : found.end]
        if found.code == "rib_fracture":
            around = sentence[clause.start : clause.end]
            kept = any("negation_kept" in token.kinds for token in clause.tokens)
            old = any(word in around for word in ("陈旧", "旧的", "旧性"))
            if old or ("愈合" in around and not kept):
                found.code = "old_rib_fracture"
            elif "新鲜" in around or "急性" in around:
                found.code = "acute_rib_fracture"
        elif found.code == "bone_abnormality" and "畸形" in phrase:
            old = any(word in lead for word in ("陈旧", "旧", "慢性", "后"))
            if old and any(organ.name == "rib" for organ in found.organs):
                found.code = "old_rib_fracture"
        elif found.code == "atelectasis" and "不张" in phrase and not _PARTIAL.search(phrase):
            if found.anatomy in _LOBES or "段不张" in lead or "叶不张" in lead:
                found.code = "lobar_collapse"
        elif found.code == "fracture" and (
            found.anatomy == "rib" or any(organ.name == "rib" for organ in found.organs)
        ):
            found.code = "rib_fracture"
