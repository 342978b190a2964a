"""What the two texts of a sentence name, found by one list of words, and whether they deny it.

The finding readers know the project's vocabulary and read each language for itself. Here both
languages are read by the same plain rules, so that what lies outside the vocabulary can be held
against each other too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from radraft.reports.findings._chinese_text import plain
from radraft.reports.values import Certainty, Lang


class Group(StrEnum):
    """What a word of `languages.yaml` stands for."""

    FINDING = "findings"
    ORGAN = "organs"
    QUALITY = "qualities"


@dataclass(frozen=True)
class Concept:
    """What words of both languages mean."""

    name: str
    group: Group
    general: bool = False
    """Says little (lesion, abnormality): never missed in the other language."""


@dataclass(frozen=True)
class Term:
    """A concept where a text names it."""

    concept: Concept
    polarity: Certainty
    start: int
    """Characters of the text."""
    end: int


@dataclass(frozen=True)
class NamedTerms:
    """What a text names."""

    terms: tuple[Term, ...]
    denials: int
    """Words that deny, words of normality not among them."""
    normal: int
    """Words that hold a denial or say that something is normal: irregular, clear, 不大, 正常."""
    hedges: int


@lru_cache(maxsize=4096)
def named_terms(text: str, lang: Lang) -> NamedTerms:
    """Return what `text` names, by where it starts."""
    return _read_chinese(text) if lang == "zh" else _read_english(text)


def alike(one: str, other: str) -> bool:
    """Whether two findings' names are not told apart alike in both languages."""
    return one == other or (one, other) in _lexicon().alike


def concepts() -> Mapping[str, Concept]:
    """Return all concepts by name."""
    return _lexicon().concepts


@dataclass(frozen=True)
class _Lexicon:
    concepts: Mapping[str, Concept]
    zh: Mapping[str, tuple[tuple[str, bool], ...]]
    """Word to the concepts that it says, and whether it says their opposite."""
    en: Mapping[tuple[str, ...], tuple[tuple[str, bool], ...]]
    longest_zh: int
    longest_en: int
    alike: frozenset[tuple[str, str]]


@cache
def _lexicon() -> _Lexicon:
    import yaml

    path = files("radraft.reports.checks").joinpath("languages.yaml")
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    concepts: dict[str, Concept] = {}
    zh: dict[str, list[tuple[str, bool]]] = {}
    en: dict[tuple[str, ...], list[tuple[str, bool]]] = {}
    for group in Group:
        for name, entry in data[group.value].items():
            said = entry.get("as")
            if said is None:
                said = [name]
                concepts[name] = Concept(name, group, entry.get("general", False))
            for opposite in (False, True):
                less = "less_" if opposite else ""
                for word in entry.get(f"{less}zh", ()):
                    zh.setdefault(word, []).extend((what, opposite) for what in said)
                for word in entry.get(f"{less}en", ()):
                    words = tuple(word.split())
                    en.setdefault(words, []).extend((what, opposite) for what in said)
    pairs = {
        (one, other)
        for line in data["alike"]
        for one in line.split()
        for other in line.split()
        if one != other
    }
    unknown = {name for pair in pairs for name in pair} | {n for w in zh.values() for n, _ in w}
    if not unknown <= concepts.keys():
        raise ValueError(f"languages.yaml: no concept {sorted(unknown - concepts.keys())}")
    return _Lexicon(
        concepts,
        {word: tuple(what) for word, what in zh.items()},
        {words: tuple(what) for words, what in en.items()},
        max(map(len, zh)),
        max(map(len, en)),
        frozenset(pairs),
    )


# Chinese

_ZH_STOP = re.compile(r"[。;；!！?？\n]")
_ZH_CLAUSE = re.compile(r"[,，:：。;；!！?？\n]|但是|但|然而|不过(?!度)|虽然|尽管|除此之外|此外|(?<![拔移拆切排摘清消去解])除(?!外)|仅见|仅|只见|而(?!且|不是|非)")
# Words with a character of denial that deny nothing, and denials that deny a denial.
_ZH_MASK = re.compile(
    r"不除外|不能?(?:完全)?(?:排除|除外)|无法(?:完全)?(?:排除|除外)|未(?:能)?(?:排除|除外)|难以(?:排除|除外)|"
    r"(?:未|没有?|尚未|不|无)(?:见|能|有)?(?:明显)?(?:完全|全部|全|被|得到)?(?:吸收|消失|消散|消退|缓解|愈合|改善|好转|闭合|解决|复张|恢复)|"
    r"(?:无|未|没有)(?:见|发现|显示出?|发生|任何|什么|明显|显著|重大|间隔性?|间期|的|有|观察到|看到){0,4}(?:变化|改变(?!后))|"
    r"(?:仍|保持)?(?:未(?:改)?变|不变)|(?:变化|改变)不(?:大|明显)|不一定|有无|"
    r"(?:以|来|为了?|需要?|建议)(?:便|帮助|确保|进一步)?(?:排除|除外)|"
    r"(?:确保|直至|直到|随访)[^,，。;；]{0,8}(?:解决|吸收|消失|缓解)|"
    r"不仅|不但|不断|不同|不止|不等|不一|不齐|不均匀?|不规则|不对称|不稳|不全|不张|不足|不明原因|原因不明|性质不明|来源不明|"
    r"不确定|不能确定|未定|不明确(?!诊)|不特异|非特异|不透明|不透光|不透x?线|不可分|不清楚?|不清晰|不光整|不光滑|不锐利?|不佳|不良|不畅|不连续|"
    r"无气(?!胸|管|腔|道|体|液|囊|影|泡|肿)(?:症|肺)?|无(?:渗漏|渗出|漏气|回声|回纳|回缩|张力|力感|风|脑|肺)症?|不通气|不典型|无菌|无痛|无症状|无创|无机|无名|无意|无论|非常|非典|非霍奇金|"
    r"除非|是非|莫非|未来|未婚|未知|未分化|未成年|否则|是否|能否|不规范|不宜|不适|不得不"
)
_ZH_DENY = re.compile(
    r"(?:均|亦|也|并|尚|仍|暂)?(?:未(?:见到?|能?发现|及|查及|触及|探及|查见|出现|见及|观察到|看到|检出|检测到|扪及|显示|提示|发生|合并|伴有?|再见|闻及|有)?|"
    r"没有?|无|不(?:伴|存在|再|见|支持|考虑|像|是|显示|符合|具有|具备|会)?|否认|否定|缺乏|缺少|排除(?:了)?|免于|并非|而非|非|(?:均?已被?|间隔性?|已间隔)?(?:拔除|拔出|拆除|移除|取出)(?![术后]))"
)
_ZH_GONE = re.compile(
    r"(?:已|现已|已经|均已|完全|全部)+被?(?:吸收|消失|消散|消退|复张|缓解|解决|消除)|不(?:明显|显著)(?=[,，。;；]|$)|(?<!部分)(?<!明显)(?<!较前)(?<!逐渐)(?<!缓慢)(?<!不)吸收(?=[,，。;；]|$)|得到了?(?:解决|缓解|吸收)|消失|阴性|<-+>|(?<=[:：])无(?=[。,;，；]|$)|(?:已|被|可|均)(?:排除|除外)"
)
_ZH_HEDGE = re.compile(
    r"可能|疑(?:似|为|诊)?|可疑|待排|待查|待除外|不除外|不能?(?:完全)?(?:排除|除外)|无法(?:完全)?(?:排除|除外)|"
    r"未(?:能)?(?:排除|除外)|考虑|倾向|或许|也许|大概|不确定|\?|？"
)
_ZH_GO_ON = re.compile(r"\s*(?:或|和|及|以及|与|也没有|也无|亦无|甚至|如|例如|比如|包括|诸如|特别是|尤其是)")
# What may follow a denial that closes its clause: 气胸未见显示.
_ZH_CLOSING = re.compile(r"(?:明显|明确|确切|显示|可见|见|到|的|了|征象|\W)*$")


def _read_chinese(text: str) -> NamedTerms:
    folded, places = plain(text)
    masks = [match.span() for match in _ZH_MASK.finditer(folded)]
    found = [
        (start, end, said)
        for start, end, said in _words_zh(folded)
        # A word within a longer one that means something else: 清楚 in 不清楚.
        if not any(a < start < b for a, b in masks)
    ]
    taken = bytearray(len(folded))
    for start, end, said in found:
        # 不均匀 and 未见异常 are words of their own; 无 and 气胸 are not.
        if any(opposite for _, opposite in said) or _ZH_MASK.match(folded, start):
            taken[start:end] = b"\1" * (end - start)
    named = bytearray(len(folded))
    for start, end, said in found:
        if not any(opposite for _, opposite in said):
            named[start:end] = b"\1" * (end - start)
    masked = _blank(folded, _ZH_MASK, taken)
    hedges = [match.span() for match in _ZH_HEDGE.finditer(folded)]
    spans: list[tuple[int, int]] = []
    denials = 0
    for clause_start, clause_end in _clauses(masked, _ZH_CLAUSE):
        clause = masked[clause_start:clause_end]
        for match in _ZH_GONE.finditer(clause):
            denials += 1
            spans.append((_before(masked, clause_start), clause_start + match.start()))
            masked = _without(masked, clause_start + match.start(), clause_start + match.end())
        clause = masked[clause_start:clause_end]
        cues = list(_ZH_DENY.finditer(clause))
        denials += len(cues)
        for cue in cues:
            at = clause_start + cue.end()
            if _ZH_CLOSING.match(masked, at, clause_end):
                spans.append((_before(masked, clause_start), clause_start + cue.start()))
            else:
                spans.append((at, _reach_zh(masked, clause_end, named)))
    normal = sum(any(opposite for _, opposite in said) for _, _, said in found)
    terms = _terms(found, spans, _hedged(masked, hedges, _ZH_STOP))
    return NamedTerms(_placed(terms, places, len(text)), denials, normal, len(hedges))


def _reach_zh(text: str, end: int, named: bytearray) -> int:
    """Return how far a denial reaches that stands in the clause ending at `end`: over commas that
    only part the items of a list. `named` marks the characters of known words."""
    while end < len(text) and text[end] in ",，":
        following = _ZH_CLAUSE.search(text, end + 1)
        after = len(text) if following is None else following.start()
        rest = [c for c, known in zip(text[end + 1 : after], named[end + 1 : after]) if not known]
        # Only a list has an "or", at this comma or at the next.
        listed = "或" in text[end + 1 : after] or _ZH_GO_ON.match(text, after + 1) is not None
        bare = after > end + 1 and listed and all(c in "、或和及与·" for c in rest)
        if not bare and not _ZH_GO_ON.match(text, end + 1):
            break
        end = after
    return end


def _before(text: str, start: int) -> int:
    """Return where the part begins that a denial at the start of its clause looks back on: 气胸：无."""
    if start and text[start - 1] in ":：":
        cuts = [match.end() for match in _ZH_CLAUSE.finditer(text, 0, start - 1)]
        return cuts[-1] if cuts else 0
    return start


def _words_zh(text: str) -> Iterator[tuple[int, int, tuple[tuple[str, bool], ...]]]:
    words, longest = _lexicon().zh, _lexicon().longest_zh
    at, length = 0, len(text)
    while at < length:
        for size in range(min(longest, length - at), 0, -1):
            said = words.get(text[at : at + size])
            if said is not None:
                yield at, at + size, said
                # 肋骨折 names the rib and the fracture: they share a character.
                at += size - text.startswith("骨折", at + size - 1)
                break
        else:
            at += 1


# English

_EN_WORD = re.compile(r"[a-z0-9/']+|[.,;:()!?\n]|\+|-(?=\s|$)")
_EN_ENDS = frozenset(".;!?\n")
_EN_TURN = frozenset(
    "but however although though while whereas except which whose consistent compatible besides only just".split()
)
_EN_TURNS = (
    ("apart", "from"), ("other", "than"), ("aside", "from"), ("there", "is"), ("there", "are"),
    ("there", "was"), ("there", "were"), ("with", "a"), ("with", "an"), ("with", "normal"), ("with", "stable"), ("with", "mild"), ("with", "only"), ("as", "well", "as"), ("with", "the", "exception"), ("due", "to"),
    ("in", "addition"),
)  # fmt: skip
_EN_FINITE = frozenset("is are was were has have shows show appears appear remains remain demonstrates reveals".split())
_EN_SEEN = frozenset(
    "seen identified present noted visualized visualised appreciated demonstrated evident detected "
    "observed found visible apparent shown recognized recognised suspected depicted revealed spotted "
    "suggested indicated discernible noticed reported documented encountered felt appreciable".split()
)
_EN_BEFORE = frozenset(
    "no not without w/o nor neither never lacks lack denies denied absence cannot can't isn't aren't wasn't weren't "
    "doesn't don't didn't none rather nonvisualization devoid".split()
)
_EN_BEFORE_PHRASES = (("free", "of"), ("free", "from"), ("negative", "for"), ("negative", "result", "for"), ("negative", "diagnosis", "for"), ("clear", "of"), ("clear", "from"),
                      ("resolution", "of"), ("removal", "of"), ("fails", "to"), ("failed", "to"),
                      ("rules", "out"), ("excludes",), ("disappearance", "of"))  # fmt: skip
_EN_AFTER = frozenset("absent none negative excluded resolved removed nil disappeared unlikely neg extubated".split())
_EN_AFTER_PHRASES = (("ruled", "out"), ("no", "longer"))
_EN_UNDONE = frozenset("resolved cleared excluded absorbed healed resolve clear disappeared improved ruled rule exclude removed united".split())
_EN_NO_DENIAL = (
    ("not", "only"), ("no", "change"), ("no", "interval", "change"), ("no", "significant", "change"),
    ("no", "significant", "interval", "change"), ("without", "change"), ("without", "significant", "change"),
    ("without", "interval", "change"), ("no", "doubt"), ("not", "limited"), ("no", "improvement"), ("not", "yet"),
    ("not", "necessarily"), ("without", "improvement"), ("without", "resolution"), ("no", "resolution"),
    ("not", "well", "seen"), ("not", "well", "visualized"), ("not", "well", "evaluated"), ("no", "prior"),
    ("not", "clear"), ("not", "always"), ("not", "determined"), ("not", "known"), ("not", "be", "always"), ("not", "certain"), ("not", "specific"), ("no", "appreciable", "change"),
)  # fmt: skip
_EN_DEGREE = frozenset("significant interval acute appreciable definite substantial major other other any real much".split())
_EN_AIM = frozenset("for ensure document confirm until track assess to".split())
_EN_HEDGE = frozenset(
    "possible possibly may might could suspicious suspected suspicion questionable potentially perhaps "
    "probable probably likely suggest suggests suggesting question equivocal versus vs indeterminate".split()
)


@dataclass(frozen=True)
class _Token:
    word: str
    start: int
    end: int


def _read_english(text: str) -> NamedTerms:
    tokens = [
        _Token(match[0], match.start(), match.end()) for match in _EN_WORD.finditer(text.lower())
    ]
    words = [token.word for token in tokens]
    found = list(_words_en(words))
    covered = {
        i
        for start, end, said in found
        if any(opposite for _, opposite in said) or (end - start > 1 and words[start] == "no")
        if tuple(words[start : start + 2]) not in _EN_BEFORE_PHRASES
        for i in range(start, end)
    }
    spans: list[tuple[int, int]] = []
    denials = 0
    i = 0
    while i < len(words):
        size, back = _cue_en(words, i) if i not in covered else (0, False)
        if not size:
            i += 1
            continue
        denials += 1
        if back:
            spans.append((_back_en(words, i), i))
        else:
            end = _reach_en(words, i + size)
            spans.append((i + size, end) if end > i + size else (_back_en(words, i), i))
        i += size
    normal = sum(any(opposite for _, opposite in said) for _, _, said in found)
    hedges = [
        (i, i + 1)
        for i, word in enumerate(words)
        if word in _EN_HEDGE and not (word == "may" and words[i + 1 : i + 2] and words[i + 1][0].isdigit())
    ]
    hedges += [(i, i + 2) for i in range(len(words) - 1) if words[i] in ("cannot", "not") and words[i + 1] in ("exclude", "excluded", "be")]
    terms = _terms(found, spans, _hedged_en(words, hedges))
    placed = tuple(
        Term(term.concept, term.polarity, tokens[term.start].start, tokens[term.end - 1].end)
        for term in terms
    )
    return NamedTerms(placed, denials, normal, len(hedges))


def _cue_en(words: list[str], i: int) -> tuple[int, bool]:
    """Return how many words the denial at `i` has (0: none), and whether it looks back."""
    for phrase in _EN_NO_DENIAL:
        if tuple(words[i : i + len(phrase)]) == phrase:
            return 0, False
    if words[i] in ("no", "without", "not"):
        after = [word for word in words[i + 1 : i + 6] if word not in _EN_DEGREE]
        if after and after[0] in ("change", "changes", "changed"):
            return 0, False
    if words[i : i + 2] == ["removal", "of"] and set(words[max(0, i - 2) : i]) & {"after", "following", "post"}:
        return 0, False
    if words[i] in ("resolution", "clearing") and set(words[max(0, i - 3) : i]) & _EN_AIM:
        return 0, False
    for phrase in _EN_BEFORE_PHRASES:
        if tuple(words[i : i + len(phrase)]) == phrase:
            return len(phrase), False
    for phrase in _EN_AFTER_PHRASES:
        if tuple(words[i : i + len(phrase)]) == phrase:
            return (0, False) if _undone(words, i) else (len(phrase), True)
    word = words[i]
    if word == "absent" and i and words[i - 1] not in (*_EN_FINITE, ":", "be", "now", "surgically"):
        return 1, False
    if word in _EN_AFTER:
        return (0, False) if _undone(words, i) else (1, True)
    if word not in _EN_BEFORE:
        return 0, False
    following = words[i + 1 : i + 4]
    if word in ("not", "cannot", "can't", "isn't", "hasn't", "without", "never"):
        reach = following[: following.index(",")] if "," in following else following
        if any(after in _EN_UNDONE for after in reach) and not any(a in _EN_SEEN for a in reach):
            return 0, False
    if word == "not" and any(after in _EN_SEEN for after in following[:2]):
        asked = words[max(0, i - 2) : i]
        return (1, not any(w in ("did", "does", "do", "could", "has", "have") and following[0] != "been" for w in asked[-1:]))
    return 1, False


def _undone(words: list[str], i: int) -> bool:
    """Whether "resolved" or "excluded" at `i` is itself denied: has not resolved."""
    return any(w in ("not", "cannot", "can't", "incompletely", "partially", "partly", "nearly", "almost", "never") for w in words[max(0, i - 4) : i])


def _back_en(words: list[str], i: int) -> int:
    """Return where the clause begins that a denial at `i` looks back on."""
    at = i
    while at > 0 and words[at - 1] not in _EN_ENDS and words[at - 1] not in _EN_TURN:
        if words[at - 1] in (",", "and") and any(w in _EN_FINITE or w in _EN_BEFORE for w in words[at:i]) and any(
            w in _EN_FINITE for w in _clause_before(words, at - 1)
        ):
            break
        at -= 1
    return at


def _clause_before(words: list[str], at: int) -> list[str]:
    start = at
    while start > 0 and words[start - 1] not in _EN_ENDS and words[start - 1] != ",":
        start -= 1
    return words[start:at]


def _reach_en(words: list[str], i: int) -> int:
    """Return the word before which a denial that stands before `i` ends."""
    at = i
    while at < len(words):
        word = words[at]
        if word in _EN_ENDS or word in _EN_TURN or word == ":":
            return at
        if word in ("indicating", "indicates", "suggesting", "making") and words[at - 1] == ",":
            return at
        if any(tuple(words[at : at + len(turn)]) == turn for turn in _EN_TURNS):
            return at
        if word in (",", "and", "with") and at > i and _starts_anew(words, at + 1, word):
            return at
        if words[at : at + 2] == [",", "and"] and _has_verb(words, at + 2):
            return at
        at += 1
    return at


_EN_ANEW = frozenset("stable mild mildly moderate severe minimal small unchanged persistent there the a an normal clear heart lungs cardiac".split())


def _starts_anew(words: list[str], at: int, mark: str) -> bool:
    """Whether what follows a comma, an "and" is a statement of its own, no further item."""
    end = at
    while end < len(words) and words[end] not in _EN_ENDS and words[end] not in (",", ":") and words[end] not in _EN_TURN:
        end += 1
    part = words[at:end]
    if part[:1] in (["or"], ["nor"]):
        return False
    if part and part[0] in _EN_ANEW or mark == "," and part[:1] == ["with"]:
        return True
    for k, word in enumerate(part):
        if word in _EN_FINITE and k > 0:
            rest = part[k + 1 : k + 4]
            return not any(after in _EN_SEEN for after in rest)
    return False


def _has_verb(words: list[str], at: int) -> bool:
    while at < len(words) and words[at] not in _EN_ENDS and words[at] != ",":
        if words[at] in _EN_FINITE:
            return True
        at += 1
    return False


def _hedged_en(words: list[str], hedges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    spans = []
    for start, end in hedges:
        stop = end
        while stop < len(words) and words[stop] not in _EN_ENDS and words[stop] not in _EN_TURN:
            stop += 1
        begin = start
        while begin > 0 and words[begin - 1] not in _EN_ENDS and words[begin - 1] not in _EN_TURN:
            begin -= 1
        spans.append((begin, stop))
    return spans


def _words_en(words: list[str]) -> Iterator[tuple[int, int, tuple[tuple[str, bool], ...]]]:
    lexicon = _lexicon()
    at = 0
    while at < len(words):
        for size in range(min(lexicon.longest_en, len(words) - at), 0, -1):
            said = lexicon.en.get(tuple(words[at : at + size]))
            if said is None:
                last = words[at + size - 1]
                for form in _singular(last):
                    said = lexicon.en.get((*words[at : at + size - 1], form))
                    if said is not None:
                        break
            if said is not None:
                yield at, at + size, said
                at += size
                break
        else:
            at += 1


def _singular(word: str) -> Iterator[str]:
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("es"):
        yield word[:-2]
    if word.endswith("s"):
        yield word[:-1]


# Both


def _terms(
    found: list[tuple[int, int, tuple[tuple[str, bool], ...]]],
    denied: list[tuple[int, int]],
    hedged: list[tuple[int, int]],
) -> tuple[Term, ...]:
    known = _lexicon().concepts
    terms = []
    for start, end, said in found:
        inside = any(a <= start < b for a, b in denied)
        unsure = any(a <= start < b for a, b in hedged)
        for name, opposite in said:
            polarity = Certainty.ABSENT if inside != opposite else Certainty.PRESENT
            if unsure and polarity is Certainty.PRESENT:
                polarity = Certainty.UNCERTAIN
            terms.append(Term(known[name], polarity, start, end))
    return tuple(terms)


def _placed(
    terms: tuple[Term, ...], places: tuple[int, ...] | None, length: int
) -> tuple[Term, ...]:
    if places is None:
        return terms
    return tuple(
        Term(term.concept, term.polarity, places[term.start], places[term.end - 1] + 1)
        for term in terms
    )


def _blank(text: str, pattern: re.Pattern[str], taken: bytearray) -> str:
    characters = list(pattern.sub(lambda match: "·" * len(match[0]), text))
    for i, flag in enumerate(taken):
        if flag:
            characters[i] = "·"
    return "".join(characters)


def _without(text: str, start: int, end: int) -> str:
    return text[:start] + "·" * (end - start) + text[end:]


def _clauses(text: str, mark: re.Pattern[str]) -> list[tuple[int, int]]:
    cuts = [0]
    spans = []
    for match in mark.finditer(text):
        spans.append((cuts[-1], match.start()))
        cuts.append(match.end())
    spans.append((cuts[-1], len(text)))
    return [(start, end) for start, end in spans if end > start]


def _hedged(
    text: str, hedges: list[tuple[int, int]], stop: re.Pattern[str]
) -> list[tuple[int, int]]:
    spans = []
    for start, end in hedges:
        after = _ZH_CLAUSE.search(text, end)
        before = [match.end() for match in _ZH_CLAUSE.finditer(text, 0, start)]
        spans.append((before[-1] if before else 0, len(text) if after is None else after.start()))
    return spans
