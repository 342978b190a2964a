"""Numbers that identify: cards, telephones, records, accounts, plates."""

from __future__ import annotations

import re
from functools import cache

from radraft.studies.deid.recognisers import Kind, Needs, by_patterns, read_lists

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_HAN_DIGIT = "〇零一二三四五六七八九"
_NUMERALS = f"[{_HAN_DIGIT}]{{5,}}"
_UNIT = (
    r"\s*(?:[/×*%‰]|x\s?10|[μunpm]?mol|units?(?!\w|\s*\d)|单位|mm|cm|ml|mg|[gk]g|hu|iu|u/|copies|cells|拷贝|个|人|元|ng|pg|[μu]|步|"
    r"次|gy|hz|"
    r"千|万|亿|米|克|毫|点)"
)
_FROM = r"[:：=#]|为|是|No\.?|number|code"
_SEP = rf"\s*(?:(?:{_FROM})\s*){{0,3}}"
_VALUE = (
    r"(?P<v>(?=[A-Z -]{0,6}\d)[A-Z]{0,6}(?:[ -](?=\d))?[A-Z0-9]+(?:[-/_][A-Z0-9]+)*(?:\(\d\))?)"
)
"""Letters and digits in one, with a digit near its beginning."""
_SMALLER = r"[UI]U|ng|pg|[μu]g|mg|g|[μunpm]?mol|copies|cells|拷贝|mGy|Gy|HU|mm|cm|m?l|s"
_MEASURED_IN = re.compile(
    r"\s*(?:m?I?U/m?L|(?:copies|cells|拷贝|IU|ng|pg|[μu]g)\s?/|/\s?(?:m?L|[μu]L|mm)|×|x\s?10)",
    re.IGNORECASE,
)
"""Units in which seven digits and more are measured: viral loads, counts."""
_DIGITS_AND_UNIT = re.compile(rf"\d{{4,9}}(?:{_SMALLER})", re.IGNORECASE)
_BETWEEN = (
    r"(?:\s|[:：=<>≤≥~≈→↑↓]|约为?|为|由|从|自|至|达|于|升|降|最|峰|波动|到|高|低|值|水平|定量|计数|是|"
    r"(?:count|level|value|score|of|was|were|is|are|at|to|from|up|down|now|currently|about|over|"
    r"above|below|only|peak(?:ed)?|rising|rose|fell|falling|[a-z]{2,10}ed)(?![a-z])|"
    r"\d[\d.]{0,6}(?=[\s/→至到]))"
)
"""What stands between a value and the name of what it measures: an earlier value too."""
_MOST_BEFORE = 64
_ZH_RECORD = (
    "住院|门诊|病历|病案|检查|登记|影像|放射|放射编|X线|X光|CT|MRI?|DR|CR|PACS|RIS|超声|病理|"
    "胶?片|条码|条形码|申请单?|流水|"
    "就诊卡?|诊疗卡?|健康卡|就医|档案|体检|样本|标本|预约|挂号|序列|编|患者|病人|卡"
)
_ZH_INSURANCE = "医保卡?|社保卡?|医疗保险|社会保障|社会保险|参保|保险单?|保单|农合|新农合"
_ZH_CARD = "身份证|证件|护照|军官证|士兵证|驾驶证|驾照|港澳通行证|通行证|居留证|回乡证|台胞证"


def _checks(match: re.Match[str]) -> bool:
    """Return whether 18 places, however divided, end in the check digit of an identity card (GB
    11643)."""
    places = re.sub(r"[\s-]", "", match[0]).upper()
    total = sum(int(place) * weight for place, weight in zip(places, _WEIGHTS, strict=False))
    return places[-1] == "10X98765432"[total % 11]


def _long(match: re.Match[str]) -> bool:
    return sum(char.isdigit() for char in match[0]) >= 7


def _no_count(match: re.Match[str]) -> bool:
    """Counts, enzymes and tumour markers reach seven digits, viral loads more."""
    text = match.string
    if _DIGITS_AND_UNIT.fullmatch(match[0]):
        return False
    if len(match[0]) > 6 and len(match[0]) <= 10 and _MEASURED_IN.match(text, match.end()):
        return False
    if len(match[0]) > 7:
        return match[0].isdecimal() or _no_measure(match)
    return not _is_measured(text, match.start())


def _is_measured(text: str, at: int) -> bool:
    """Return whether the value at `at` stands behind the name of what is measured."""
    return _measured().search(text[max(0, at - _MOST_BEFORE) : at]) is not None


@cache
def _measured() -> re.Pattern[str]:
    """The names of measured.txt with what may follow them, at the end of a text."""
    lists = read_lists("measured.txt")
    latin = "|".join(name.replace("_", r"[\s-]?") for name in lists["any_case"])
    exact = "|".join(lists["as_written"])
    chinese = "|".join(name.replace("_", r"\s?") for name in lists["zh"])
    named = (
        rf"(?<![A-Za-z\d])(?:(?i:{latin})|{exact})(?![A-Za-z])"
        rf"|(?i:{chinese})"
    )
    return re.compile(rf"(?:{named})(?:\s*[（(][^()（）]{{0,16}}[)）])?(?i:{_BETWEEN}){{0,12}}$")


def _no_measure(match: re.Match[str]) -> bool:
    """b1000, TR2000, CEA1200 and the like are sequences and laboratory values."""
    whole = re.fullmatch(r"([A-Z]{1,6})[-_]?(\d{4,6})", match[0], re.IGNORECASE)
    if whole is None or len(match[0]) > 11:
        return True
    if _SEQUENCE.fullmatch(whole[1]):
        return len(match[0]) > 9
    return not (len(whole[2]) > 3 and _is_measured(whole[1], len(whole[1])))


_SEQUENCE = re.compile(r"b|TR|TE|TI|HU|CT|SUV|kV|FOV|CA|DD", re.IGNORECASE)


RECOGNISERS = (
    by_patterns(
        "identity card",
        Kind.ID_CARD,
        r"(?<!\d)\d{6}[\s-]?(?:18|19|20)\d{2}[\s-]?(?:0[1-9]|1[0-2])[\s-]?\d{2}[\s-]?\d{3}[\s-]"
        r"?[\dX](?!\d)",
        r"(?<!\d)\d{6}[*＊X×•]{4,}\d{2,4}[\dX]?(?![A-Z\d])",
        r"(?<![A-Z\d])[A-Z]{1,2}\d{6}\([\dA]\)",
        r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])",
        needs=Needs.DIGIT,
        score=1.0,
    ),
    by_patterns(
        "identity card by its check digit",
        Kind.ID_CARD,
        r"(?<!\d)\d(?:[\s-]{0,2}\d){16}[\s-]{0,2}[\dX](?!\d)",
        needs=Needs.DIGIT,
        keep=_checks,
        score=1.0,
    ),
    by_patterns(
        "card by label",
        Kind.PASSPORT,
        rf"(?:{_ZH_CARD})(?:号码|号|编号)?{_SEP}{_VALUE}",
        r"(?<![A-Za-zÀ-ɏ\d_])(?:passport|travel document|driver'?s? licen[cs]e|visa|national "
        rf"id|id card)(?![A-Za-zÀ-ɏ\d_]){_SEP}{_VALUE}",
        r"(?<![A-Za-zÀ-ɏ\d_])(?:SSN|social security(?: number| no\.?)?|NHS(?: number| no\.?)?|"
        rf"CPR no\.?){_SEP}"
        r"(?P<v>\d[\d -]{4,}\d)",
        needs=Needs.DIGIT,
    ),
    by_patterns(
        "telephone",
        Kind.PHONE,
        r"(?<![\dA-Z.])(?:[(（]?(?:\+|00)?86[)）]?[\s-]?)?1[3-9]\d(?:[\s.-]?\d){8}(?!\d)",
        r"[(（]?(?:\+|(?<!\d)00)\d{1,3}[)）]?(?:[\s.-]?[(（]?\d{1,4}[)）]?){2,5}(?!\d)",
        r"(?<![\d.])[(（]?0\d{2,3}[)）]?[\s-]{0,2}\d{3,4}[\s-]?\d{3,4}(?!\d)(?:\s*(?:转|分机|"
        r"ext\.?|x)\s*\d{1,5})?",
        r"(?<![\d.-])(?:1[-.\s])?(?:[(（]\d{3}[)）]\s?|[2-9]\d{2}[\s.-]|"
        r"\d{3}[.-])\d{3}[-.\s]\d{4}(?!\d)(?:\s*(?:ext\.?|x)\s*\d{1,5})?",
        r"(?<!\d)[48]00[\s-]?\d{3,4}[\s-]?\d{3,4}(?!\d)",
        r"(?<![\d.])\+?\d{2,4}[-\s]\d{3,4}[-\s]\d{3,4}(?!\d)(?!\s*(?:mm|cm|ml|mg|HU))",
        r"(?<!\d)\d{3,4}[*＊X×•]{3,}\d{2,4}(?!\d)",
        rf"(?:电话|手机|座机|联系方式|热线|分机|短号|内线|传真|致电|拨打)[号码]{{0,2}}{_SEP}(?P"
        rf"<v>[+(（]?\d[\d()（）\s-]{{2,}}\d)",
        r"(?<![A-Za-zÀ-ɏ\d_])(?:phone|tel|telephone|mobile|cell|fax|pager|beeper|ext|"
        r"extension)(?:\s?no)?\.?\s*[:#]?\s*(?P<v>\+?\d[\d()\s.-]{2,}\d)",
        needs=Needs.DIGIT,
    ),
    by_patterns(
        "record number",
        Kind.RECORD,
        rf"(?:{_ZH_RECORD})(?:编号|号码?|ID|码){_SEP}{_VALUE}",
        rf"(?<![A-Za-z])ID(?![A-Za-z]){_SEP}{_VALUE}",
        r"(?<=号)\s*[:：]?\s*(?P<v>(?=[A-Z-]{0,4}\d)[A-Z0-9-]{5,})(?![.\d])",
        r"(?<![A-Za-zÀ-ɏ\d_])(?:MRN|medical record|hospital|chart|accession|acc|exam|"
        r"examination|case|visit|encounter|"
        rf"order|specimen|film|admission|registration|account|study|UHID|patient|pt|record|file)"
        rf"(?:\s(?:no\.?|number|id)(?![A-Za-z])|\s?#)\s*[:#=]?\s*{_VALUE}",
        rf"(?<![A-Za-zÀ-ɏ\d_])(?:MRN|accession|acc|UHID)(?![A-Za-z])\s*[:#=.]?\s*{_VALUE}",
        needs=Needs.DIGIT,
    ),
    by_patterns(
        "insurance number",
        Kind.RECORD,
        rf"(?:{_ZH_INSURANCE})(?:卡号|编号|号码?|账号){_SEP}{_VALUE}",
        r"(?<![A-Za-zÀ-ɏ\d_])(?:insurance|policy|member|subscriber|medicare|medicaid|health "
        r"plan|beneficiary)"
        rf"(?:\s(?:no\.?|number|id)(?![A-Za-z])|\s?#)\s*[:#=]?\s*{_VALUE}",
        needs=Needs.DIGIT,
    ),
    by_patterns(
        "bed",
        Kind.RECORD,
        r"(?:床号|病床号?|床位号?)\s*[:：为]?\s*(?P<v>[+A-Z]?\d{1,3}[A-Z]?)(?!\d)",
        r"(?:[\w一二三四五六七八九十]{1,3}病区\s*)?(?<![\d.A-Z])\+?[A-Z]?\d{1,3}\s*床(?![旁边位"
        r"数])",
        r"(?<!nail )(?<!capillary )(?<!vascular )(?<![A-Za-zÀ-ɏ\d_])(?P<v>(?:bed|room|"
        r"ward)\s*(?:no\.?\s*|number\s*)?#?\s?[A-Z]?\d{1,4}[A-Z]?)(?![A-Za-zÀ-ɏ\d_])(?!\s*(?:mm"
        r"|cm|air))",
        needs=Needs.DIGIT,
    ),
    by_patterns(
        "account",
        Kind.ACCOUNT,
        r"(?:微信|QQ|wechat|V信|微博|抖音|支付宝|skype|whatsapp)\s*(?:号码?|群|ID|"
        rf"账号)?{_SEP}(?P<v>@?[A-Z0-9][\w.-]{{3,}})",
        needs="(?i:微信|QQ|wechat|V信|微博|抖音|支付宝|skype|whatsapp)",
        flags=re.IGNORECASE | re.ASCII,
    ),
    by_patterns(
        "licence plate",
        Kind.PLATE,
        r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z]\s?[·•.\s-"
        r"]?\s?"
        r"(?=[A-Z]{0,2}\d|\d)[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳](?![A-Z0-9])",
        rf"(?<![A-Za-zÀ-ɏ\d_])(?:licen[cs]e plate|plate|VIN)(?![A-Za-z]){_SEP}{_VALUE}",
        needs=Needs.DIGIT,
    ),
    by_patterns(
        "long number",
        Kind.NUMBER,
        rf"(?<![\d.])\d{{5,6}}X?(?!\d|\.\d)(?!{_UNIT})",
        r"(?<!\d)(?<!\d\.)\d{7,}X?",
        r"(?<!\d)\d(?:\s\d){5,}(?!\d)",
        r"(?<![A-Za-zÀ-ɏ\d_.])\d+(?:\.\d+){4,}(?!\d)",
        r"(?<![A-Za-zÀ-ɏ\d_.])(?=[A-Z]{0,3}\d{2})(?=(?:[A-Z]*\d){5})[A-Z0-9]{7,}(?![A-Za-z\d.])",
        needs=r"\d\D?\d\D?\d",
        keep=_no_count,
    ),
    by_patterns("number in Chinese numerals", Kind.NUMBER, _NUMERALS, needs=_NUMERALS),
    by_patterns(
        "long number with hyphens",
        Kind.NUMBER,
        r"(?<![\d.-])\d{1,8}(?:-\d{1,8}){1,5}(?!\d)",
        needs=Needs.DIGIT,
        keep=_long,
    ),
    by_patterns(
        "letters and number",
        Kind.NUMBER,
        r"(?<![A-Z0-9])[A-Z]{1,6}[-_]?\d{4,}[A-Z0-9-]*",
        needs=Needs.DIGIT,
        keep=_no_measure,
    ),
    by_patterns(
        "e-mail",
        Kind.EMAIL,
        r"[\w.+-]+\s?(?:@|[(\[]at[)\]])\s?[\w-]+(?:\.[\w-]+)+",
        needs=r"@|[(\[]at",
    ),
    by_patterns(
        "web address",
        Kind.URL,
        r"https?://[^\s，。；、）]+|(?<![A-Za-zÀ-ɏ\d_])www\.[\w-]+(?:\.[\w-]+)+[^\s，。；、）]*",
        r"(?<![A-Za-zÀ-ɏ\d_.])(?:[a-z0-9-]+\.)+(?:com|cn|org|net|edu|"
        r"gov)(?![\w.-]*@)(?:[/:][^\s，。；、）]*)?(?![\w])",
        needs=r"//|www|\.(?:com|cn|org|net|edu|gov)",
    ),
)  # fmt: skip
