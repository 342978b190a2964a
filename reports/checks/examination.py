"""The examination: its body part, modality, contrast and views, and words of another one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.checks.pointing import issue_about, texts_of
from radraft.reports.checks.values import Issue, ReadReport, Severity
from radraft.reports.findings.vocabulary import Region
from radraft.reports.values import Lang

Span = tuple[int, int]
_NEAR = (
    "neck",
    "abdomen",
    "breast",
    "lumbar_spine",
    "cervical_spine",
    "shoulder_tendons",
)
_KEPT = 8192
_FILMS = frozenset({"CR", "DX", "DR", "RG", "XR", "MG"})
_SECTIONS = frozenset({"CT", "MR", "PT", "NM"})
_LATERAL_VIEWS = frozenset({"LATERAL", "LAT", "LL", "RL"})
_REGIONS = {
    "chest": Region.CHEST,
    "head": Region.HEAD,
    "neck": Region.NECK,
    "abdomen": Region.ABDOMEN,
    "pelvis": Region.PELVIS,
    "cervical_spine": Region.SPINE,
    "thoracic_spine": Region.SPINE,
    "lumbar_spine": Region.SPINE,
}


class _Words(Strict):
    en: str
    zh: str

    def of(self, lang: Lang) -> str:
        return self.en if lang == "en" else self.zh


class _Part(Strict):
    dicom: tuple[str, ...]
    name: _Words | None = None
    shows: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    inside: _Words | None = None
    glimpsed: _Words | None = None


class _Modality(Strict):
    own: tuple[str, ...]
    names: _Words
    words: _Words


class _Examinations(Strict):
    parts: Mapping[str, _Part]
    modalities: Mapping[str, _Modality]
    contrast: _Words
    contrast_elsewhere: _Words
    other_examination: _Words
    glimpses: _Words
    glimpses_afar: _Words


def region_of(body_part: str) -> Region | None:
    """Return the region of a DICOM body part; None where the study does not name one."""
    name = body_part.strip().upper()
    if not name:
        return None
    parts = (_REGIONS.get(part) for part in _own_parts(name))
    return next((region for region in parts if region is not None), Region.OTHER)


class BodyPartDiffers:
    """Another body part where the report says what was examined."""

    code = "body_part_differs"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence that names another; nothing where the body part is not known."""
        part, modality = _upper(read.study.body_part), _upper(read.study.modality)
        for sentence, lang, text in texts_of(read):
            if span := _named_part(text, lang, part, modality):
                yield issue_about(self, sentence, lang, span)


class ForeignRegion:
    """An organ that an examination of this body part does not show."""

    code = "foreign_region"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence about one; nothing where the body part is not known."""
        part, modality = _upper(read.study.body_part), _upper(read.study.modality)
        for sentence, lang, text in texts_of(read):
            if span := _foreign_organ(text, lang, part, modality):
                yield issue_about(self, sentence, lang, span)


class ModalityWords:
    """Words of another modality than the study's."""

    code = "modality_words"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence with one; nothing where the modality is not known."""
        modality = _upper(read.study.modality)
        for sentence, lang, text in texts_of(read):
            if span := _other_modality(text, lang, modality):
                yield issue_about(self, sentence, lang, span)


class ContrastWords:
    """Contrast medium in the report of an examination without it."""

    code = "contrast_words"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence that speaks of it; where nobody said whether there was contrast,
        only in reports of films."""
        contrast = read.study.contrast
        if contrast or (contrast is None and _upper(read.study.modality) not in _FILMS):
            return
        for sentence, lang, text in texts_of(read):
            if span := _contrast(text, lang):
                yield issue_about(self, sentence, lang, span)


class ViewsDiffer:
    """A view that was not taken, or a single one where there are two."""

    code = "views_differ"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence that names one; nothing where the views are not known."""
        views = frozenset(map(_upper, read.study.views))
        if not views:
            return
        for sentence, lang, text in texts_of(read):
            if span := _other_view(text, lang, views):
                yield issue_about(self, sentence, lang, span)


def _upper(name: str) -> str:
    return name.strip().upper()


@cache
def _examinations() -> _Examinations:
    path = files("radraft.reports.checks").joinpath("examinations.yaml")
    return _Examinations.from_yaml(path.read_text(encoding="utf-8"))


def _compiled(pattern: str, lang: Lang) -> re.Pattern[str]:
    whole = rf"(?<![a-z])(?:{pattern})(?![a-z])" if lang == "en" else f"(?:{pattern})"
    return re.compile(whole, re.IGNORECASE)


@cache
def _elsewhere(lang: Lang) -> re.Pattern[str]:
    return re.compile(_examinations().other_examination.of(lang), re.IGNORECASE)


@cache
def _glimpsed(lang: Lang, *, afar: bool) -> re.Pattern[str]:
    known = _examinations()
    words = known.glimpses_afar if afar else known.glimpses
    return re.compile(words.of(lang), re.IGNORECASE)


@cache
def _own_parts(body_part: str) -> frozenset[str]:
    parts = _examinations().parts
    return frozenset(name for name, part in parts.items() if body_part in part.dicom)


@cache
def _foreign_parts(body_part: str, modality: str) -> tuple[_Part, ...]:
    """Return the parts that an examination does not show; none where its own is not known."""
    parts = _examinations().parts
    own = _own_parts(body_part)
    if not own:
        return ()
    shown = set(own)
    for name in own:
        shown.update(parts[name].shows)
        if modality in _SECTIONS:
            shown.update(parts[name].sections)
    return tuple(part for name, part in parts.items() if name not in shown)


_NAMED = r"(?:the |both )?(?:left |right |bilateral )?(?P<part>{names})"
_EXAMINED: dict[Lang, tuple[str, ...]] = {
    "en": (
        r"\b(?:views?|radiographs?|films?|x-?rays?|images?|examination|study|scans?|ct|mri?|"
        r"ultrasound|sonogram|series|projections?|radiography|imaging|"
        rf"tomography)(?: of)? {_NAMED}\b",
        r"\b(?P<part>{names}),? (?:x-?rays?|radiographs?|films?|ct|mri?|series|ultrasound|"
        r"scans?|plain film|(?:\w+ )?views?(?= |\W*$))",
        r"^\W*(?:normal|negative|unremarkable|stable|satisfactory) (?:(?:appearance|examination|"
        r"study|views?|plain films?) of )?(?:the )?(?:left |right |both )?"
        r"(?P<part>{names})(?![a-z]|,| and)",
        r"^\W*(?:exam(?:ination)?|study|procedure|technique|region|body part|protocol|site|"
        rf"indication for imaging)(?: \w+)? ?[:=-][^.]*?\b{_NAMED}\b",
        rf"\b(?:radiograph(?:s|ed|ic)?|filmed|x-?rayed|imaged|imaging|exposures?|skiagrams?|"
        rf"exam(?:ination)?) (?:examination )?(?:of |was of |were of )?{_NAMED}\b(?! of)",
        rf"^\W*{_NAMED},? (?:\w+ ){{{{0,2}}}}(?:views?|projections?|oblique|axial|lateral|ap|pa|dp|"
        rf"standing|weight-?bearing|skyline)\b",
        r"\b(?:fractures?|dislocations?|injury|injuries|abnormalit(?:y|ies)|lesions?|change) (?:of|"
        rf"in|to) {_NAMED}\b(?! of)",
        r"^\W*(?:left |right )?(?P<part>{names}) ?: ?(?:normal|negative|unremarkable)",
        rf"^\W*{_NAMED}\W*$",
        rf"\bplain {_NAMED}\b(?! of)",
        rf"^\W*{_NAMED} (?:was|were) (?:imaged|radiographed|examined|x-?rayed)",
    ),
    "zh": (
        r"(?P<part>{names})(?:关节)?(?:\(?[正侧斜轴立卧]+位\)?)*(?:的)?(?:X ?光|X ?线|X ?射线|"
        r"X ?片|CT|MRI?|DR|"
        r"CR|B超|超声|彩超|摄片|拍片|(?:数字化?)?摄影|平片|片(?![状样])|平扫|造影|扫描)",
        r"(?:检查|拍摄|摄片|投照|申请|扫描|摄影|所摄)(?:的)?(?:部位|项目|名称|范围)?(?:为|是|：|:)\s*"
        r"[左右双]?侧?(?P<part>{names})",
        r"^\W*部位(?:为|是|：|:)\s*[左右双]?侧?(?P<part>{names})",
        r"(?P<part>{names})(?:关节)?(?:的)?(?:常规|普通)?检查(?!所)",
        r"^\W*[左右双]?侧?(?P<part>{names})(?:关节)?(?:骨)?[^，。；]{{0,6}}(?:[正侧斜轴立卧切]位|正侧|正斜|负重位|穿胸位)",
        r"^\W*[左右双]?侧?(?P<part>{names})(?:骨质)?(?:未见(?:明显|确切)?异常|正常|无异常)",
    ),
}


@cache
def _examined(lang: Lang, body_part: str, modality: str) -> tuple[re.Pattern[str], ...]:
    names = [p.name.of(lang) for p in _foreign_parts(body_part, modality) if p.name is not None]
    if not names:
        return ()
    return tuple(
        re.compile(pattern.format(names="|".join(names)), re.IGNORECASE)
        for pattern in _EXAMINED[lang]
    )


@lru_cache(maxsize=_KEPT)
def _named_part(text: str, lang: Lang, body_part: str, modality: str) -> Span | None:
    for pattern in _examined(lang, body_part, modality):
        if (found := pattern.search(text)) and not _elsewhere(lang).search(text):
            return found.span("part")
    return None


@cache
def _organs(lang: Lang, body_part: str, modality: str) -> re.Pattern[str] | None:
    foreign = _foreign_parts(body_part, modality)
    words = [part.inside.of(lang) for part in foreign if part.inside is not None]
    words += [part.glimpsed.of(lang) for part in foreign if part.glimpsed is not None]
    return _compiled("|".join(words), lang) if words else None


@lru_cache(maxsize=_KEPT)
def _foreign_organ(text: str, lang: Lang, body_part: str, modality: str) -> Span | None:
    organs = _organs(lang, body_part, modality)
    found = organs.search(text) if organs is not None else None
    if found is None or _elsewhere(lang).search(text):
        return None
    near = _near_organs(lang).search(text) is not None
    return None if _glimpsed(lang, afar=not near).search(text) else found.span()


@cache
def _near_organs(lang: Lang) -> re.Pattern[str]:
    """Return the organs of the parts beside most others, of which a film may catch the edge."""
    parts = [_examinations().parts[name] for name in _NEAR]
    words = [words.of(lang) for part in parts for words in (part.inside, part.glimpsed) if words]
    return _compiled("|".join(words), lang)


@cache
def _modality_words(lang: Lang, modality: str) -> re.Pattern[str] | None:
    kinds = _examinations().modalities.values()
    if not modality or not any(modality in kind.own for kind in kinds):
        return None
    others = [kind for kind in kinds if modality not in kind.own]
    words = [words.of(lang) for kind in others for words in (kind.names, kind.words)]
    return _compiled("|".join(words), lang)


@lru_cache(maxsize=_KEPT)
def _other_modality(text: str, lang: Lang, modality: str) -> Span | None:
    words = _modality_words(lang, modality)
    found = words.search(text) if words is not None else None
    if found is None:
        return None
    # What is advised after the statement says nothing of the statement.
    end = _CLAUSE_END[lang].search(text, found.end())
    until = text[: end.start()] if end else text
    return None if _elsewhere(lang).search(until) else found.span()


_CLAUSE_END: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"[;:]|\.(?=\s)|, (?=and|but|which|with)"),
    "zh": re.compile("[，,；;：。]"),
}


@cache
def _contrast_words(lang: Lang) -> tuple[re.Pattern[str], re.Pattern[str]]:
    known = _examinations()
    elsewhere = re.compile(known.contrast_elsewhere.of(lang), re.IGNORECASE)
    return _compiled(known.contrast.of(lang), lang), elsewhere


@lru_cache(maxsize=_KEPT)
def _contrast(text: str, lang: Lang) -> Span | None:
    words, elsewhere = _contrast_words(lang)
    found = words.search(text)
    if found is None or elsewhere.search(text) or _elsewhere(lang).search(text):
        return None
    return None if _NO_CONTRAST[lang].search(text) else found.span()


_NO_CONTRAST: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:no|without(?: any)?|neither) (?:iv |intravenous |oral |iodinated )*(?:contrast|dye)"
        r"(?: (?:medium|media|agent|material))?(?: (?:was|were|is|has been|had been) )?(?:given|"
        r"administered|used|injected|required)?\W*$|"
        r"\bcontrast (?:\w+ )?(?:was|were) not (?:given|administered|used|injected)",
        re.IGNORECASE,
    ),
    "zh": re.compile("(?:未|没有|无)(?:静脉)?(?:注射|使用|给予|应用|用)(?:任何)?(?:造影剂|对比剂)"),
}
"""No contrast was given, as is right."""

_VIEW_EN = (
    r"(?:views?|films?|projections?|exposures?|radiographs?|images?|x-?rays?|pictures?|plates?|"
    r"planes?|skiagrams?|shots?)"
)
_HOW_EN = (
    r"(?:portable|bedside|supine|recumbent|upright|erect|sitting|seated|semi-?erect|semi-?upright|"
    r"chest|frontal|standing|digital)"
)
_NO_LATERAL: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        rf"\b(?:no|without(?: an?)?) lateral(?: \w+)?|\blateral (?:{_VIEW_EN} )?(?:was |is |were )?"
        r"(?:missing|lacking|not (?:obtained|taken|available|acquired|performed|requested|done|"
        r"made|possible))|second (?:plane|view|projection) (?:was |is )?(?:not|missing|lacking)|"
        r"\b(?:no|without an?) (?:other|second|further|additional) (?:view|projection|plane|"
        r"exposure|film)",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "(?:未|没有?|无|缺)(?:摄|拍|行|做|照|提供|有)?侧位|侧位(?:片|像)?(?:未(?:摄|拍|行|做|照|提供)|没有|缺如|缺失|暂缺|缺)"
    ),
}
_LATERAL: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        rf"\b(?:lateral|side|profile) (?:chest )?{_VIEW_EN}\b|"
        r"\b(?:pa|ap|frontal)(?: views?)?,? (?:and|&|plus) (?:left |right )?(?:lateral|side)\b|"
        r"\b(?:pa|ap|frontal) ?[/+] ?(?:lat(?:eral)?|side)\b|"
        rf"\b(?:two|2|both|second)[- ](?:\w+ )?{_VIEW_EN}\b|"
        r"\b(?:on|in) (?:the )?(?:left |right )?lateral(?! (?:\w+ing|aspect|wall|chest|side|"
        r"margin|border|rib|part|portion|segment|costo|third|lung|hemi|left|right|upper|lower|mid))\b|"
        r"^\W*(?:the )?(?:left |right )?lateral(?: \w+)? (?:shows|demonstrates|confirms|reveals)\b|"
        r"^\W*lateral ?[:,]",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "正、?侧位|(?:正|后前|前后)位片?[、及和与+＋/]侧位|"
        "(?<![左右])侧位(?!于|置|居|在|移|隆)|[左右]侧位(?:片|像|投照|胸片|观|显示|示|上|证实|见|可见)|"
        "[两双二]个?体?位(?:摄片|投照|片|像|胸片)|侧面(?:片|像|观)|心后区?于侧位"
    ),
}
_AP: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        rf"\b(?:ap|antero-?posterior)(?: {_HOW_EN})* {_VIEW_EN}\b|"
        r"\bap (?:and|&|/) ?(?:left |right )?lat(?:eral)?\b|"
        rf"\b(?:portable|bedside|supine|recumbent|mobile)(?: \w+)?(?: \w+)? "
        rf"(?:{_VIEW_EN}|chest|ap)\b|"
        r"^\W*(?:portable|bedside|supine|recumbent)(?:,? (?:ap|chest|technique))*\W*$|"
        r"\b(?:patient|filmed|exposed|taken|imaged|examined)(?: \w+)? "
        r"(?:supine|recumbent|lying|in bed)\b|"
        r"\bap only\b|\b(?:taken|obtained|exposed|acquired|performed|done|filmed) (?:in )?(?:ap|"
        r"antero-?posterior\w*)\b|\b(?-i:AP)(?= (?:in|at|on|sitting|erect|upright|semi|"
        r"supine|technique|portable|only|alone|with)|\W*$|[,;])",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "前后(?:立|卧|坐)?位|床[旁边]|仰卧|平卧|(?<!侧)卧位|AP(?:位|片|像|投照|摄)|\\bAP\\b|移动(?:DR|式)"
    ),
}
_PA: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        rf"\b(?:pa|postero-?anterior)(?: {_HOW_EN})* {_VIEW_EN}\b|"
        r"\bpa (?:and|&|/) ?(?:left |right )?lat(?:eral)?\b|\bpa only\b|"
        r"\bpostero-?anterior\w*\b|"
        r"\b(?-i:PA)(?= (?:erect|upright|chest|standing|technique|alone|only|in inspiration|"
        r"exposure|cxr)\b|\W*$|[,;])",
        re.IGNORECASE,
    ),
    "zh": re.compile("后前(?:立|卧|坐)?位|PA(?:位|片|像|投照|摄)|\\bPA\\b"),
}
_SINGLE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:single|sole|solitary|lone|only (?:an?|one|the)|one)(?: \w+){0,3} "
        rf"{_VIEW_EN}\b(?! of the)|"
        rf"\b(?:pa|ap|frontal)(?: erect| upright| supine| chest)*(?: {_VIEW_EN})? (?:only|alone)\b|"
        rf"\b(?:one|a single|single) plane\b|(?<!lateral )\b{_VIEW_EN} (?:only|alone)\b|"
        rf"\bonly (?:the )?(?:pa|ap|frontal)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "单张|(?:仅|只)(?:有|见|摄|拍|行|提供)?[^，。；]{0,6}(?:正|后前|前后)位|位(?:胸)?片?一张|单一[^，。；]{0,4}位|"
        "一次(?:曝光|投照)|单次(?:曝光|投照)|单一体位"
    ),
}


_SHOWN_ON = re.compile(
    r"\b(?:seen|noted|demonstrated|shown) on (?=(?:the )?(?:lateral|frontal|side|pa|ap)\b)",
    re.IGNORECASE,
)
"""What is shown on one of the views is no other examination's."""


@lru_cache(maxsize=_KEPT)
def _other_view(text: str, lang: Lang, views: frozenset[str]) -> Span | None:
    """Return the words of `text` that name a view that is none of `views`, or only one of two."""
    if _elsewhere(lang).search(_SHOWN_ON.sub(" ", text)):
        return None
    lateral = bool(views & _LATERAL_VIEWS)
    none = _NO_LATERAL[lang].search(text)
    if lateral and len(views) > 1 and (found := none or _SINGLE[lang].search(text)):
        return found.span()
    if not lateral and none is None and (found := _LATERAL[lang].search(text)):
        return found.span()
    for mine, other, words in (("PA", "AP", _AP), ("AP", "PA", _PA)):
        if mine in views and other not in views and (found := words[lang].search(text)):
            return found.span()
    return None
