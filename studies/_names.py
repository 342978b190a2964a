"""Person names as hospitals write them, in one form that can be compared.

A DICOM name has up to three groups, alphabetic, ideographic and phonetic, each of five components
(PS3.5 6.2.1.1). Chinese names come in simplified or traditional characters or in pinyin: with tones
or without, with ü, v or u, in either order, joined in every way.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import islice, product
from typing import Any

from radraft.studies import _name_rates

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_BRACKETED = re.compile(r"[(\[{<（【][^)\]}>）】]*[)\]}>）】]?")
_LETTERS = re.compile(r"[a-z]+")
_TITLE = re.compile(r"(?<=..)(?:先生|女士|小姐|太太|同志|老师|医生|教授)$")
_NOBODY_WORDS = (
    "anonymous anonymized anonymised anon unknown unnamed noname none nobody test testpatient "
    "patient na nil null xx xxx johndoe janedoe notgiven"
)
_NOBODY = frozenset(_NOBODY_WORDS.split())
_NOBODY_HAN = re.compile(r"某|^(?:无名氏?|未知|匿名|佚名|测试.*|不详|患者|病人|无名|未填写?)$")
_READINGS = {
    "单": "shan dan chan", "仇": "qiu chou", "解": "xie jie", "曾": "zeng ceng", "查": "zha cha",
    "区": "ou qu", "朴": "piao pu", "盖": "ge gai", "翟": "zhai di", "乐": "yue le",
    "覃": "qin tan", "缪": "miao mou", "洗": "xian xi", "员": "yun yuan", "折": "she zhe",
    "种": "chong zhong", "秘": "bi mi", "黑": "he hei", "尉": "wei yu", "宓": "mi fu",
    "薄": "bo bao", "柏": "bai bo", "那": "na nuo", "隗": "wei kui", "郗": "xi chi",
    "褚": "chu zhu", "都": "du dou", "谌": "chen shen", "牟": "mou mu", "召": "shao zhao",
    "繁": "po fan", "祭": "zhai ji", "句": "gou ju", "行": "xing hang", "盛": "sheng cheng",
    "藏": "zang cang", "瞿": "qu ju", "重": "chong zhong", "佴": "nai er", "逄": "pang",
    "尹": "yin", "俞": "yu", "石": "shi", "沈": "shen chen", "适": "kuo shi", "尉迟": "yuchi",
    "万俟": "moqi", "长孙": "zhangsun", "澹台": "tantai", "单于": "chanyu", "令狐": "linghu",
    "王": "wang", "贾": "jia", "葛": "ge", "万": "wan", "任": "ren", "华": "hua",
}  # fmt: skip
"""Surnames: their reading first, then those that a stranger gives them. Others have their usual
one."""
_TWO_CHARACTERS = (
    "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 令狐 长孙 慕容 司徒 夏侯 端木 百里 南宫 万俟 "
    "澹台 单于 轩辕 宇文 独孤 拓跋 呼延 申屠 太史 闻人 钟离 濮阳 淳于 公冶 宗政 赫连 鲜于 "
    "闾丘 司空 亓官"
)
_DOUBLE = frozenset(_TWO_CHARACTERS.split())
_MOST_READINGS = 12


@dataclass(frozen=True)
class Name:
    """One person name. All empty where nobody is named."""

    family: str = ""
    """Surname in simplified characters; empty where no group has Chinese ones."""
    given: str = ""
    traditional: bool = False
    """Whether it was written in traditional characters."""
    romans: tuple[tuple[str, ...], ...] = ()
    """Each group in Latin letters: its words in lower case without accents, ü and v as u."""
    divided: bool = False
    """Whether `^` said which part is the surname."""

    @property
    def known(self) -> bool:
        """Return whether somebody is named."""
        return bool(self.family or self.romans)

    @property
    def han(self) -> str:
        """Return the whole name in simplified characters."""
        return self.family + self.given

    @cached_property
    def readings(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(surname, syllables of the given name) for each way to read the characters."""
        if not self.family:
            return ()
        ways = product(_surname(self.family), *(_character(character) for character in self.given))
        return tuple((family, tuple(given)) for family, *given in islice(ways, _MOST_READINGS))

    @cached_property
    def sounds(self) -> frozenset[str]:
        """Return the name's letters, surname first, in each reading; letters as they were
        written."""
        spoken = {family + "".join(given) for family, given in self.readings}
        return frozenset(spoken | {"".join(words) for words in self.romans})

    @cached_property
    def keys(self) -> frozenset[str]:
        """Return the letters of each sound in alphabetical order: the same whatever the order of
        the parts and the marks between them."""
        return frozenset("".join(sorted(sound)) for sound in self.sounds)

    @property
    def share(self) -> float:
        """Share of people who write their name so."""
        return _name_rates.written(self.family, self.given) if self.family else self.share_of_sound

    @property
    def share_of_sound(self) -> float:
        """Share of people whose name sounds so."""
        if self.family:
            family, given = self.readings[0]
            return _name_rates.sounding(
                _surname_shares().get(family, _name_rates.OTHER_SURNAME), given
            )
        return max((_roman_share(words) for words in self.romans), default=1.0)


@lru_cache(maxsize=20_000)
def parse(value: str) -> Name:
    """Return the name in a DICOM Person Name, or in one line of text."""
    family = given = ""
    traditional = divided = False
    romans: list[tuple[str, ...]] = []
    for group in unicodedata.normalize("NFKC", value).split("=")[:3]:
        # Prefix and suffix say nothing about who it is, and only some sites send them.
        parts = [_BRACKETED.sub(" ", part) for part in group.split("^")[:3]]
        han = ["".join(_HAN.findall(part)) for part in parts]
        if "".join(han) and not family:
            plain = [simplified(part) for part in han]
            traditional = plain != han
            family, given = _divided([part for part in plain if part])
        words = tuple(word for part in parts for word in _words(part))
        if words and not _digits(group) and "".join(words) not in _NOBODY:
            romans.append(words)
            divided = divided or len([part for part in parts if part.strip()]) > 1
    if len(family + given) < 2 or _NOBODY_HAN.search(family + given):
        family = given = ""
    return Name(family, given, traditional and bool(family), tuple(dict.fromkeys(romans)), divided)


def _divided(parts: list[str]) -> tuple[str, str]:
    """Surname and given name of Chinese characters, which the caller found in `parts`."""
    if len(parts) >= 2:
        first, rest = parts[0], "".join(parts[1:])
        swapped = len(rest) == 1 and len(first) == 2 and first not in _DOUBLE
        return (rest, first) if swapped and rest in _name_rates.SURNAMES else (first, rest)
    whole = _TITLE.sub("", parts[0])
    length = 2 if len(whole) > 2 and whole[:2] in _DOUBLE else 1
    return whole[:length], whole[length:]


def _words(text: str) -> list[str]:
    """Words of Latin letters, folded."""
    plain = "".join(
        char
        for char in unicodedata.normalize("NFD", text.lower())
        if not unicodedata.combining(char)
    )
    found = _LETTERS.findall(re.sub(r"(?<=u):|['’`]|(?<=[a-z])[0-5](?![0-9])", "", plain))
    # Passports write lü as LYU (GB/T 28039-2011).
    return [re.sub(r"^([ln])yu(e?)$", r"\1u\2", word).replace("v", "u") for word in found]


def _digits(group: str) -> bool:
    """Return whether a group is a number in the place of a name: `CASE0012`."""
    return re.search(r"\d{2}", group) is not None


def _roman_share(words: tuple[str, ...]) -> float:
    shares = _surname_shares()
    surname = next((word for word in (words[0], words[-1]) if word in shares), None)
    if surname is None or len(words) == 1:
        return _name_rates.FOREIGN
    rest = list(words)
    rest.remove(surname)
    # A Chinese syllable has three letters or so; a long given name has two of them.
    short = sum(map(len, rest)) <= 5 and len(rest) == 1
    return shares[surname] * (_name_rates.ONE_CHARACTER * 0.03 if short else 0.03**2)


@cache
def _surname_shares() -> dict[str, float]:
    """Share of people by how their surname sounds."""
    found: dict[str, float] = {}
    for surname, share in _name_rates.SURNAMES.items():
        sound = _surname(surname)[0]
        found[sound] = found.get(sound, 0.0) + share
    return found


@cache
def _surname(family: str) -> tuple[str, ...]:
    if family in _READINGS:
        return tuple(_READINGS[family].split())
    return ("".join(_character(character)[0] for character in family),)


@cache
def _character(character: str) -> tuple[str, ...]:
    """Return up to two readings of a character, the usual one first; empty letters for an unknown
    one."""
    from pypinyin import Style, pinyin

    if not character:
        return ("",)
    found = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore")
    heard = [sound.replace("ü", "u").replace("v", "u") for sound in (found[0] if found else [])]
    return tuple(dict.fromkeys(heard))[:2] or ("",)


def simplified(text: str) -> str:
    """Return `text` in simplified characters."""
    converted: str = _opencc().convert(text) if text else ""
    return converted


@cache
def _opencc() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")
