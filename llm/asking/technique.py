"""How an examination was done: whether the technique bears out what a question takes for done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from radraft.llm.asking.questions import Asked
from radraft.llm.asking.values import Kind

_I = re.IGNORECASE


@dataclass(frozen=True)
class _Facet:
    """One thing that a technique has or has not."""

    asked: re.Pattern[str]
    """How a question names it."""
    stated: re.Pattern[str]
    """How a technique names it."""
    family: re.Pattern[str]
    """What a technique that lists its kind names: where it lists others alone, it was not done."""


def _facet(asked: str, stated: str = "", family: str = r"(?!)") -> _Facet:
    return _Facet(re.compile(asked, _I), re.compile(stated or asked, _I), re.compile(family, _I))


_VIEWS = r"后前位|前后位|正位|侧位|斜位|\bpa\b|\bap\b|lateral|oblique|\bviews?\b|cc位|mlo"
_SEQUENCES = r"t1|t2|flair|dwi|stir|swi|\bpd\b|压脂"
_AGENT = (
    r"碘(?!化)|钆|造影剂|对比剂|增强|iopamidol|iodixanol|iohexol|iomeprol|iopromide|ioversol|gado\w+"
    r"|contrast|enhanced"
)
_ORAL = r"口服.{0,4}(?:对比剂|造影剂|泛影葡胺)|oral contrast|gastrografin"
_RECTAL = r"直肠.{0,4}(?:对比剂|造影剂)|rectal contrast"
_PHASES = r"动脉期|门脉期|平扫|延迟期|arterial|portal|unenhanced|delayed"
_FACETS = (
    _facet(
        r"侧位(?!移)|lateral (?:view|film|x-?ray|projection|radiograph)"
        r"|on the lateral(?= *(?:$|[?,.;]|do\b|is\b|are\b|was\b|what|where|how))",
        r"侧位|(?<!equi)lateral(?! decubitus)",
        _VIEWS,
    ),
    _facet(r"斜位|oblique (?:view|film)|\bobliques\b", r"斜位|oblique", _VIEWS),
    _facet(r"\bdwi\b|diffusion|弥散|扩散加权", r"dwi|diffusion|弥散|扩散", _SEQUENCES),
    _facet(r"\bswi\b|susceptibility|磁敏感", r"swi|t2\*|磁敏感|susceptib", _SEQUENCES),
    _facet(r"\bflair\b", "", _SEQUENCES),
    _facet(r"\bstir\b", "", _SEQUENCES),
    _facet(r"钡|barium"),
    _facet(_ORAL, _ORAL + r"|口服.{0,4}碘|by mouth|in sips"),
    _facet(_RECTAL),
    _facet(
        r"延迟期|delayed (?:phase|images?|scan)",
        r"延迟|delayed|肝胆期|hepatobiliary",
        _PHASES,
    ),
    _facet(r"动脉期|arterial phase", r"动脉|arterial|动态|dynamic", _PHASES),
    _facet(
        r"屈位|过屈|过伸|flexion (?:view|film)|extension (?:view|film)",
        r"屈|伸|flexion|extension",
        _VIEWS,
    ),
    _facet(
        r"(?<!口服)(?<!直肠)(?:造影剂|对比剂)|增强(?!灶|结节|程度)|打(?:了|过)?(?:药(?!前)|碘|钆)"
        r"|(?<!oral )(?<!rectal )contrast|post-?gad|gadolinium|\bgad\b|钆",
        _AGENT,
        _SEQUENCES + r"|平扫",
    ),
)
_PARTS = re.compile(r"[；;，,。：:]|\.(?!\d)|\bbut\b")
_NOT = re.compile(
    r"未|无(?!线)|没|\bno\b|\bnot\b|\bwithout\b|\bnor\b|unenhanced|平扫|non-?contrast", _I
)


def facets_asked(text: str) -> bool:
    """Return whether a question names how the examination was done."""
    return any(facet.asked.search(text) for facet in _FACETS)


def not_done(text: str, technique: str) -> bool:
    """Return whether a question names what, by the technique, was not done."""
    named = [facet for facet in _FACETS if facet.asked.search(text)]
    return any(_missing(facet, technique) for facet in named)


def _missing(facet: _Facet, technique: str) -> bool:
    parts = [part for part in _PARTS.split(technique) if part.strip()]
    told = [part for part in parts if facet.stated.search(part)]
    denied = [part for part in told if _NOT.search(part)]
    if told:
        return len(denied) == len(told)
    unenhanced = facet.stated.pattern == _AGENT and _NOT.search(technique) is not None
    return unenhanced or facet.family.search(technique) is not None


_POSTURES = {
    "erect": re.compile(r"站|立位|erect|upright|standing", _I),
    "lying": re.compile(r"(?<!半)卧位|仰卧|俯卧|平躺|躺|supine|prone|lying", _I),
    "sitting": re.compile(r"坐|半卧|sitting|semi-?erect", _I),
}
_PLAIN = re.compile(
    r"未用|平扫|no contrast|without contrast|non-?contrast|unenhanced|(?<![a-z])plain(?![a-z])", _I
)
_CONTRAST = re.compile(_AGENT, _I)
_EITHER = re.compile(r"还是| or ", _I)
_OPENLY = re.compile(
    r"[吗没]\s*[？?]?$|了没|有没有|是否|有无|^(?:was|were|is|did|do|does|any|has|have)\b|\?\s*$|没有[？?]?$",
    _I,
)


def technique_differs(asked: Asked, technique: str) -> bool:
    """Return whether a posture, a view, a sequence or a contrast medium that the question takes for
    used is not that of the technique."""
    text = asked.text
    if _EITHER.search(text):
        return False
    taken = asked.tag or not _OPENLY.search(text)
    if taken and not _PLAIN.search(text) and not_done(text, technique):
        return True
    wanted = {name for name, pattern in _POSTURES.items() if pattern.search(text)}
    was = {name for name, pattern in _POSTURES.items() if pattern.search(technique)}
    if wanted and was and not wanted & was:
        return True
    plain = _PLAIN.search(technique) is not None
    return (
        asked.presumes
        and _PLAIN.search(text) is not None
        and not plain
        and _CONTRAST.search(technique) is not None
    )


def seen_by_what_was_not(asked: Asked, technique: str) -> bool:
    """Return whether a question asks what was seen by a view, a sequence or a contrast medium that
    the technique has not, or takes it for used in asking for something else."""
    other = asked.kind in _WHERE_AND_HOW_MUCH or asked.tag or _SEEN_BY.search(asked.text)
    return bool(other) and not _PLAIN.search(asked.text) and not_done(asked.text, technique)


_WHERE_AND_HOW_MUCH = frozenset({Kind.PLACE, Kind.SIZE, Kind.SIDE, Kind.NUMBER})
_SEEN_BY = re.compile(
    r"\bon (?:the )?(?:post-?gad\w*|contrast|enhanced|lateral|oblique|delayed|arterial|dwi"
    r"|diffusion|swi|flair)\b"
    r"|(?:侧位|斜位|增强|延迟期|动脉期|dwi|弥散|swi)(?:片|图|像|序列)?(?:上|里|看|中)"
    r"|(?:diffusion|dwi|swi|flair|lateral|oblique|delayed)\b.{0,20}\b(?:show|look|see|demonstrat)",
    _I,
)
