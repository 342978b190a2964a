"""Takes identity out of free text: what the study's header knows, then what looks like identity.

Rules after the HIPAA safe harbour list (45 CFR 164.514(b)(2)) and Chinese forms of the same. A name
that stands in no header and behind no title cannot be found this way.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import permutations

from radraft.studies.values import Study

REMOVED = "***"
_MOST_PASSES = 10

_HAN = "\u3400-\u9fff"
_GAP = r"[\s,，、.·•^_=-]*"
_HAN_DIGIT = "〇零一二三四五六七八九"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WIDE = {
    code: code - 0xFEE0
    for code in range(0xFF01, 0xFF5F)
    if chr(code - 0xFEE0).isalnum() or chr(code - 0xFEE0) in "-/.@+#"
}
"""Full-width letters, digits and joiners to their ASCII forms; Chinese punctuation stays."""
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_TITLE = "先生|女士|小姐|太太|师傅|阿姨|同志|老师|教授|主任|医生|医师|大夫|护士"
_LABEL = (
    r"(?:患者|病人|患儿|联系人|家属|送检医[生师]|申请医[生师]|主治医[生师]|经治医[生师])?姓名|联系人|联系电话|"
    r"电话|手机号?|身份证号?码?|住院号|门诊号|病历号|病案号|检查号|就诊卡号|医保号|床号|住址|地址|家庭住址|工作单位|"
    r"申请医[生师]|送检医[生师]|主治医[生师]|经治医[生师]|微信号?"
)
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
        r"https?://\S+",
        rf"(?:{_LABEL})\s*(?:[:：为是]|\s)\s*[^\s,，。;；、()（）]{{1,40}}",
        # Dates: 2023-01-05, 2023年1月5日, 1月5日, 05/01/2023, 5 Jan 2023, Jan 5, 2023, Jan 2023
        r"(?<!\d)(?:19|20)\d{2}\s*[-/.年]\s*\d{1,2}(?!\d)(?:\s*[-/.月]\s*\d{1,2}(?!\d))?\s*[日号月]?",
        r"\d{1,2}\s*月\s*\d{1,2}\s*[日号]",
        r"(?<!\d)\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d{2}(?!\d)",
        rf"(?<!\w)\d{{1,2}}(?:st|nd|rd|th)?[\s-]+{_MONTH}(?:[\s,-]+\d{{2,4}})?(?!\w)",
        rf"(?<!\w){_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:\s*,?\s*\d{{4}})?(?!\w)",
        rf"(?<!\w){_MONTH}\s*,?\s*(?:19|20)\d{{2}}(?!\d)",
        r"(?<!\d)(?:19|20)\d{2}\s*年",
        rf"[二一][{_HAN_DIGIT}]{{3}}年(?:[{_HAN_DIGIT}十]{{1,3}}月)?(?:[{_HAN_DIGIT}十]{{1,3}}[日号])?",
        # Numbers: telephone, identity card (the last place may be X), record numbers
        r"\+?\d{2,4}[-\s]\d{3,4}[-\s]\d{3,4}",
        r"\d{6}\s\d{8}\s\d{3}[\dxX]",
        r"\d(?:-?\d){4,}[xX]?",
        r"(?<!\d)\d(?:\s\d){5,}(?!\d)",
        r"(?<![A-Za-z0-9])[A-Za-z]{1,6}[-_]?\d{4,}[A-Za-z0-9-]*",
        rf"[{_HAN_DIGIT}]{{5,}}",
        # People: 张某, 患者李某某, 王先生, 老赵, Mr Smith
        rf"(?:(?<=患者)|(?<=病人)|(?<=患儿)|(?<=家属))[{_HAN}]某{{1,2}}",
        rf"[{_SURNAMES}](?:某{{1,2}}|[xX×*＊]{{1,2}}(?![A-Za-z光线射片]))",
        rf"[{_SURNAMES}][{_HAN}]{{0,2}}?(?:{_TITLE})",
        rf"(?<![{_HAN}])[老小][{_SURNAMES}](?=[来诉称述说因自去]|[^{_HAN}]|$)",
        r"(?<!\w)(?-i:Mr|Mrs|Ms|Miss|Dr|Prof)\b\.?\s*(?-i:[A-Z][\w'’-]*(?:\s+[A-Z][\w'’-]*)?)",
        r"(?<!\w)(?:patient name|name|mrn|nhs no|ssn|acc(?:ession)?(?: no)?)\s*[:#]\s*[\w'’,-]+"
        r"(?:\s+(?-i:[A-Z])[\w'’-]*)*",
        # Addresses
        rf"[{_HAN}]{{2,8}}(?:省|自治区)[{_HAN}]{{1,10}}[市州县区](?:[{_HAN}\w]{{1,20}}[路街号村镇室栋])*",
        rf"[{_HAN}]{{1,10}}(?:路|街道?|巷)\s*\d+\s*号(?:[{_HAN}\w-]{{1,12}}[室栋楼])?",
    )
)
_OLD = re.compile(r"(?<![\d.])(9\d|1[0-4]\d)(?=\s*(?:周?岁|years?|yrs?|y/?o|-year))", re.IGNORECASE)


def scrub(text: str, study: Study) -> str:
    """`text` on one line with identity replaced by `***`; scrubbing twice changes nothing."""
    text = " ".join(text.translate(_WIDE).split())
    folded = _folded(text)
    spans = [found.span() for known in _known(study) for found in known.finditer(folded)]
    text = _without(text, spans)
    # What one rule leaves may be what an earlier one looks for: 姓名: *** is a label and its value.
    for _ in range(_MOST_PASSES):
        before = text
        for pattern in _PATTERNS:
            text = pattern.sub(REMOVED, text)
        text = re.sub(r"\*{3,}(?:\s*\*{3,})*", REMOVED, _OLD.sub("90+", text))
        if text == before:
            break
    return text


def _folded(text: str) -> str:
    """The text in lower case without accents, of the same length."""
    return "".join(unicodedata.normalize("NFD", char)[0].lower()[:1] or char for char in text)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, position = [], 0
    for start, end in sorted(spans):
        if start >= position:
            parts += [text[position:start], REMOVED]
        position = max(position, end)
    return "".join([*parts, text[position:]])


def _known(study: Study) -> Iterator[re.Pattern[str]]:
    """Patterns, over folded text, of the identity values in this study's header."""
    for name in (study.patient.name, *study.other_names):
        yield from _name_patterns(name)
    for number in (study.patient.patient_id, study.accession, study.study_uid):
        if len(number.strip()) >= 3:
            yield _bounded(re.escape(_fold(number)))
    born = study.patient.birth_date
    if born is not None:
        year, month, day = born.year, born.month, born.day
        yield re.compile(rf"(?<!\d){year}(?!\d)")
        for first, second in ((month, day), (day, month)):
            yield re.compile(rf"(?<!\d)0?{first}\s*[-/.月]\s*0?{second}(?!\d)\s*[日号]?")


def _name_patterns(name: str) -> Iterator[re.Pattern[str]]:
    for representation in _fold(name).split("="):
        parts = [part for part in re.split(r"[\^\s,，·]+", representation) if part]
        han = [part for part in parts if re.fullmatch(rf"[{_HAN}]+", part)]
        for part in parts:
            yield from _part_patterns(part, alone=len(parts) == 1)
        if 2 <= len(parts) <= 5:
            for pair in permutations(parts, 2):
                yield _bounded(_GAP.join(map(re.escape, pair)), han=bool(han))


def _part_patterns(part: str, *, alone: bool) -> Iterator[re.Pattern[str]]:
    """One component. A single Chinese character is too often a word (高, 白): never on its own."""
    if re.fullmatch(rf"[{_HAN}]+", part):
        if len(part) >= 2:
            yield re.compile(_GAP.join(part))
        if alone and len(part) in {3, 4}:
            # Family and given name in one component: the given name is used alone as well.
            yield re.compile(re.escape(part[len(part) - 2 :]))
    elif len(part) >= 2:
        yield _bounded(re.escape(part))


def _bounded(pattern: str, *, han: bool = False) -> re.Pattern[str]:
    return re.compile(pattern if han else rf"(?<![a-z0-9]){pattern}(?![a-z0-9])")


def _fold(value: str) -> str:
    return _folded(" ".join(value.translate(_WIDE).split()))
