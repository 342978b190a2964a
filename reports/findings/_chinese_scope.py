"""Which findings of a clause are denied, hedged, asked about or only recommended."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from radraft.reports.findings._chinese_clauses import Clause, Found, denies
from radraft.reports.findings._chinese_matcher import Token
from radraft.reports.findings._chinese_rules import rules, words
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import Certainty

_THERE = frozenset(("negation_kept", "compared", "change", "remains"))
_JUDGING = ("premature", "untrue")
_LINKS = ("head", "conjunction", "alternative", "side", "organ", "ignore")


_SIGNS = ("<->", "<阴性>")
# 气胸引流术后,肺压缩约40%: it is there though it was operated on.
_STILL_THERE = re.compile(r".{0,8}压缩(?:约|了|程度|至|为|达)*\d")
# How long a heading may be.
_HEADING = 14
_NEITHER = re.compile(",?(?:也|亦|又|但也|同时也|更)")
_OUTSIDE = re.compile("(?:以|之)?外(?:的)?")
_NOW = re.compile(r"(?:现|今|目前|本次|此次)(?!病史|为明确|为求|来院|入院)")
# What goes on with a condition: 若有咯血,须警惕肺栓塞.
_CONSEQUENCE = re.compile("则|就|应|须|需|要|请|建议|警惕|考虑|可|立即|及时|提示|多|宜")


def chains(clause: Clause) -> list[list[Found]]:
    """Findings joined by 、及 和 或, by where they stand."""
    grouped: list[list[Found]] = []
    for found in clause.found:
        if grouped and _linked(clause, grouped[-1][-1].index, found.index):
            grouped[-1].append(found)
        else:
            grouped.append([found])
    return grouped


def set_polarity(sentence: str, parts: list[Clause], asking: bool = False) -> bool:
    """Set the polarity of every finding of a sentence, and which are not statements at all.

    `asking` says that a request or the history goes on into the sentence; returned is whether it
    goes on after it.
    """
    recommended = conditional = False
    denied: Clause | None = None
    for clause in parts:
        asking = _asks(sentence, clause, asking)
        going_on = recommended and _goes_on(clause)
        follows = conditional and _CONSEQUENCE.match(sentence, clause.start) is not None
        supposes = denied is None and _supposes(sentence, clause)
        conditional = supposes or follows or any("condition" in t.kinds for t in clause.tokens)
        recommended = going_on or conditional or any("recommend" in t.kinds for t in clause.tokens)
        going_on = going_on or supposes or follows
        going_on = going_on or _pattern("errands").match(sentence, clause.start) is not None
        for found in clause.found:
            if _pattern("other_times").match(sentence, found.end) is not None:
                conditional = found.dropped = True
        for found in clause.found:
            found.dropped = found.dropped or asking or going_on
        for chain in chains(clause) if clause.found else ():
            _before(sentence, clause, chain, denied)
            _after(sentence, clause, chain)
            _alternatives(clause, chain)
        _late(sentence, clause, parts)
        _cut_at_recommendation(clause)
        _judged(clause, parts)
        denied = clause if _still_denied(clause) else None
    _treated(parts)
    for clause in parts:
        for found in clause.found:
            if found.denied_only:
                found.dropped = found.dropped or found.polarity is not Certainty.ABSENT
                if found.code == "no_finding":
                    found.polarity = Certainty.PRESENT
    return asking


def drop_illnesses(parts: list[Clause]) -> None:
    """Drop the diseases that only say who the patient is (结肠癌,双肺清晰)."""
    for clause in parts:
        for found in clause.found:
            if found.illness and found.polarity is Certainty.PRESENT:
                found.dropped = True


def _supposes(sentence: str, clause: Clause) -> bool:
    """Whether a clause opens with 如 where it gives no example of what is denied."""
    first = clause.tokens[0] if clause.tokens else None
    opens = first is not None and first.start == clause.start and "instance" in first.kinds
    return opens and sentence[first.start : first.end] == "如" if first is not None else False


def _still_denied(clause: Clause) -> bool:
    """Whether a negation runs to the clause's end, so that the next may go on with its list."""
    if clause.found:
        return clause.found[-1].listed
    return any(
        "negation_before" in token.kinds or "unseen" in token.kinds.get("normal", ())
        for token in clause.tokens
    )


def _linked(clause: Clause, left: int, right: int) -> bool:
    between = clause.tokens[left + 1 : right]
    if left == right:
        return True
    joined = any("conjunction" in t.kinds or "alternative" in t.kinds for t in between)
    gaps = clause.tokens[right].start - clause.tokens[left].end
    links = all(any(kind in t.kinds for kind in _LINKS) for t in between)
    return links and (joined or gaps == 0)


def _before(sentence: str, clause: Clause, chain: list[Found], denied: Clause | None) -> None:
    cue, stopped = _cue(sentence, clause, chain[0])
    if cue is None and not stopped and denied is not None:
        clause.listing = denied.listing and _item(clause, chain)
        if clause.listing or _bare(clause, chain):
            cue = Certainty.ABSENT
    for found in chain if cue is not None else ():
        if not found.fixed:
            found.polarity = cue or found.polarity
            found.listed = cue is Certainty.ABSENT
        elif cue is Certainty.UNCERTAIN and found.code == "no_finding":
            found.polarity = cue
    removed = [i for i, t in enumerate(clause.tokens) if "negation_removed" in t.kinds]
    if any(chain[0].index == i + 1 + _sides(clause, i) for i in removed):
        _set(chain, Certainty.ABSENT, Change.RESOLVED)  # 拔除右侧胸管


def _cue(sentence: str, clause: Clause, first: Found) -> tuple[Certainty | None, bool]:
    """What the nearest cue before a finding makes of it, and whether its reach was cut off."""
    for index in range(first.index - 1, -1, -1):
        token = clause.tokens[index]
        if _attributive(sentence, clause, index):
            return None, True
        before = clause.tokens[index - 1] if index else None
        touches = before is not None and before.end == token.start
        if "negation_before" in token.kinds or denies(clause, index) or _not_now(sentence, token):
            return _of_negation(sentence, clause, index), False
        if "unlikely" in token.kinds:
            return Certainty.ABSENT, False
        if _shown_not(sentence, clause, index):
            return Certainty.ABSENT, False
        if "uncertainty_before" in token.kinds and not _closes(clause, index):
            # 没有可疑结节, 没有结节、可疑肿块: the hedge is part of what is denied.
            inside = touches and "unable" not in token.kinds and _denied(clause, index - 1)
            return (Certainty.ABSENT if inside else Certainty.UNCERTAIN), False
        if "but" in token.kinds and _takes_out(sentence, token, first):
            continue
        if "but" in token.kinds or "comparison" in token.kinds:
            return None, True
        # 没有显示 and the like: the verb belongs to the negation right before it.
        if "see" in token.kinds and not (touches and before and "negation_before" in before.kinds):
            return None, True
    return None, False


def _of_negation(sentence: str, clause: Clause, index: int) -> Certainty:
    """Return what a negation makes of the finding after it, by what stands before the negation."""
    token = clause.tokens[index]
    if any("unproved" in earlier.kinds for earlier in clause.tokens[:index]):
        return Certainty.UNCERTAIN
    before = clause.tokens[index - 1] if index else None
    if before is None:
        return Certainty.ABSENT
    if before.end == token.start and "negation_before" in before.kinds:
        return Certainty.PRESENT  # 没有不存在积液
    if before.end == token.start and "uncertainty_before" in before.kinds:
        return Certainty.UNCERTAIN if "unable" not in before.kinds else Certainty.ABSENT  # 未必不是
    # 既不排除也不支持: neither the one nor the other.
    joined = _NEITHER.fullmatch(sentence, before.end, token.start) is not None
    hedged = "uncertainty_before" in before.kinds
    return Certainty.UNCERTAIN if joined and hedged else Certainty.ABSENT


def _attributive(sentence: str, clause: Clause, index: int) -> bool:
    """Whether a finding at a token says what kind the next organ is (不伴胸水的右肺肿块)."""
    token = clause.tokens[index]
    if sentence[token.end : token.end + 1] != "的" or index + 1 >= len(clause.tokens):
        return False
    after = clause.tokens[index + 1]
    named = any(found.index == index for found in clause.found)
    return named and after.start == token.end + 1 and bool({"organ", "side"} & set(after.kinds))


def _shown_not(sentence: str, clause: Clause, index: int) -> bool:
    """Whether an examination has ruled out what follows (头颅CT除外脑出血)."""
    token = clause.tokens[index]
    if sentence[token.start : token.end] not in ("除外", "排除") or not index:
        return False
    organs = clause.tokens[index - 1].kinds.get("organ", ())
    return index == 1 and any(organ.name.startswith("study") for organ in organs)


def _takes_out(sentence: str, token: Token, first: Found) -> bool:
    """Whether 除 and what it takes out stand whole before a finding (未见除囊肿以外的占位)."""
    return (
        sentence[token.start] == "除"
        and _OUTSIDE.search(sentence, token.end, first.start) is not None
    )


def _not_now(sentence: str, token: Token) -> bool:
    """目前未见 and the like, which also open what they deny."""
    return "negation_gone" in token.kinds and sentence[token.start : token.end].endswith("未见")


def _sides(clause: Clause, index: int) -> int:
    """How many words of side stand right after a token."""
    following = clause.tokens[index + 1 :]
    return next((i for i, token in enumerate(following) if "side" not in token.kinds), 0)


def _denied(clause: Clause, index: int) -> bool:
    """Whether a token is a negation, or joins on to a finding that is denied."""
    kinds = clause.tokens[index].kinds
    if "negation_before" in kinds:
        return True
    earlier = [found for found in clause.found if found.index < index]
    joins = "conjunction" in kinds or "alternative" in kinds
    return joins and bool(earlier) and earlier[-1].listed


def _bare(clause: Clause, chain: list[Found]) -> bool:
    """Whether a clause is only the next item of the list before it."""
    if any("instance" in token.kinds for token in clause.tokens[:1]):
        return True  # 没有异常, 如积液或气胸
    lead = clause.tokens[: chain[0].index]
    tail = clause.tokens[chain[-1].index + 1 :]
    if any(not {"conjunction", "alternative"} & set(token.kinds) for token in lead) or tail:
        return False
    if any(f.code not in words("list_items") and (f.own or f.organs) for f in chain):
        return False
    if any(vocabulary()[found.code].kind is Kind.DEVICE for found in chain):
        return False
    return chain[0].start - clause.start <= 2 and clause.end - chain[-1].end <= 1


def _item(clause: Clause, chain: list[Found]) -> bool:
    """Whether a clause names findings and places, and says nothing of them."""
    said = {kind for token in clause.tokens for kind in token.kinds}
    return chain[0] is clause.found[0] and not said & {"see", "but", "negation_before", "change"}


def _closes(clause: Clause, index: int) -> bool:
    """Whether a hedge that could open a statement closes the one before it (肺炎可能)."""
    token = clause.tokens[index]
    if "uncertainty_after" not in token.kinds or not index:
        return False
    before = clause.tokens[index - 1]
    if any(found.index == index + 1 and found.start == token.end for found in clause.found):
        return False  # 结节不除外转移
    if not {"name", "head", "organ"} & set(before.kinds) or token.start - before.end > 1:
        return False
    return any(found.index == index - 1 for found in clause.found)


def _after(sentence: str, clause: Clause, chain: list[Found]) -> None:
    last = chain[-1]
    for index in range(last.index + 1, len(clause.tokens)):
        kinds = clause.tokens[index].kinds
        if any(found.index == index for found in clause.found):
            return
        token = clause.tokens[index]
        gap = token.start - last.end
        if sentence[token.start : token.end] in _SIGNS and not gap:
            _set([last], Certainty.ABSENT, None)  # 骨折(-)脱位(-)
            return
        if "normal" in kinds and sentence[token.start - 1] == "外":
            return  # 除条索影外未见异常
        if "history_after" in kinds and gap <= 1:
            device = vocabulary()[last.code].kind is Kind.DEVICE
            here = (
                device or _STILL_THERE.search(sentence, token.end) or _goes_on_being(clause, index)
            )
            last.dropped = not here
            last.treated = not here
            return
        if "risk" in kinds and gap <= 1:
            for found in chain:
                found.dropped = True
            return
        if "negation_kept" in kinds:
            return
        if "untrue" in kinds:
            _turn(chain)
            return
        if "negation_gone" in kinds or "negation_removed" in kinds:
            _set(chain, Certainty.ABSENT, Change.RESOLVED)
            return
        if "unlikely" in kinds:
            _set(chain, Certainty.ABSENT, None)
            return
        if "negation_after" in kinds or "negation_before" in kinds:
            rest = sentence[clause.tokens[index].end : clause.end]
            if len(rest.rstrip("?")) == 0:
                _set(chain, Certainty.ABSENT, None)
            return
        if "uncertainty_after" in kinds and (
            "uncertainty_before" not in kinds
            or _closes(clause, index)
            or not any(found.index > index for found in clause.found)
        ):
            _set(chain, Certainty.UNCERTAIN, None)
            return
        if {"but", "see"} & set(kinds) and "strong" not in kinds:
            return


def _goes_on_being(clause: Clause, index: int) -> bool:
    """Whether words after a treatment say that what was treated is there (引流后未见缩小)."""
    behind = clause.tokens[index + 1 :]
    return any(_THERE & set(token.kinds) for token in behind)


def _treated(parts: list[Clause]) -> None:
    """Take back the finding that was treated, where the next clauses say that it is still there."""
    treated: Found | None = None
    for clause in parts:
        if clause.found:
            last = clause.found[-1]
            treated = last if last.treated else None
        elif treated is not None and _goes_on_being(clause, -1):
            treated.dropped = False
            treated = None


def _set(chain: list[Found], polarity: Certainty, change: Change | None) -> None:
    for found in chain:
        if (
            polarity is Certainty.UNCERTAIN
            and found.polarity is Certainty.ABSENT
            and not found.fixed
        ):
            continue
        found.polarity = polarity
        found.change = change or found.change


def _alternatives(clause: Clause, chain: list[Found]) -> None:
    for found in chain:
        beside = clause.tokens[max(found.index - 1, 0) : found.index + 2]
        touching = [t for t in beside if t.end == found.start or t.start == found.end]
        joined = any("alternative" in token.kinds for token in touching)
        if joined and found.polarity is Certainty.PRESENT and not found.fixed:
            found.polarity = Certainty.UNCERTAIN
    for left, right in pairwise(chain):
        between = clause.tokens[left.index + 1 : right.index]
        if any("alternative" in token.kinds for token in between):
            for found in (left, right):
                if found.polarity is Certainty.PRESENT:
                    found.polarity = Certainty.UNCERTAIN


def _judged(clause: Clause, parts: list[Clause]) -> None:
    """Leave open what is called premature, and turn what this clause calls untrue."""
    judging = {kind for token in clause.tokens for kind in _JUDGING if kind in token.kinds}
    if not judging:
        return
    place = parts.index(clause)
    about = clause.found or (parts[place - 1].found if place else [])
    if "premature" in judging:
        for found in about:
            found.polarity, found.dropped = Certainty.UNCERTAIN, False
    if "untrue" in judging and not clause.found and about:
        _turn(chains(parts[place - 1])[-1])


def _turn(chain: list[Found]) -> None:
    """Make what is denied present, and what is said absent."""
    for found in chain:
        denied = found.polarity is Certainty.ABSENT
        found.polarity = Certainty.PRESENT if denied else Certainty.ABSENT


def _late(sentence: str, clause: Clause, parts: list[Clause]) -> None:
    """A clause that only says that what the clause before it names is gone."""
    if clause.found:
        return
    place = parts.index(clause)
    if not place or any("organ" in token.kinds for token in clause.tokens):
        return
    for token in clause.tokens:
        if "negation_gone" in token.kinds or "negation_removed" in token.kinds:
            for chain in chains(parts[place - 1])[-1:]:
                _set(chain, Certainty.ABSENT, Change.RESOLVED)


def _now(sentence: str, clause: Clause) -> bool:
    """Whether the history ends with what is seen now: 既往胃溃疡病史,现腹腔游离气体."""
    stated = not any("uncertainty_before" in token.kinds for token in clause.tokens)
    return bool(clause.found) and stated and bool(_NOW.match(sentence, clause.start))


def _asks(sentence: str, clause: Clause, asking: bool) -> bool:
    heading = _headed(sentence, clause)
    if heading is not None:
        return heading
    for index, token in enumerate(clause.tokens):
        if "history_end" in token.kinds and asking and token.end == clause.end:
            return False
        if asking and index == 0 and _now(sentence, clause):
            return False
        if "history" in token.kinds and token.start - clause.start <= 1 and not asking:
            asking = index == 0 and (clause.opener in ("", ",", "<") or asking)
    return asking


def _headed(sentence: str, clause: Clause) -> bool | None:
    """Whether a heading opens what is asked or what is seen; None where it is none of them."""
    if (
        clause.found
        or sentence[clause.end : clause.end + 1] != ":"
        or clause.end - clause.start > _HEADING
    ):
        return None
    words_of = sentence[clause.start : clause.end]
    if _pattern("request_headings").search(words_of):
        return True
    return False if _pattern("report_headings").search(words_of) else None


def _goes_on(clause: Clause) -> bool:
    """Whether a clause goes on with the recommendation before it."""
    first = clause.tokens[0] if clause.tokens else None
    return first is None or (
        first.start == clause.start and bool({"recommend", "recommend_on"} & set(first.kinds))
    )


def _cut_at_recommendation(clause: Clause) -> None:
    """Drop what is recommended, supposed or told of the past after its word."""
    cuts = {"recommend", "condition", "past"}
    at = next((t.start for t in clause.tokens if cuts & set(t.kinds)), None)
    if at is not None:
        for found in clause.found:
            if found.start > at:
                found.dropped = True


@cache
def _pattern(key: str) -> re.Pattern[str]:
    """Return one pattern for the words of a list of the rules."""
    return re.compile("|".join(rules()[key].split()))
