"""Sex and age: organs and wording that do not fit the patient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from radraft.reports.checks.pointing import issue_about, issue_at, words_of
from radraft.reports.checks.values import Issue, Pointer, ReadReport, ReadSentence, Severity
from radraft.reports.values import Lang

_KEPT = 8192
_FEMALE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:uter(?:us|ine|i)|hysterectom\w+|endometri\w+|myometri\w+|ovar(?:y|ies|ian)|"
        r"oophor\w+|salping\w+|fallopian|tubal ligation|adnexal|cervix|"
        r"cervical (?:cancer|carcinoma|malignancy|conization)|endocervi\w+|vagina(?:l)?|"
        r"vulva(?:r)?|"
        r"pregnan\w+|gravid|placenta\w*|intrauterine|iud|post-?partum|puerper\w+|caesarean|"
        r"cesarean|"
        r"menopaus\w+|premenopaus\w+|postmenopaus\w+|menstrua\w+|meno(?:rrhagia|metrorrhagia)|"
        r"amenorrh\w+|lactati\w+|breast-? ?feeding|choriocarcinoma|hydatidiform|"
        r"antenatal|prenatal|obstetric\w*|gyn(?:a)?ecolog\w*|maternity|midwi\w+|"
        r"mammoplast\w*|turner(?:'s)? syndrome|female|woman|women|lady|mrs|she|her|hers|"
        r"dysgerminoma|"
        r"uterine fibroids?)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"产科|妇科|妇产|产检|孕期|附件炎|盆腔附件|女子|女童|妇女|子宫|宫颈|宫腔|宫外孕|宫内节育|节育环|卵巢|输卵管|附件区|阴道|外阴|妊娠|怀孕|孕妇|孕\d|"
        r"产妇|产后|剖宫产|"
        r"绝经|闭经|月经|更年期|白带|胎盘|葡萄胎|绒癌|绒毛膜癌|哺乳期|女性(?!化)|女患|女士|CA125|"
        r"(?<![子儿])女(?=[，,。；;、]|\d)"
    ),
}
_MALE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:prostat\w+|turp|testi(?:s|cle|cles|cular)|testes|scrot\w+|penis|penile|orchi\w+|"
        r"seminal vesicles?|seminoma|epididym\w+|vas deferens|vasectomy|spermatic|varicocele|"
        r"hydrocele|hypospadias|phimosis|circumcision|gleason|benign prostatic hyperplasia|"
        r"bph|androlog\w*|urolog\w* men'?s|"
        r"male|man|gentleman|mr(?=\.? [A-Z])|he|his|him)\b|\bPSA(?= (?:of |level |is )?\d| elevat)",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"男科|男子|男童|前列腺|睾丸|隐睾|阴囊|阴茎|附睾|精囊|输精管|精索|精原细胞瘤|鞘膜积液|包皮|尿道下裂|"
        r"男性(?!化)|男患|男士|"
        r"PSA|(?<![子儿])男(?=[，,。；;、]|\d)"
    ),
}
# Someone else's: of the family, of a connector, and words that only look like one.
_NOT_MEANT: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\bfamily (?:history|members?)\b|\b(?:mother|father|sister|brother|maternal|paternal|wife|"
        r"husband|daughter|son|aunt|uncle|donor)\b|\bmale (?:and|or) female\b|\bHER-?2\b|"
        r"\b(?:fe)?male (?:connector|luer|adapter)\b|\bman-?made\b|\bvasovaginal\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"家族史|母亲|父亲|姐|妹|兄|弟|妻|丈夫|女儿|儿子|男女|供体"),
}


class SexDiffers:
    """An organ, a disease or a word of the other sex."""

    code = "sex_differs"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence with such a word; nothing where the sex is not known."""
        others = {"M": _FEMALE, "F": _MALE}.get(read.study.sex.strip().upper())
        if others is not None:
            for sentence, pointer in _words(read, others):
                yield issue_about(self, sentence, pointer.lang, (pointer.start, pointer.end))


class SexMixed:
    """Words of both sexes in the report of a patient whose sex is not known."""

    code = "sex_mixed"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the first sentence with the second of them."""
        if read.study.sex.strip().upper() in ("M", "F"):
            return
        female = next(_words(read, _FEMALE), None)
        male = next(_words(read, _MALE), None)
        if female is not None and male is not None:
            order = {id(sentence): n for n, sentence in enumerate(read.sentences)}
            first, second = sorted((female, male), key=lambda found: order[id(found[0])])
            details = {"words": _said(*second), "other": _said(*first)}
            yield issue_at(self, second[0], second[1].lang, second[1], first[1], details=details)


def _said(read: ReadSentence, pointer: Pointer) -> str:
    return read.sentence.text(pointer.lang)[pointer.start : pointer.end]


def _words(
    read: ReadReport, words: dict[Lang, re.Pattern[str]]
) -> Iterator[tuple[ReadSentence, Pointer]]:
    for sentence in read.sentences:
        for lang, text in sentence.texts():
            if span := _word(text, lang, words[lang]):
                yield sentence, words_of(sentence, lang, *span)


@lru_cache(maxsize=_KEPT)
def _word(text: str, lang: Lang, words: re.Pattern[str]) -> tuple[int, int] | None:
    found = words.search(text)
    return None if found is None or _NOT_MEANT[lang].search(text) else found.span()


@dataclass(frozen=True)
class _Wording:
    """Words of an age, and the years at which they may stand."""

    least: float
    most: float
    en: str
    zh: str


_WORDINGS = (
    _Wording(
        0,
        1,
        r"neonat\w+|newborn\w*|premature (?:infant|baby)|preterm|nicu|hyaline membranes?",
        r"新生儿|早产|足月儿|透明膜病|出生后\d+ ?[天小]|女婴|男婴",
    ),
    _Wording(0, 3, r"infants?|infantile|baby|babies|babygram", r"婴儿(?!型)|婴幼儿|月龄"),
    _Wording(
        0,
        10,
        r"thymic (?:shadow|silhouette|sail|contour)|thymus is (?:normal|prominent)|"
        r"(?:large|normal|prominent) thymus|sail sign",
        r"胸腺影|胸腺(?:未退化|大|饱满)|帆征",
    ),
    _Wording(0, 7, r"toddlers?|preschool\w*", r"幼儿|学龄前"),
    _Wording(0, 18, r"child|children|p(?:a)?ediatric", r"儿童|小儿|患儿|女孩|男孩|少年(?!时)"),
    _Wording(
        0,
        23,
        r"(?:open|unfused|ununited) (?:\w+ ){0,2}(?:growth plates?|physes|physis|epiphys\w+|"
        r"apophys\w+)|"
        r"(?:growth plates?|physes|epiphyses) (?:are |is )?(?:still )?(?:open|unfused|"
        r"not (?:yet )?fused)|"
        r"skeletally immature|skeletal immaturity",
        r"骨骺(?:线)?(?:未|尚未)(?:闭|愈|融)|骺线(?:未|尚未)(?:闭|愈|融)|骺板未闭|骨骼未成熟",
    ),
    _Wording(9, 21, r"adolescents?|teenage\w*", r"青少年|青春期"),
    _Wording(15, 45, r"young (?:adult|man|woman|patient|person)", r"年轻(?:人|患者|成人)|青年"),
    _Wording(
        55,
        200,
        r"elderly|geriatric|senile|senescent|octogenarian|nonagenarian|"
        r"advanced age|old age|aged (?:patient|chest|lungs?)",
        r"老年|高龄|老龄|年老|年迈|老慢支",
    ),
    _Wording(45, 200, r"age-?related|due to age|ageing|aging", r"增龄|年龄相关"),
)
_STAGES: dict[Lang, tuple[tuple[_Wording, re.Pattern[str]], ...]] = {
    "en": tuple((w, re.compile(rf"\b(?:{w.en})\b", re.IGNORECASE)) for w in _WORDINGS),
    "zh": tuple((w, re.compile(w.zh)) for w in _WORDINGS),
}
_YEARS: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?P<years>\d{1,3})[ -]?(?:years?|yrs?)[ -]?old\b|\b(?P<years2>\d{1,3}) ?y/?o\b|"
        r"\baged? ?(?:of )?[:=]? ?(?P<years3>\d{1,3})\b(?! ?(?:mm|cm|%))|"
        r"\b(?P<months>\d{1,2})[ -]?months?[ -]?old\b|\b(?P<weeks>\d{1,2})[ -]?weeks?[ -]?old\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"(?P<years>\d{1,3}) ?(?:周)?岁(?!时|左右起|起|开始)|年龄[：: ]?(?P<years2>\d{1,3})(?!\d)|"
        r"(?P<years3>(?!))|(?P<months>\d{1,2}) ?个?月(?:龄|大|婴|(?=，发|，咳|，患))|"
        r"(?P<weeks>(?!))"
    ),
}
_OTHER_AGE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:at|since|from) (?:the )?age\b|\bwhen\b|\bfamily\b|\bmother\b|\bfather\b|\bdonor\b|"
        r"\bbone age\b|\b(?:fracture|infarct|stent|prosthesis|device)s? (?:is|are) ",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"岁时|岁起|自幼|骨龄|家族|母亲|父亲|年前"),
}
_MANY_YEARS = 5
"""Ages that differ by less may be a birthday between request and report."""


class AgeDiffers:
    """An age, or words of an age, that the patient does not have."""

    code = "age_differs"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence with one; nothing where the age is not known."""
        age = read.study.age_years
        if age is None:
            return
        for sentence in read.sentences:
            for lang, text in sentence.texts():
                words = _other_age(text, lang, age)
                if words is not None:
                    yield issue_about(self, sentence, lang, words.span())


def _years(found: re.Match[str]) -> float:
    if found["months"]:
        return float(found["months"]) / 12
    if found["weeks"]:
        return float(found["weeks"]) / 52
    return float(found["years"] or found["years2"] or found["years3"])


@lru_cache(maxsize=_KEPT)
def _other_age(text: str, lang: Lang, age: float) -> re.Match[str] | None:
    """Return the words of `text` that are of another age than `age` years."""
    if not _OTHER_AGE[lang].search(text):
        for found in _YEARS[lang].finditer(text):
            if abs(_years(found) - age) >= _MANY_YEARS:
                return found
    for wording, pattern in _STAGES[lang]:
        if not wording.least <= age <= wording.most and (words := pattern.search(text)):
            return words
    return None
