"""Addresses and institutions, in Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Iterator

from radraft.studies.deid.recognisers import (
    HAN,
    Kind,
    Needs,
    Recogniser,
    Span,
    by_patterns,
    read_lists,
)

_LISTS = read_lists("places_zh.txt")
_AREA = "(?:" + "|".join([*_LISTS["provinces"], *_LISTS["cities"]]) + ")"
_WORDS = "(?:" + "|".join(_LISTS["words"]) + ")"
"""Cities whose name is or spans another word: with their rank or as part of an address only."""
_RANK = (
    "维吾尔自治区|壮族自治区|回族自治区|特别行政区|自治区|自治州|自治县|自治旗|省|市|地区|盟|县|"
    "新区|开发区|区|旗|乡|镇|街道|村|屯|寨"
)
_PLACE = (
    rf"(?!(?:人|患者|在|行|就|的|来|因|检|医院))[{HAN}]{{1,8}}?(?:{_RANK})+"
    rf"(?![{HAN}]?医院|痛|静|定|咳|吐|域|间)"
)
_ROAD = r"(?:大道|大街|胡同|路|街|巷|弄|里弄)"
_BUILDING = (
    r"\d{1,5}\s*(?:号楼|号院|号|弄|巷|栋|幢|座|单元|室|楼|层|组|队)|[A-Za-z0-9]{1,4}[栋幢座室]|"
    r"[一二三四五六七八九十]{1,3}(?:单元|组|队|楼|栋|幢)"
)
_ESTATE = (
    "(?:小区|花园|公寓|家园|新村|大厦|宿舍|山庄|嘉园|家属院|家属楼|社区|城|苑|园|府|湾|居|庭|名邸)"
)
_TAIL = rf"(?:[{HAN}]{{1,8}}?{_ROAD}|[{HAN}]{{2,10}}?{_ESTATE}(?=\s*\d)|\s*(?:{_BUILDING})|农村)"
_STOP = "住址于在从至到系为是来自由曾经的者和与、"
_SUFFIX = (
    "医院|卫生院|医学院|卫生服务中心|卫生服务站|卫生室|诊所|保健院|医疗中心|疗养院|体检中心|"
    "医学中心|防治院|防治所|疾控中心|血站"
)
_FAMED = (
    "协和|同济|华西|湘雅|瑞金|华山|中山|仁济|齐鲁|西京|天坛|宣武|积水潭|安贞|阜外|朝阳|同仁|"
    "长海|长征|新华|南方|珠江|盛京|唐都|鼓楼|邵逸夫|"
    "解放军|武警|省立|红十字|北医|友谊|和睦家"
)
_CAP = r"[A-Z][\w.'’-]*"
_STATE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|"
    r"S[CD]|T[NX]|UT|V[AIT]|W[AIVY])"
)
"""States and territories of the United States, as in addresses."""
_STREET = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Boulevard|Blvd|Court|Place|Terrace|Close|"
    r"Crescent|Square|"
    r"Highway|Hwy|Parkway|Pkwy|Way|Alley|Circle|Dr)"
)
_BEYOND = (
    r"(?:,?\s*(?:Apt|Apartment|Unit|Suite|Flat|Room|Building|#)\.?\s*#?\w+)?"
    rf"(?:,\s*{_CAP}(?:\s{_CAP}){{0,2}}){{0,4}}(?:\s+\d{{5}}(?:-\d{{4}})?|"
    rf"\s+[A-Z]{{1,2}}\d\w?\s\d[A-Z]{{2}})?"
)

ADDRESSES = (
    by_patterns(
        "place by its name",
        Kind.ADDRESS,
        rf"(?!{_WORDS}(?!{_RANK}|{_PLACE}{_TAIL})){_AREA}(?:{_RANK})?(?:{_PLACE}){{0,5}}{_TAIL}"
        rf"*(?!(?:[{HAN}]{{0,8}})医院)",
        rf"(?!{_WORDS}){_AREA}(?:{_RANK})?",
        needs=Needs.HAN,
        flags=0,
    ),
    by_patterns(
        "address by label",
        Kind.ADDRESS,
        r"(?:住址|地址|籍贯|户籍(?:地|所在地)?|居住地|居住于|常住|现住|家住|久居|祖籍|老家|"
        r"通讯地址|邮寄地址|工作单位|单位)\s*[:：为在是]?\s*"
        rf"(?P<v>(?:{_PLACE}){{1,6}}{_TAIL}*|{_TAIL}+)",
        r"(?:住址|地址|籍贯|户籍(?:地|所在地)?|居住地|工作单位)\s*[:：]\s*(?P<v>[^\s,，。;；、"
        r"()（）*]{2,40})",
        rf"(?:来自|住在|住|系|祖籍)(?P<v>(?:{_PLACE}){{1,6}}{_TAIL}*)",
        needs=Needs.HAN,
        flags=0,
    ),
    by_patterns(
        "address in English",
        Kind.ADDRESS,
        rf"(?<![A-Za-zÀ-ɏ\d_])(?:No\.\s?)?\d{{1,5}}[A-Z]?,?\s+(?:(?:{_CAP}|of|"
        rf"the)\s+){{1,4}}{_STREET}(?![A-Za-zÀ-ɏ\d_])\.?{_BEYOND}",
        rf"(?<![A-Za-zÀ-ɏ\d_])P\.?\s?O\.?\sBox\s\d+{_BEYOND}",
        r"(?<![A-Za-zÀ-ɏ\d_])[A-Z]{1,2}\d[A-Z\d]?\s\d[ABD-HJLNP-UW-Z]{2}(?![A-Za-zÀ-ɏ\d_])",
        rf"(?<![A-Za-zÀ-ɏ\d_]){_STATE}\s\d{{5}}(?:-\d{{4}})?(?!\d)",
        r"(?<![A-Za-zÀ-ɏ\d_])(?:[Ll]ives?|[Ll]iving|[Rr]esid(?:es|ing|ent)|[Aa]ddress:?|"
        r"[Hh]ome address:?)\s+(?:(?:in|at|of|near)\s+)?"
        rf"(?P<v>{_CAP}(?:\s{_CAP}){{0,2}}(?:,\s*{_CAP}(?:\s{_CAP})?){{0,3}})",
        needs=Needs.LATIN,
        flags=0,
    ),
)  # fmt: skip
INSTITUTIONS = (
    by_patterns(
        "company",
        Kind.INSTITUTION,
        rf"[{HAN}]{{2,12}}(?:有限公司|股份公司|集团公司)",
        needs="公司",
        flags=0,
    ),
    by_patterns(
        "institution in English",
        Kind.INSTITUTION,
        r"(?<![A-Za-zÀ-ɏ\d_])(?!(?:Outside|Local|Our|This|The|Community|General|Other|"
        r"Referring)\s(?:Hospital|Clinic))"
        rf"(?:The\s)?(?:{_CAP}\s+){{1,6}}(?:Hospitals?|Clinic|Infirmary|Medical Cent(?:er|re)|"
        r"Health (?:System|Center|Centre)|"
        rf"Cancer Cent(?:er|re)|University|Hospice|Nursing Home)(?![A-Za-zÀ-ɏ\d_])",
        rf"(?<![A-Za-zÀ-ɏ\d_])(?:Hospital|University|Institute) of (?:{_CAP}\s?){{1,4}}",
        needs=Needs.LATIN,
        flags=0,
    ),
)  # fmt: skip
_FORMS = rf"{_ROAD}\s*\d|[区园寓院楼村厦舍庄苑城居庭邸社湾府]\s*\d|村"
_ROAD_NUMBER = re.compile(
    rf"[{HAN}]{{1,10}}?{_ROAD}\s*\d+\s*(?:号|弄|巷)(?:{_TAIL})*"
    rf"|[{HAN}]{{2,12}}?{_ESTATE}\s*(?:{_BUILDING}){{2,6}}|[{HAN}]{{2,12}}?(?:小区|花园|公寓|"
    rf"家园|家属院)\s*(?:{_BUILDING})+"
    rf"|[{HAN}]{{2,6}}(?:乡|镇(?![痛静定咳吐])|县)[{HAN}]{{2,6}}村"
)


def _trimmed(text: str) -> Iterator[Span]:
    """Roads, estates and institutions whose name begins at no known word: after the last word that
    cannot be part of it."""
    for match in _ROAD_NUMBER.finditer(text):
        start = match.start()
        head = re.match(rf"[{HAN}]*", match[0])
        for place in range(start, start + (len(head[0]) if head else 0) - 3):
            if text[place] in _STOP:
                start = place + 1
        yield start, match.end()


_INSTITUTION = re.compile(rf"(?:{_SUFFIX})(?:[{HAN}]{{2,4}}(?:院区|分院))?")
_HEAD = re.compile(rf"[{HAN}\d（）()]{{2,20}}$")
_LEAD = re.compile(
    "(?:.*(?:住|于|在|从|至|到|往|转|赴|由|曾|经|送|回|去|来自|患者|病人|家属|就诊|转入|该|"
    "本院|我院|[，、（(]))+(?=.)"
)
_PROPER = re.compile(
    rf"{_AREA}|{_FAMED}|[{HAN}]{{2,}}(?:省|市|县|区|镇|乡|州|旗|盟|街道|社区|村|大学|学院|"
    r"矿务局|油田|农场|铁路)|第[一二三四五六七八九十\d]"
)


def _institutions(text: str) -> Iterator[Span]:
    """北京协和医院, 某县第二人民医院: a proper name before the word for a hospital. 外院 names
    none."""
    for match in _INSTITUTION.finditer(text):
        head = _HEAD.search(text, max(0, match.start() - 20), match.start())
        if head is None:
            continue
        lead = _LEAD.match(head[0])
        start = head.start() + (lead.end() if lead else 0)
        if _PROPER.search(text, start, match.start()):
            yield start, match.end()


RECOGNISERS = (
    Recogniser(
        "institution",
        Kind.INSTITUTION,
        _institutions,
        "[院所]|服务站|卫生室|血站|(?:医疗|服务|医学|体检|疾控)中心",
    ),
    *ADDRESSES,
    *INSTITUTIONS,
    Recogniser("place by its form", Kind.ADDRESS, _trimmed, _FORMS, 0.7),
)
