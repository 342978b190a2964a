"""Sex and age: organs and wording that do not fit the patient."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.checks.pointing import issue_about, issue_at, words_of
from radraft.reports.checks.values import Issue, Pointer, ReadReport, ReadSentence, Severity
from radraft.reports.checks.written_numbers import Quantity, written_numbers
from radraft.reports.values import Lang

Span = tuple[int, int]
_KEPT = 8192


class _Words(Strict):
    en: str
    zh: str

    def of(self, lang: Lang) -> str:
        return self.en if lang == "en" else self.zh


class _Stage(_Words):
    least: float
    most: float


class _GrowthPlates(Strict):
    plate: _Words
    open: _Words


class _Decades(Strict):
    en: Mapping[str, int]
    ordinals: Mapping[str, int]
    zh: Mapping[str, int]


class _Patients(Strict):
    stages: tuple[_Stage, ...]
    growth_plates: _GrowthPlates
    decades: _Decades
    other_time: _Words
    other_time_after: _Words
    female: _Words
    male: _Words
    not_meant: _Words


@cache
def _patients() -> _Patients:
    path = files("radraft.reports.checks").joinpath("patients.yaml")
    return _Patients.from_yaml(path.read_text(encoding="utf-8"))


def _compiled(pattern: str, lang: Lang) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b" if lang == "en" else f"(?:{pattern})", re.IGNORECASE)


@cache
def _of_sex(sex: str, lang: Lang) -> re.Pattern[str]:
    words = _patients().female if sex == "F" else _patients().male
    return _compiled(words.of(lang), lang)


@cache
def _not_meant(lang: Lang) -> re.Pattern[str]:
    return re.compile(_patients().not_meant.of(lang), re.IGNORECASE)


class SexDiffers:
    """An organ, a disease or a word of the other sex."""

    code = "sex_differs"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence with such a word; nothing where the sex is not known."""
        other = {"M": "F", "F": "M"}.get(read.study.sex.strip().upper())
        if other is not None:
            for sentence, pointer in _words(read, other):
                yield issue_about(self, sentence, pointer.lang, (pointer.start, pointer.end))


class SexMixed:
    """Words of both sexes in the report of a patient whose sex is not known."""

    code = "sex_mixed"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the first sentence with the second of them."""
        if read.study.sex.strip().upper() in ("M", "F"):
            return
        female = next(_words(read, "F"), None)
        male = next(_words(read, "M"), None)
        if female is not None and male is not None:
            order = {id(sentence): n for n, sentence in enumerate(read.sentences)}
            first, second = sorted((female, male), key=lambda found: order[id(found[0])])
            details = {"words": _said(*second), "other": _said(*first)}
            yield issue_at(self, second[0], second[1].lang, second[1], first[1], details=details)


def _said(read: ReadSentence, pointer: Pointer) -> str:
    return read.sentence.text(pointer.lang)[pointer.start : pointer.end]


def _words(read: ReadReport, sex: str) -> Iterator[tuple[ReadSentence, Pointer]]:
    for sentence in read.sentences:
        for lang, text in sentence.texts():
            if span := _word(text, lang, sex):
                yield sentence, words_of(sentence, lang, *span)


@lru_cache(maxsize=_KEPT)
def _word(text: str, lang: Lang, sex: str) -> Span | None:
    found = _of_sex(sex, lang).search(text)
    return None if found is None or _not_meant(lang).search(text) else found.span()


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
                if span := _other_age(text, lang, age):
                    yield issue_about(self, sentence, lang, span)


_AGE: dict[Lang, tuple[re.Pattern[str], ...]] = {
    # Before the number, and behind it: either says that the number is an age.
    "en": (
        re.compile(r"\b(?:aged|age:?|age of|age is)\W{0,2}$", re.IGNORECASE),
        re.compile(
            r"\W{0,2}(?:(?:year|yr|month|mo|week|wk|day)s?\W{0,2})?(?:old\b|of age\b)|"
            r"[- ]?y[-/.]?\s?o\b",
            re.IGNORECASE,
        ),
    ),
    "zh": (
        re.compile(r"(?:年龄|现年|(?<!\d)年约)[：: 为]*$"),
        re.compile("多?周?岁|余岁|来岁|岁余|多岁"),
    ),
}
_CHART_YEARS = re.compile(
    r"\b(?P<years>\d{1,3})\s?[-/.]?\s?(?:y|yr|yrs)[-/. ]{0,2}o\b|"
    r"\b(?P<short>\d{1,3})\s?(?:yo|yrs?) (?=m\b|f\b|male|female|man|woman|boy|girl)|"
    r"\b(?:m[ae]n|wom[ae]n|lady|gentleman|patient|boy|girl|male|female|person|adult) of "
    r"(?P<of>\d{1,3})\b(?! (?:mm|cm|kg|%))|"
    r"\baged?\W{0,2}(?:of )?(?P<aged>\d{1,3})\b(?!\W?(?:mm|cm|%|mo|we|da))",
    re.IGNORECASE,
)
_MONTHS_ZH = re.compile(
    r"(?P<months>\d{1,2}|[一二两三四五六七八九十]) ?个?月(?:龄|大|婴|(?=，发|，咳|，患))"
)
_ONE_TO_TEN = "一二三四五六七八九十"
_DAYS_A_YEAR, _DAYS_A_WEEK = 360.0, 7.0


def _told_years(text: str, lang: Lang) -> Iterator[tuple[float, Span]]:
    """Yield the ages in years that `text` gives, with where it does."""
    before, behind = _AGE[lang]
    for number in written_numbers(text.replace("-", " "), lang):
        unit_is_age = lang == "zh" and text[number.start : number.end].endswith("岁")
        after = behind.match(text, number.end)
        if number.quantity is Quantity.TIME and (after or unit_is_age):
            end = after.end() if after else number.end
            # 83周岁 is 83 years, though 83周 are weeks.
            unit = _DAYS_A_WEEK if text.startswith("周岁", number.end) else _DAYS_A_YEAR
            yield number.value / unit, (number.start, end)
        elif lang == "zh" and (after or before.search(text[: number.start])):
            yield number.value, (number.start, after.end() if after else number.end)
    if lang == "en":
        for match in _CHART_YEARS.finditer(text):
            years = match["years"] or match["short"] or match["of"] or match["aged"]
            yield float(years), match.span()
    else:
        for match in _MONTHS_ZH.finditer(text):
            months = match["months"].replace("两", "二")
            count = float(months) if months.isdecimal() else _ONE_TO_TEN.index(months) + 1.0
            yield count / 12, match.span()


@cache
def _decade_words(lang: Lang) -> tuple[re.Pattern[str], ...]:
    decades = _patients().decades
    if lang == "zh":
        tens = "".join(decades.zh)
        return (
            re.compile(f"(?P<ten>[{tens}])(?:旬|十多岁|十余岁|十来岁|十几岁)"),
            re.compile(f"(?:年[近逾过约满届]|已[近过届])(?P<ten>[{tens}])十"),
        )
    names, ordinals = "|".join(decades.en), "|".join(decades.ordinals)
    return (
        re.compile(
            rf"\b(?:his|her|their|the|in|early|mid|late)[- ](?:early |mid-?|late )?"
            rf"(?P<ten>{names})\b",
            re.IGNORECASE,
        ),
        re.compile(rf"\b(?P<ten>{ordinals}) decade\b", re.IGNORECASE),
    )


def _decade(text: str, lang: Lang) -> Iterator[tuple[int, Span]]:
    """Yield the decades of life that `text` names, by their first year."""
    decades = _patients().decades
    years = dict(decades.zh) if lang == "zh" else {**decades.en, **decades.ordinals}
    for pattern in _decade_words(lang):
        for match in pattern.finditer(text):
            yield years[match["ten"].lower()], match.span()


@cache
def _stages(lang: Lang) -> tuple[tuple[_Stage, re.Pattern[str]], ...]:
    return tuple((stage, _compiled(stage.of(lang), lang)) for stage in _patients().stages)


@cache
def _open_plates(lang: Lang) -> tuple[re.Pattern[str], re.Pattern[str]]:
    plates = _patients().growth_plates
    return _compiled(plates.plate.of(lang), lang), _compiled(plates.open.of(lang), lang)


@cache
def _other_time(lang: Lang) -> tuple[re.Pattern[str], re.Pattern[str]]:
    words = _patients()
    before = rf"(?:{words.other_time.of(lang)})$"
    return (
        re.compile(rf"\b{before}" if lang == "en" else before, re.IGNORECASE),
        re.compile(words.other_time_after.of(lang), re.IGNORECASE),
    )


def _is_now(text: str, lang: Lang, span: Span) -> bool:
    """Return whether words of an age are of the patient today: no other time stands beside them."""
    before, after = _other_time(lang)
    if _PERIOD.search(text[span[0] : span[1]]) and _DURING.search(text[: span[0]]):
        return False
    return not before.search(text[: span[0]]) and not after.match(text, span[1])


_PERIOD = re.compile(r"childhood|infancy|adolescence|youth|puberty", re.IGNORECASE)
_DURING = re.compile(r"\b(?:of|in|during|since|from) (?:\w+ )?$", re.IGNORECASE)
"""A time of life that is told of is over: rickets of childhood."""
_GROWN_UP = 23
"""Years at which every growth plate is closed."""
_DEVICE_AGE = re.compile(
    r"\b(?:fracture|infarct|stent|prosthesis|device|film|finding|change)s? (?:is|are) $",
    re.IGNORECASE,
)


@lru_cache(maxsize=_KEPT)
def _other_age(text: str, lang: Lang, age: float) -> Span | None:
    """Return the words of `text` that are of another age than `age` years."""
    for years, span in _told_years(text, lang):
        if (
            abs(years - age) >= _MANY_YEARS
            and _is_now(text, lang, span)
            and not _DEVICE_AGE.search(text[: span[0]])
        ):
            return span
    for first, span in _decade(text, lang):
        if not first - 3 <= age < first + 13 and _is_now(text, lang, span):
            return span
    for stage, pattern in _stages(lang):
        if not stage.least <= age <= stage.most:
            for words in pattern.finditer(text):
                if _is_now(text, lang, words.span()):
                    return words.span()
    return _open_plate(text, lang) if age > _GROWN_UP else None


def _open_plate(text: str, lang: Lang) -> Span | None:
    plate, still = _open_plates(lang)
    found = plate.search(text)
    if found is None:
        return None
    before, after = text[: found.start()], text[found.start() :]
    clause = re.split(r"[.;。；]", before)[-1] + re.split(r"[.;。；]", after)[0]
    return found.span() if still.search(clause) else None
