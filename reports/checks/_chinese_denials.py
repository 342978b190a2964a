"""What a Chinese sentence names, and what of it is denied or hedged."""

from __future__ import annotations

import re
from collections.abc import Iterator

from radraft.reports.checks.lexicon import (
    NamedTerms,
    Occurrence,
    Span,
    Term,
    lexicon,
    opposites,
    terms_of,
)
from radraft.reports.findings._chinese_text import plain

_CLAUSE = re.compile(
    r"[,，:：。;；!！?？\n]|但是|但|然而|不过(?!度)|虽然|尽管|除此之外|此外|(?<![拔移拆切排摘清消去解])除(?!外)|仅见|仅|只见|而(?!且|不是|非)"
)
# Words with a character of denial that deny nothing, and denials that deny a denial.
_MASK = re.compile(
    r"不除外|不能?(?:完全)?(?:排除|除外)|无法(?:完全)?(?:排除|除外)|未(?:能)?(?:排除|除外)|难以(?:排除|除外)|"
    r"(?:未|没有?|尚未|不|无)(?:见|能|有)?(?:明显)?(?:完全|全部|全|被|得到)?(?:吸收|消失|消散|消退|缓解|愈合|改善|好转|闭合|解决|复张|恢复)|"
    r"(?:无|未|没有)(?:见|发现|显示出?|发生|任何|什么|明显|显著|重大|间隔性?|间期|的|有|观察到|看到){0,4}(?:变化|改变(?!后))|"
    r"(?:仍|保持)?(?:未(?:改)?变|不变)|(?:变化|改变)不(?:大|明显)|不一定|有无|"
    r"(?:以|来|为了?|需要?|建议)(?:便|帮助|确保|进一步)?(?:排除|除外)|"
    r"(?:确保|直至|直到|随访)[^,，。;；]{0,8}(?:解决|吸收|消失|缓解)|"
    r"(?:间隙|隐窝|夹?角|沟|池|曲度|纹理|轮廓|边界|分界|结构|弧度)[^,，。;；]{0,4}消失|"
    r"不仅|不但|不断|不同|不止|不等|不一|不齐|不均匀?|不规则|不对称|不稳|不全|不张|不足|不明原因|原因不明|性质不明|来源不明|"
    r"不确定|不能确定|未定|不明确(?!诊)|不特异|非特异|非均匀性?|非典型|非对称性?|不定(?=[形,，。;；]|$)|无定形|不透明|不透光|不透x?线|不可分|不清楚?|不清晰|不光整|不光滑|不锐利?|不佳|不良|不畅|不连续|"
    r"无气(?!胸|管|腔|道|体|液|囊|影|泡|肿)(?:症|肺)?|无(?:回声|回纳|回缩|张力|力感|风)症?|无(?:脑|肺)(?:症|畸形|儿)|不通气|不典型|无菌|无痛|无症状|无创|无机|无名|无意|无论|非常|非典|非霍奇金|"
    r"除非|是非|莫非|未来|未婚|未知|未分化|未成年|否则|是否|能否|不规范|不宜|不适|不得不"
)
_DENY = re.compile(
    r"(?:均|亦|也|并|尚|仍|暂)?(?:未(?:见到?|能?发现|及|查及|触及|探及|查见|出现|见及|观察到|看到|检出|检测到|扪及|显示|提示|发生|合并|伴有?|再见|闻及|有)?|"
    r"没有?|无|不(?:伴|存在|再|见|支持|考虑|像|是|显示|符合|具有|具备|会)?|否认|否定|缺乏|缺少|排除(?:了)?|^(?:可|已|基本)?除外|免于|并非|而非|非|(?:均?已被?|间隔性?|已间隔)?(?:拔除|拔掉|拔出|拆除|移除|取出)(?![术后]))"
)
_GONE = re.compile(
    r"(?:已|现已|已经|均已|完全|全部)+被?(?:吸收|消失|消散|消退|复张|缓解|解决|消除)|不(?:明显|显著)(?=[,，。;；]|$)|(?<!部分)(?<!明显)(?<!较前)(?<!逐渐)(?<!缓慢)(?<!不)吸收(?=[,，。;；]|$)|得到了?(?:解决|缓解|吸收)|消失|阴性|<-+>|(?<=[:：])无(?=[。,;，；]|$)|(?:已|被|可|均)(?:排除|除外)"
)
_HEDGE = re.compile(
    r"可能|疑(?:似|为|诊)?|可疑|待排|待查|待除外|不除外|不能?(?:完全)?(?:排除|除外)|无法(?:完全)?(?:排除|除外)|"
    r"未(?:能)?(?:排除|除外)|考虑|倾向|或许|也许|大概|不确定|鉴别|\?|？"
)
_SOFT = re.compile(r"考虑|提示|倾向|符合|支持|可能|首选")
"""Says of a conclusion that it is one; the other language may hedge there."""
_GO_ON = re.compile(
    r"\s*(?:或|和|及|以及|与|也没有|也无|亦无|甚至|如|例如|比如|包括|诸如|特别是|尤其是)"
)
# What may follow a denial that closes its clause: 气胸未见显示.
_CLOSING = re.compile(r"(?:明显|明确|确切|形成|存在|出现|发生|显示|可见|见|到|的|了|征象|\W)*$")


def read(text: str) -> NamedTerms:
    folded, places = plain(text)
    masks = [match.span() for match in _MASK.finditer(folded)]
    found = [
        (start, end, said)
        for start, end, said in _words(folded)
        # A word within a longer one that means something else: 清楚 in 不清楚.
        if not any(a < start < b for a, b in masks)
    ]
    taken = bytearray(len(folded))
    for start, end, said in found:
        # 不均匀 and 未见异常 are words of their own, and 动脉导管未闭 is; 无 and 气胸 are not.
        if (
            any(opposite for _, opposite in said)
            or _MASK.match(folded, start)
            or any(_holds(cue, folded, (start, end)) for cue in (_DENY, _GONE))
        ):
            taken[start:end] = b"\1" * (end - start)
    named = bytearray(len(folded))
    for start, end, said in found:
        if not any(opposite for _, opposite in said):
            named[start:end] = b"\1" * (end - start)
    masked = _blank(folded, _MASK, taken)
    hedges = [match.span() for match in _HEDGE.finditer(folded)]
    spans = _denied(masked, named)
    unsure = _hedged(masked, hedges)
    terms = terms_of(found, spans, unsure)
    return NamedTerms(
        _placed(terms, places, len(text)),
        len(spans),
        opposites(found),
        len(hedges),
        _SOFT.search(folded) is not None,
        _given(spans, places),
        _given(unsure, places),
    )


def _given(spans: list[Span], places: tuple[int, ...] | None) -> tuple[Span, ...]:
    """Return stretches of plain text in characters of the text as it was given."""
    kept = [(start, end) for start, end in spans if start < end]
    if places is None:
        return tuple(kept)
    return tuple((places[start], places[end - 1] + 1) for start, end in kept)


def _holds(cue: re.Pattern[str], text: str, word: Span) -> bool:
    """Return whether a word has a cue within, and is more than that."""
    match = cue.search(text, *word)
    return match is not None and match.span() != word


def _denied(masked: str, named: bytearray) -> list[Span]:
    """Return the stretch of each denial: what follows it, or what stands before it where it closes
    its clause."""
    spans: list[Span] = []
    for clause_start, clause_end in _clauses(masked, _CLAUSE):
        clause = masked[clause_start:clause_end]
        for match in _GONE.finditer(clause):
            spans.append((_before(masked, clause_start), clause_start + match.start()))
            masked = _without(masked, clause_start + match.start(), clause_start + match.end())
        clause = masked[clause_start:clause_end]
        cues = list(_DENY.finditer(clause))
        for cue in cues:
            at = clause_start + cue.end()
            if _CLOSING.match(masked, at, clause_end):
                spans.append((_before(masked, clause_start), clause_start + cue.start()))
            else:
                spans.append((at, _reach(masked, clause_end, named)))
    return spans


def _reach(text: str, end: int, named: bytearray) -> int:
    """Return how far a denial reaches that stands in the clause ending at `end`: over commas that
    only part the items of a list. `named` marks the characters of known words."""
    while end < len(text) and text[end] in ",，":
        following = _CLAUSE.search(text, end + 1)
        after = len(text) if following is None else following.start()
        rest = [
            c
            for c, known in zip(text[end + 1 : after], named[end + 1 : after], strict=True)
            if not known
        ]
        # Only a list has an "or", at this comma or at the next.
        listed = "或" in text[end + 1 : after] or _GO_ON.match(text, after + 1) is not None
        bare = after > end + 1 and listed and all(c in "、或和及与·" for c in rest)
        if not bare and not _GO_ON.match(text, end + 1):
            break
        end = after
    return end


def _before(text: str, start: int) -> int:
    """Return where the part begins that a denial opening its clause looks back on: 气胸：无."""
    if start and text[start - 1] in ":：":
        cuts = [match.end() for match in _CLAUSE.finditer(text, 0, start - 1)]
        return cuts[-1] if cuts else 0
    return start


def _words(text: str) -> Iterator[Occurrence]:
    words, longest = lexicon().zh, lexicon().longest_zh
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
    """Return `text` with dots for what `pattern` masks, and 某 for the words that are taken: they
    deny nothing, and may be denied."""
    characters = list(pattern.sub(lambda match: "·" * len(match[0]), text))
    for i, flag in enumerate(taken):
        if flag:
            characters[i] = "某"
    return "".join(characters)


def _without(text: str, start: int, end: int) -> str:
    return text[:start] + "·" * (end - start) + text[end:]


def _clauses(text: str, mark: re.Pattern[str]) -> list[Span]:
    cuts = [0]
    spans = []
    for match in mark.finditer(text):
        spans.append((cuts[-1], match.start()))
        cuts.append(match.end())
    spans.append((cuts[-1], len(text)))
    return [(start, end) for start, end in spans if end > start]


def _hedged(text: str, hedges: list[Span]) -> list[Span]:
    spans = []
    for start, end in hedges:
        after = _CLAUSE.search(text, end)
        before = [match.end() for match in _CLAUSE.finditer(text, 0, start)]
        spans.append((before[-1] if before else 0, len(text) if after is None else after.start()))
    return spans
