"""A made-up registry: patients with names as frequent as real ones, and how two hospitals record
them. Everything follows from the seed.

Its names are drawn character by character from lists of its own, not from the shares that the
matcher takes for them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from radraft.studies.priors import Person

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏"
    "吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万"
    "单仇解覃翟查牟褚盖欧"
)
_MEN = (
    "伟强磊军勇杰涛超明刚平辉鹏飞波斌建国华志文海峰林东浩宇龙亮成永新健俊帅毅凯利忠义振德福贵"
    "春生荣树山学良家立民振兴安祥云天佳俊泽子轩博"
)
_WOMEN = (
    "芳娜敏静丽艳娟秀霞燕玲桂英梅兰红玉萍珍琴莲凤洁倩婷雪慧莉颖琳欣佳晓小月丹华云春香淑文思雨"
    "梦琪瑶怡诗涵萌素惠翠爱美彩"
)
_TRADITIONAL = str.maketrans(
    "刘陈杨黄赵吴孙马罗郑梁谢许韩冯邓苏魏吕卢钟谭陆汪范贾韦邹闫龙顾贺龚万单强军伟杰涛刚辉飞国华东"
    "亮丽艳兰红凤洁丹云爱晓泽颖莲琼贵荣树学兴轩诗梦瑶惠",
    "劉陳楊黃趙吳孫馬羅鄭梁謝許韓馮鄧蘇魏呂盧鍾譚陸汪範賈韋鄒閆龍顧賀龔萬單強軍偉傑濤剛輝飛國華東"
    "亮麗艷蘭紅鳳潔丹雲愛曉澤穎蓮瓊貴榮樹學興軒詩夢瑤惠",
)
_HOMOPHONES = {"晓": "小", "丽": "莉", "敏": "民", "文": "雯", "佳": "家", "英": "瑛", "军": "君"}
_MISREAD = {"单": "dan", "仇": "chou", "解": "jie", "覃": "tan", "翟": "di", "查": "cha"}
_RIGHT = {"单": "shan", "仇": "qiu", "解": "xie", "覃": "qin", "翟": "zhai", "查": "zha"}


@dataclass(frozen=True)
class Patient:
    """Who somebody really is."""

    key: int
    surname: str
    given: str
    born: date
    sex: str


@dataclass(frozen=True)
class Record:
    """What one hospital wrote down of a patient."""

    key: int
    person: Person


def people(count: int, seed: int = 1) -> list[Patient]:
    """`count` patients; one in eighty has a twin among them."""
    draw = random.Random(seed)
    found: list[Patient] = []
    while len(found) < count:
        born = date(1930, 1, 1) + timedelta(days=draw.randrange(365 * 90))
        # A birthday that nobody knew was written as the first of January.
        if born.year < 1960 and draw.random() < 0.08:
            born = born.replace(month=1, day=1)
        sex = draw.choice("MF")
        mine = Patient(len(found), _skewed(draw, _SURNAMES, 0.965), _given(draw, sex), born, sex)
        found.append(mine)
        if draw.random() < 1 / 80:
            twin = draw.choice("MF") if draw.random() < 0.5 else sex
            other = _given(draw, twin)
            shared = mine.given[0] + other[-1] if draw.random() < 0.5 else other
            if shared == mine.given:
                continue
            found.append(replace(mine, key=len(found), given=shared, sex=twin))
    return found[:count]


def records(patients: Sequence[Patient], site: str, seed: int) -> list[Record]:
    """How hospital `site` writes them down; each has its own habits and its own mistakes."""
    draw = random.Random(seed)
    return [Record(patient.key, _recorded(draw, patient, site)) for patient in patients]


def _recorded(draw: random.Random, who: Patient, site: str) -> Person:
    born: date | None = who.born
    kind = draw.random()
    if kind < 0.02 and who.born.day <= 12:
        born = who.born.replace(month=who.born.day, day=who.born.month)
    elif kind < 0.035 and who.born.day < 28:
        born = who.born.replace(year=who.born.year + draw.choice((-1, 1)))
    elif kind < 0.045:
        born = who.born.replace(day=draw.randrange(1, 29))
    elif kind < 0.075:
        born = None
    sex = "" if draw.random() < 0.04 else who.sex
    if draw.random() < 0.003:
        sex = "F" if who.sex == "M" else "M"
    number = f"{site}{draw.randrange(10**7):07d}"
    return Person(site, number, _name(draw, who), born, sex)


def _name(draw: random.Random, who: Patient) -> str:
    surname, given = who.surname, who.given
    if draw.random() < 0.01:
        given = "".join(_HOMOPHONES.get(char, char) for char in given)
    if draw.random() < 0.004:
        given = given[:-1] + draw.choice(_MEN)
    kind = draw.random()
    if kind < 0.62:
        return surname + given
    if kind < 0.72:
        return (surname + given).translate(_TRADITIONAL)
    if kind < 0.76:
        return f"{surname}^{given}"
    return _pinyin(draw, surname, given)


def _pinyin(draw: random.Random, surname: str, given: str) -> str:
    from pypinyin import Style, lazy_pinyin

    style = Style.TONE if draw.random() < 0.1 else Style.NORMAL
    family = _RIGHT.get(surname) or lazy_pinyin(surname, style=style)[0]
    if draw.random() < 0.1:
        family = _MISREAD.get(surname, family)
    syllables = lazy_pinyin(given, style=style)
    first = draw.choice(("", " ", "-")).join(syllables)
    form = draw.choice(("{0}^{1}", "{0} {1}", "{1} {0}", "{0}{1}", "{0}^{1}={2}^{3}"))
    made = form.format(family, first, surname, given)
    return made.upper() if draw.random() < 0.5 else made.title()


def _given(draw: random.Random, sex: str) -> str:
    pool = _MEN if sex == "M" else _WOMEN
    return "".join(_skewed(draw, pool, 0.97) for _ in range(1 if draw.random() < 0.13 else 2))


def _skewed(draw: random.Random, pool: str, ratio: float) -> str:
    """One of `pool`, the first most often: each is `ratio` times as frequent as the one before."""
    weights = [ratio**place for place in range(len(pool))]
    return draw.choices(pool, weights)[0]
