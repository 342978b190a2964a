"""Chinese person names: behind a label, before a title, beside a telling word, and bare.

A bare name is a surname where a word begins, with one or two characters that given names have and
that end where a word ends. docs/deidentification.md says how many of them that finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from radraft.studies.deid import chinese
from radraft.studies.deid.chinese import RUN, Words
from radraft.studies.deid.recognisers import HAN, Kind, Needs, Recogniser, Span, by_patterns

_COMMON = (
    "[王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡"
    "贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔"
    "白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文]"
)
_TITLE = (
    r"先生|女士|小姐|太太|夫人|师傅|阿姨|同志|老师|教授|(?:副?主任|副?主治|住院|经治|实习|规培|"
    r"值班|带教|上级|管床)?(?:医师|医生)|大夫|(?:副|总)?主任|"
    r"(?:副|总|主管)?(?:护士长|护师|护士|技师|技士|药师)|技术员|(?:副)?院长|(?:副)?科长|"
    r"(?:副)?处长|书记|经理|总监|校长|班长|队长|警官|律师|"
    r"大爷|大妈|大叔|大婶|大娘|大姐|大哥|奶奶|爷爷|叔叔|伯伯|同学|小朋友|宝宝|老人|老太太?|"
    r"老汉|老伯|某某|氏(?!病|征|综合|结节|囊|线|骨折|带|管|腺|细胞|瘤|区|肌|法|位|层|试验|角|"
    r"裂|孔|隙)"
)
_LABEL = (
    "姓名|联系人|受检者|监护人|家属|(?:申请|送检|主治|经治|主管|管床|报告|审核|书写|诊断|检查|"
    "操作|复核|记录|签发|审签|会诊|首诊|接诊|值班|手术|麻醉|责任)"
    "(?:医[生师]|技师|护士|者|人)|技师|技术员|审签|签名|签字|签发|主刀|术者|助手|陪同人|陪护|"
    "紧急联系人|报告人|审核人|投照|摄片"
)
_SHORT = frozenset(
    "的了是在有和与及或无不未见请已曾将被把因于诉称述说要前后来去到从给让也都就对代自主否表拟"
)
_BEFORE = re.compile(
    r"(?:与|和|跟|经|由|请|向|给|替|致|嘱|据|被|因|告知|通知|联系|委托|参照|参考|询问|混淆|"
    r"转告|呼叫|陪同|陪同人|家属|患者|病人|患儿|病员|伤者|产妇|老人|受检者|"
    r"其?(?:妻|夫|子|女|母|父|兄|弟|姐|妹|妻子|丈夫|儿子|女儿|母亲|父亲|爱人|配偶|儿媳|女婿|"
    r"外甥|侄子|哥哥|姐姐|弟弟|妹妹|同事|邻居|朋友|护工|保姆|司机))$"
)
_AFTER = re.compile(
    r"(?:主?因|主诉|本人|认为|建议|采集|处理|阅片|审核|复核|先|等人|交代|反映|打来|转述|于|"
    r"自?诉|代诉|述|自述|称|说|曾|来诊|来院|入院|要求|签字|签名|同意|否认|表示|陪同|到场|现|今|"
    r"昨|已|既往|拟|的(?:片|报告|资料|检查|旧|片子|影像|胶片|CT|家属)"
    r"|代取|后|行|在|[,，]\s*(?:男|女|\d{1,3}岁)|[（(](?:男|女)|主任|拍的|也看|那里|那份|发现|首先)"
)
_LINKS = frozenset(
    ["与", "和", "跟", "经", "由", "向", "致", "据", "被", "因", "参照", "参考", "混淆"]
)
"""Of the words before, those that stand before things as well as before people."""
_SIGN = re.compile("[样状形]?(?:影(?![像象片])|灶|斑|区|密度|信号|回声)")
"""What an image shows: the word before it says how that looks (高亮影, 与白亮灶相邻)."""
_LABELLED = re.compile(
    rf"(?P<l>{_LABEL})\s*(?:[:：]|为|是)?\s*(?P<v>[{HAN}](?:\s?[{HAN}]){{1,7}}|"
    rf"[{HAN}]{{1,8}}[·•・][{HAN}·•・]{{1,12}})"
)
_FIRM = re.compile(r"[:：]\s*$")


_TITLES = re.compile(_TITLE)
_NO_TITLE = re.compile(r"(?:高年资|低年资|任何|常规|全科|专科|检查|向|和|应|由|从|对)$")
_FUNCTION = frozenset(["由于", "对于", "关于", "至于", "属于", "位于", "基于", "鉴于", "源于"])
_ANATOMY = frozenset("叶段窦余尚粟薄孔高白黄于张周方石金马江施毛简常")
"""Surnames that reports are full of: without anything that tells a name they need a plain one."""
_NAMES = {"nr", "ns", "nz"}
"""jieba's tags of names."""
_NO_GIVEN = ("v", "d", "r", "p", "c", "f", "m")
"""jieba's tags of words that no given name is: verbs, adverbs, pronouns, numbers and so on."""


def _titled(text: str) -> Iterator[Span]:
    """欧阳教授, 李秀英医生: a surname and up to two more characters before a title."""
    for title in _TITLES.finditer(text):
        end = begin = title.start()
        while begin > max(0, end - 12) and RUN.match(text[begin - 1]):
            begin -= 1
        if begin == end or _NO_TITLE.search(text[begin:end]):
            continue
        words = chinese.cut(text[begin:end])
        rated = [
            (_titled_from(text, end - length, end, begin, words), length) for length in (1, 2, 3, 4)
        ]
        rate, length = max(rated)
        if rate:
            yield end - length, end


def _titled_from(text: str, start: int, end: int, begin: int, words: Words) -> int:
    """Return how much speaks for a name from `start` to the title at `end`; 0 for nothing."""
    family = chinese.family(text, start, every=True) if start >= begin else 0
    given = text[start + family : end]
    word, tag = words.at(start - begin)
    if not family or len(given) > 2 or not chinese.may_be_given(given):
        return 0
    if (
        given
        and len(word) == end - start
        and (tag[:1] in _NO_GIVEN or word in chinese.characters().words)
    ):
        return 0
    clear = (start - begin) in words.ends or bool(_BEFORE.search(text[max(0, start - 6) : start]))
    rate = 1 + 2 * clear + chinese.seems_given(given)
    doubtful = text[start : start + family] in chinese.characters().ambiguous
    return 0 if rate < (4 if doubtful else 2) else rate


def _labelled(text: str) -> Iterator[Span]:
    for match in _LABELLED.finditer(text):
        start, end = match.span("v")
        value = match["v"].replace(" ", "")
        firm = bool(_FIRM.search(text[match.start() : start]))
        known = chinese.family(text, start, every=True)
        spaced = start > match.end("l") and known
        if re.search(r"[·•・]", value) or ((firm or spaced) and len(value) <= 4):
            yield start, end
            continue
        length = _beside(text, start, chinese.cut(RUN.match(text, start)[0]), 0)  # type: ignore[index]
        if length:
            yield start, start + length
        elif firm:
            yield start, min(end, start + 3)


def _bare(text: str) -> Iterator[Span]:
    """Names without label or title, by the words around them."""
    known = chinese.characters()
    for run in RUN.finditer(text):
        if len(run[0]) < 2 or known.firsts.isdisjoint(run[0]):
            continue
        words = chinese.cut(run[0])
        for at in range(len(run[0]) - 1):
            if run[0][at] not in known.firsts:
                continue
            start, own, place = run.start() + at, words, at
            told = _BEFORE.search(text[max(0, start - 6) : start])
            if at not in words.ends:
                if not told or (
                    run[0][at - 1 : at + 1] in _FUNCTION and not _AFTER.match(text, start + 3)
                ):
                    continue
                # 在于|晓明 and 之|子叶: the word before took the surname.
                own, place = chinese.cut(run[0][at:]), 0
            length = _beside(text, start, own, place) if told else 0
            length = length or _by_itself(text, start, own, place)
            describes = _SIGN.match(text, start + length) and (not told or told[0] in _LINKS)
            if length and not describes:
                yield start, start + length


def _beside(text: str, start: int, words: Words, at: int) -> int:
    """Characters of the name that a telling word stands before; 0 for none."""
    family, doubtful = _surname(text, start)
    word, tag = words.at(at)
    if not family or _word(words, at, family):
        return 0
    for given in (2, 1):
        end = start + family + given
        chars = text[start + family : end]
        seems = chinese.seems_given(chars)
        if len(chars) < given or not RUN.fullmatch(chars) or not chinese.may_be_given(chars):
            continue
        if doubtful and not (seems and (given == 2 or chinese.strong(chars))):
            continue
        if len(word) > family and tag[:2] not in _NAMES and not seems:
            continue
        if words.at(at + family)[1][:1] in (*_NO_GIVEN, "t") and not seems:
            continue
        rest = text[end : end + 1]
        if at + family + given in words.ends or _AFTER.match(text, end) or not RUN.match(rest):
            return family + given
    return 0


def _by_itself(text: str, start: int, words: Words, at: int) -> int:
    """Characters of a name that nothing before it tells of; 0 for none."""
    family, doubtful = _surname(text, start)
    word, tag = words.at(at)
    if not family or _word(words, at, family):
        return 0
    alone = not RUN.match(text[start - 1 : start])
    for given in (2, 1):
        end = start + family + given
        chars = text[start + family : end]
        right = _AFTER.match(text, end) is not None
        told = right and (alone or given == 2 or (len(word) == 1 and tag == "nr"))
        if len(chars) < given or not chinese.seems_given(chars):
            continue
        if not told and at + family + given not in words.ends:
            continue
        if doubtful and not ((given == 2 or right) and chinese.strong(chars)):
            continue
        if len(word) > family == 1 and tag[:2] not in _NAMES:
            # 金志|国: the surname went into another word.
            if given == 2 and len(word) == 2 and (told or chinese.strong(chars)):
                return family + given
            continue
        named = tag.startswith("nr") and len(word) == family + given
        if told or named or family == 2 or _plain(text[start], chars, words, at):
            return family + given
    return 0


def _word(words: Words, at: int, family: int) -> bool:
    """Return whether a word that names nobody stands at `at`, or behind the surname there."""
    known = chinese.characters().words
    return words.at(at)[0] in known or words.at(at + family)[0] in known


def _surname(text: str, start: int) -> tuple[int, bool]:
    """Characters of the surname at `start` (0 where a title follows it: that is another rule's),
    and whether it is mostly another word."""
    family = chinese.family(text, start, every=True)
    if family and _TITLES.match(text, start + family):
        return 0, False
    return family, text[start : start + family] in chinese.characters().ambiguous


def _plain(surname: str, given: str, words: Words, at: int) -> bool:
    """Return whether surname and given name are such as reports do not have otherwise."""
    after, tag = words.at(at + 1)
    if len(after) > 1 and tag[:1] in _NO_GIVEN:
        return False
    if chinese.strong(given):
        return True
    return surname not in _ANATOMY and (
        len(given) == 2 or (len(after) == 1 and words.at(at)[1] == "nr")
    )


RECOGNISERS = (
    Recogniser("name by label", Kind.PERSON, _labelled, Needs.HAN, 0.95),
    Recogniser("name by title", Kind.PERSON, _titled, Needs.HAN, 0.95),
    Recogniser("bare name", Kind.PERSON, _bare, Needs.HAN, 0.6),
    by_patterns(
        "masked name",
        Kind.PERSON,
        rf"(?:(?<=患者)|(?<=病人)|(?<=患儿)|(?<=家属))[{HAN}]某{{1,2}}",
        rf"(?:{_COMMON})(?:某{{1,2}}|[xX×*＊]{{2}}(?![A-Za-z光线射片]))",
        rf"(?<![{HAN}])(?:{_COMMON})[xX×*＊](?![A-Za-z光线射片\d.])",
        rf"(?<![{HAN}])[老小](?!叶|段|孔|石|于|高)(?:{_COMMON})(?=[来诉称述说因自去]|[^{HAN}]|$)",
        needs=Needs.HAN,
        flags=0,
    ),
    by_patterns(
        "name of two parts",
        Kind.PERSON,
        rf"[{HAN}]{{2,8}}[·•・][{HAN}]{{2,10}}(?:[·•・][{HAN}]{{2,10}})?",
        needs=Needs.HAN,
    ),
)
