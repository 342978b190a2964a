"""What a question asks for, of what, and what it takes for true."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from radraft.llm.asking.lexicon import Word, lexicon
from radraft.llm.asking.statements import sides_of, spots_of
from radraft.llm.asking.values import MetadataField
from radraft.reports.findings.concepts import Vocabulary
from radraft.reports.values import Lang

CONTEXT_TURNS = 3
"""Earlier turns that a question may lean on."""


class Kind(StrEnum):
    """What is asked for."""

    PRESENCE = "presence"
    SIDE = "side"
    PLACE = "place"
    SIZE = "size"
    NUMBER = "number"
    CHANGE = "change"
    CERTAINTY = "certainty"
    CAUSE = "cause"
    ADVICE = "advice"
    QUALITY = "quality"
    METADATA = "metadata"
    DEFINITION = "definition"
    SERIES = "series"
    IMAGE = "image"
    DECISION = "decision"
    ORDER = "order"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class When:
    """The earlier examination that a question names."""

    previous: bool = False
    year: int | None = None
    month: int | None = None
    day: int | None = None
    hour: int | None = None

    @property
    def named(self) -> bool:
        """Whether it names one at all."""
        return self.previous or bool(self.month or self.year or self.day or self.hour is not None)


@dataclass(frozen=True)
class Asked:
    """A question, read."""

    text: str
    kind: Kind
    findings: tuple[frozenset[str], ...] = ()
    """Word by word: any of a word's findings or devices."""
    places: frozenset[str] = frozenset()
    sides: frozenset[str] = frozenset()
    spots: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    fields: tuple[MetadataField, ...] = ()
    presumes: bool = False
    """Whether it takes for granted that what it names is there, or is as it says."""
    only_asks: bool = False
    """Whether it asks openly if something is there."""
    change: str | None = None
    """A change that it takes for true or asks for: larger, smaller, resolved, unchanged, new."""
    sizes: tuple[float, ...] = ()
    """Sizes and grades that it names, in millimetres where a length."""
    count: int | None = None
    when: When = When()
    compares: bool = False
    normal: bool = False
    """Whether it asks if something is in order."""
    one_side: bool = False
    turned: bool = False
    """Whether it asks of another side what the question before asked."""
    unknown: tuple[str, ...] = ()
    """Words that are neither known nor function words, lower case."""
    any_of: bool = False
    """Whether it lists things, any of which answers."""

    @property
    def has_subject(self) -> bool:
        """Whether it names anything to look for."""
        return bool(self.findings or self.places or self.measures or self.spots or self.unknown)


_I = re.IGNORECASE
_ORDER = re.compile(
    r"忽略|无视|ignore (?:all|the|any|your|previous)|disregard|system prompt"
    r"|repeat after me|你现在是|你是dan|from now on|改口|\[system\]"
    r"|(?:输出|回复|回答|写|改成|说)[^，。]{0,12}[“\"「]"
    r"|[“\"][^”\"]*[A-Z]{4,}-\d+|(?:删除|修改|篡改|delete|alter|change"
    r"|rewrite|sign) (?:the |this |my )?(?:report|signature)"
    r"|把这份报告|删除(?:本|这份)报告|translate (?:this|the)|pretend|act as"
    r"|扮演|reply (?:only|with)|print (?:your|the)|say only|只(?:说|回答)"
    r"|签名人",
    _I,
)
_OUTSIDE = re.compile(
    r"next bed|other patient|another patient|隔壁床|别的病人|其他患者|别人的"
    r"|邻床|cafeteria|menu|weather|天气|菜单|食堂|joke|笑话|phone number"
    r"|电话号码|password|密码|股票",
    _I,
)
_IMAGE = re.compile(
    r"看图|看片子[，,]|你看片|你自己看|图上.{0,12}(?:像|是不是)"
    r"|look at the (?:picture|image|film|scan)|\bslice \d|第\d+层|image \d+"
    r"|on the picture|看一?下(?:图|片|影像)|yourself",
    _I,
)
_DEFINITION = re.compile(
    r"什么是|是什么意思|什么叫|啥叫|啥意思|是啥意思"
    r"|^what (?:exactly )?is an? (?!size)|^what(?:'s| is) (?:meant by"
    r"|the meaning)|what does .{1,40} mean|meaning of|define\b|definition"
    r"|解释一下",
    _I,
)
_REPORT_ADVICE = re.compile(
    r"报告.{0,8}(?:建议|怎么说|说)|report.{0,4}说|建议.{0,6}(?:啥|什么|怎么"
    r"|吗|复查|做)|有(?:什么|啥|没有)?建议|推荐|recommend|(?:report"
    r"|radiologist) (?:advise|suggest)|advised?\b|suggested|follow-?up"
    r"|per report|according to the report|how soon|多久复查|什么时候复查"
    r"|几个月(?:后)?复查|复查时间",
    _I,
)
_DECISION = re.compile(
    r"行不行|可以.{0,10}(?:吧|吗|了)|能(?:不能)?[^，。看测评]{0,12}(?:出院"
    r"|回家|下地|负重|上班|拔|停|吃|打|手术|走|用)|要不要|该不该|应不应该"
    r"|需不需要|怎么治|怎么处理|给多少|多少毫升|剂量怎么|剂量"
    r"|适合.{0,8}(?:移植|手术|化疗)|拍板|你(?:直接)?告诉我|给个准话|你同意"
    r"|手术还是|还是手术|开刀|化疗|溶栓"
    r"|\bshould (?:i|we|he|she|they)\b|\bcan (?:i|we|he|she|they) (?:go"
    r"|start|stop|give|eat|walk|fly|be|have)|dose of|\bdose\b"
    r"|how much .{0,20}(?:give|mg)|prescri|discharge|safe to|ok to (?:start"
    r"|stop|give|use|go)|do (?:we|i) need|fit for"
    r"|which antibiotic|operate"
    r"|抗生素|用药|吃什么药|用什么药|能不能飞|start .{0,20}(?:heparin"
    r"|antibiotics|chemo)|please (?:order|prescribe)|开(?:药|单|医嘱)"
    r"",
    _I,
)
_QUALITY = re.compile(
    r"伪影|artefact|artifact|质量|quality|motion|rotated|旋转了?吗|吸气(?:够"
    r"|足|好)|inspiration|看(?:得|的)?清|看不清|(?:can"
    r"|could) .{2,50} be (?:seen|assessed|judged|evaluated|excluded"
    r"|ruled out)|(?:well|fully) (?:seen|shown|covered)|影响看片|limited"
    r"|显示清|评价受限|assessable|diagnostic quality",
    _I,
)
_METADATA = (
    (
        MetadataField.AUTHOR,
        r"谁写|谁报告|报告医[生师]|书写|谁出的|谁签|签名|who (?:wrote|read|reported"
        r"|dictated|(?:has |have )?signed)|signed by|author"
        r"|report(?:ed)? by|reading doctor|哪位医[生师]写",
    ),
    (
        MetadataField.REVIEWER,
        r"谁审|审核|复核|签发医|谁签|签名|signed by"
        r"|who (?:reviewed|approved|checked|supervised|(?:has |have )?signed)"
        r"|reviewer|countersign",
    ),
    (
        MetadataField.SIGNED_AT,
        r"when was (?:it|this|the report) (?:signed|reported|issued|finali)"
        r"|什么时候(?:签|出报告|发)|几点(?:签|出的?报告|发)|签(?:发|字)?时间"
        r"|签发(?!医)|time of (?:signing|report)|signed .{0,16}when|when .{0,20}signed"
        r"|签.{0,6}(?:什么时候|何时|几点)|(?:什么时候|何时|几点).{0,4}签"
        r"|哪天(?:签|出)",
    ),
    (
        MetadataField.PERFORMED_AT,
        r"几点(?:拍|做|照|扫)|什么时候(?:拍|做|照|扫|检查)|哪天(?:拍|做|照|扫)"
        r"|检查时间|拍摄时间|when was (?:it|this|the) ?(?:film|scan|ct|mri?"
        r"|x-?ray|exam\w*|study|radiograph|ultrasound)? ?(?:done|taken|performed"
        r"|acquired|made)|(?:time|date) of (?:the )?(?:scan|exam|study)",
    ),
    (
        MetadataField.ORDERED_BY,
        r"谁开的|谁申请|申请医|哪个科|开单|who (?:ordered|requested|referred"
        r"|sent)|ordered by|requested by|which department|referr",
    ),
    (
        MetadataField.HISTORY,
        r"为什么来|为啥(?:来|做|拍)|临床病史|病史|主诉|检查目的|申请(?:理由"
        r"|原因)|why was .{0,40}(?:done|ordered|taken|requested|scan)"
        r"|clinical (?:history|indication|question|information)|indication"
        r"|reason for (?:the )?(?:exam|scan|study|request)|什么原因(?:来|做|拍)",
    ),
    (
        MetadataField.CRITICAL_ALERT,
        r"危急|critical (?:call|alert|value|result)|通知(?:了|的)?(?:谁|医生|哪)"
        r"|谁通知|who was (?:told|notified|called|informed)|(?:told|notified"
        r"|phoned|called) .{0,20}(?:when|and when)|通知.{0,6}几点|打电话",
    ),
    (
        MetadataField.TECHNIQUE,
        r"造影剂|对比剂|contrast (?:agent|medium|used|given|volume|dose)"
        r"|with or without contrast|(?:was )?contrast\b|打药|几t\b|几t的|层厚"
        r"|slice thickness|ap or pa|pa or ap|站着|站位|卧位|躺着|立位|supine"
        r"|erect|lateral view|侧位|哪些序列|什么序列|sequences?\b|探头|probe"
        r"|field strength|tesla|增强(?:了吗|没|扫描|还是平扫)|平扫|几期"
        r"|phases?\b|how was .{0,20}(?:done|performed)|怎么(?:拍|扫|做)的|体位"
        r"|views?\b|portable|床旁|prone|decubitus|几张|体重负荷|负重位"
        r"|weight-?bearing",
    ),
)
_FIELDS = tuple((name, re.compile(pattern, _I)) for name, pattern in _METADATA)
_SERIES = re.compile(
    r"历次|每次|几次|[两三四]次分别|分别多少|over time|all (?:the )?sizes"
    r"|从.{1,8}到(?:现在|今)|几毫米变到|变到几|由.{1,6}变"
    r"|how has .{1,30}(?:changed|evolved|developed)|怎么变的|timeline|serial"
    r"|trend|(?:since|from) when|什么时候(?:开始|出现|发现)的?|首次|第一次"
    r"|first seen|first (?:noted|described|reported|found)",
    _I,
)
_SIZE = re.compile(
    r"多大(?!年|岁)|大小|几(?:个)?(?:毫米|厘米|公分|cm|mm|度(?!以)|级|期|类"
    r"|分|hu|肋)|多少(?:毫米|厘米|公分|cm|mm|度|hu|级|%)?(?!造影|对比|毫升)"
    r"|多[厚宽粗长深高远重]|厚度|宽度|直径|径线|深度|尺寸|第几|哪一?级"
    r"|how (?:big|large|wide|thick|long|deep|far|much|high|many percent)"
    r"|size|diameter|dimension|measure|thickness|depth|width|length|distance"
    r"|extent|in mm|in cm|\bmm\?|\bratio\b|degree|angle|percent|%|volume"
    r"|ti-?rads|suv|grade|\bkl\b|k-l|\bdensity|百分之|百分比|几成|压缩多少"
    r"|比(?:值)?是多少",
    _I,
)
_NUMBER = re.compile(
    r"几(?:个|处|根|枚|颗|条|块|支)|多少(?:个|处|根|枚|颗|条|块)|一共"
    r"|how many|number of|哪几|数量|都在哪",
    _I,
)
_WHICH_SIDE = re.compile(
    r"哪(?:一)?(?:边|侧)|左(?:边|侧)?还是右|which side|what side|which way"
    r"|往哪|向哪|left or right|right or left|unilateral|which (?:kidney"
    r"|kidny|lung|knee|lobe|breast|eye|ear|adrenal)|单侧还是双侧",
    _I,
)
_WHERE = re.compile(
    r"哪(?:个)?(?:肺叶|叶|段|节|里|儿|肝段|椎|部位|根)|在哪|到哪|什么(?:位置"
    r"|地方|部位)|何处|位置|到位|在c几|c几|尖端|深度合适|\bwhere\b"
    r"|which (?:lobe|segment|level|part|vertebra|rib|region|artery|bone)"
    r"|at which|at what level|location|position|tip\b|how far",
    _I,
)
_LARGER = re.compile(
    r"增大|变大|长大|大了(?!吗)|(?<!最)多了|加重|增多|进展|grown|growing"
    r"|larger|bigger|increas|worse|progress|gone up|doubled|变厚|恶化",
    _I,
)
_SMALLER = re.compile(
    r"缩小|变小|小了|(?<!多)少了|好转|减少|减轻|吸收(?!科)|shrunk|shrink"
    r"|smaller|decreas|better|improv|clearing|less\b|reduced",
    _I,
)
_RESOLVED = re.compile(
    r"没了|消失|消退|长好|愈合|resolved|gone(?! up| back)|cleared\b|healed"
    r"|disappeared|back to normal|治好|恢复",
    _I,
)
_SAME = re.compile(r"没变|无变化|未变|unchanged|stable|the same|no change|\bstill\b", _I)
_NEW = re.compile(r"新出现|新发|新的|新冒|\bnew\b", _I)
_CHANGED = re.compile(
    r"变化|变了|变没变|变吗|长了没|多了还是少了|up or down|better or worse"
    r"|大了还是小了|change|changed|compared|\bvs\b|than (?:last|before|in"
    r"|yesterday)|since|跟.{1,10}比|和.{1,10}比|与.{1,10}比|比上|较前|still"
    r"|还(?:在|有|剩|偏|压)",
    _I,
)
_CERTAIN = re.compile(
    r"确定|肯定|确诊|排除|能除外|到底|definite|certain|\bsure\b|for sure"
    r"|rule out|ruled out|confirm|yes or no|百分百",
    _I,
)
_CAUSE = re.compile(
    r"原因|为啥|为什么|引起|导致|因为|考虑啥|考虑什么|是什么(?:东西|病)"
    r"|cause|caused|due to|because|\bwhy\b|还是\w+$|from the|是edema还是"
    r"|suspicious\?|benign or|良性还是",
    _I,
)
_TAG = re.compile(
    r"(?:是|对)(?:吧|吗|不对)[？?]?$|吧[？?]?$|对吧|是吧|对不对|没错吧"
    r"|(?:right|yes|no|correct|ja|ok|then|isn't it|hasn't it|doesn't it"
    r"|aren't they|wasn't it|true)\s*\?\s*$|^so\b|still .{1,30}correct",
    _I,
)
_OPEN = re.compile(
    r"有没有?|有无|是否|是不是|有.{0,14}(?:吗|没|么)|(?:吗|没|么|不|没有"
    r"|呢)[？?]?$|\b(?:any|is there|are there|does|do you see|evidence of"
    r"|signs? of)\b|大不大|宽不宽|厚不厚|窄不窄|多不多|^[\w\s()'.-]{1,40}\?$",
    _I,
)
_NORMAL = re.compile(
    r"正常|\bok\b|okay|\bnormal|有(?:没有)?(?:事|问题)|有事|怎么样|咋样|行吗"
    r"|合适|in place|在位|fine\b|好不好|satisfactory|intact|well placed",
    _I,
)
_PREVIOUS = re.compile(
    r"上一?(?:次|张|回|份)|前一?(?:次|片|张|份)|之前(?:那|的)|原来|既往|以前"
    r"|当天|昨天|术前|前天|last (?:time|report|film|scan|study|year|month"
    r"|week|wk|ct|mr)|previous|prior|before the op|before surgery|preop"
    r"|pre-op|yesterday|earlier (?:film|report|scan)|那张|那次|那时"
    r"|the film of|film before",
    _I,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_EN = re.compile(
    r"(?:(?:in|of|since|on|last|from|the|by|and|until|to)\s+|(\d{1,2})(?:st"
    r"|nd|rd|th)?\s+)(january|february|march|april|may|june|july|august"
    r"|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?"
    r"|oct|nov|dec)\b(?:\s+(\d{1,2})(?!\d))?",
    _I,
)
_MONTH_ZH = re.compile(r"(\d{1,2}|[一二三四五六七八九十]{1,2})月(?:份)?(?:(\d{1,2})[日号])?(?!后)")
_YEAR = re.compile(r"(20\d\d)")
_HOUR = re.compile(r"(\d{1,2})点(?=那|的)")
_ZH = {c: n for n, c in enumerate("零一二三四五六七八九十")} | {"两": 2}
_EN = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "both": 2}
_COUNT = re.compile(
    r"([一两二三四五六七八九十]|(?<![\d.])\d{1,2})(?:个|枚|颗|根|处)(?!月"
    r"|星期|小时|径线)|\b(two|three|four|five|six)\b(?! (?:weeks|months"
    r"|years|days|hours|dimensions))"
)
_QUANTITY = re.compile(
    r"(?<![\d./×xX*])(\d+(?:\.\d+)?)\s*(mm|cm|毫米|厘米|公分|deg\w*|度|%|hu\b|ml|级|类)", _I
)
_ASKING = re.compile(
    r"多厚|多宽|多大|厚度|多少|几毫米|几个|几级|大小|位置|(?:how|which|what"
    r"|where|when|who) |片子上|影像|检查|心超|怎么样|排除",
    _I,
)


def language(text: str) -> Lang:
    """`zh` where there are more Chinese characters than Latin words, else `en`."""
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text))
    return "zh" if chinese > len(re.findall(r"[A-Za-z]+", text)) else "en"


def read_question(text: str, earlier: Sequence[str] = ()) -> Asked:
    """Read a question; what it leaves out it takes from the nearest of `earlier` (oldest first)."""
    asked = _read(text)
    if asked.kind in (
        Kind.ORDER,
        Kind.OUTSIDE,
        Kind.IMAGE,
        Kind.DECISION,
        Kind.DEFINITION,
        Kind.METADATA,
    ):
        return asked
    for before in reversed(earlier[-CONTEXT_TURNS:]):
        old = read_question(before, ()) if before else asked
        if not old.has_subject:
            continue
        if not asked.findings and not asked.places and not asked.spots and not asked.measures:
            kind: Kind = asked.kind
            if kind is Kind.PRESENCE and old.kind is not Kind.METADATA:
                kind = old.kind
            return replace(
                asked,
                kind=kind,
                findings=old.findings,
                places=old.places,
                spots=old.spots,
                sides=asked.sides or _turned(text, old),
                turned=bool(asked.sides or re.search(r"other|对侧|另", text, _I)),
                measures=asked.measures or (old.measures if kind is old.kind else frozenset()),
                presumes=asked.presumes
                or (kind is old.kind and old.presumes and kind is not Kind.PRESENCE),
            )
        break
    return asked


def _turned(text: str, old: Asked) -> frozenset[str]:
    if re.search(r"other side|对侧|另一(?:边|侧)", text, _I) and len(old.sides) == 1:
        return frozenset({"right" if "left" in old.sides else "left"})
    return frozenset() if re.search(r"other|对侧|另", text, _I) else old.sides


def _read(text: str) -> Asked:
    words = lexicon()
    mended = words.mended(text)
    lower = mended.lower()
    fields = tuple(name for name, pattern in _FIELDS if pattern.search(lower))
    plain = _ASKING.sub(" ", _EXCEPTED.sub(" ", lower))
    found = words.find(plain)
    places = frozenset(c for w in found for c in w.concepts if c in words.places)
    findings = tuple(
        dict.fromkeys(
            f
            for w in found
            if (f := words.specific(w.concepts - words.places) - _IDLE) and not w.absent
        )
    )
    when = _when(lower)
    unknown = () if findings or places else _unknown(plain, found)
    sides = sides_of(re.sub(r",?\s*right\s*\?|^right,|\bright now\b", " ", lower))
    open_ = _OPEN.search(lower) is not None
    tag = _TAG.search(lower) is not None
    kind = _kind(lower, fields, bool(findings or places))
    presumes = (
        tag
        or kind in (Kind.SIZE, Kind.NUMBER, Kind.SIDE, Kind.PLACE)
        or (_PROPERTY.search(lower) is not None or _places_it(lower))
        or (kind is Kind.CHANGE and not _NEUTRAL_CHANGE.search(lower))
    )
    return Asked(
        mended,
        kind,
        findings,
        places,
        sides,
        spots_of(lower),
        frozenset(name for name, pattern in words.measures.items() if pattern.search(lower)),
        fields,
        presumes=presumes,
        only_asks=open_ and not presumes,
        change=_change(lower),
        sizes=_sizes(lower),
        count=_count(lower),
        when=when,
        compares=_CHANGED.search(lower) is not None or _change(lower) is not None,
        normal=_NORMAL.search(lower) is not None,
        unknown=unknown,
        any_of=_LISTING.search(lower) is not None,
        one_side=re.search(r"只在|仅|\bonly\b|单侧", lower) is not None,
    )


_IDLE = frozenset({"normal", "phase", "vessel", "removed"})
_PROPERTY = re.compile(
    r"形态|哪型|什么型|型吗|类型|程度|严重吗|多严重|厉害|范围|还剩|移位吗"
    r"|在.{1,4}还是|哪种|what (?:type|kind|grade)|\btype\?"
    r"|\bhow (?!many times)|extent|severe|severity|\bwhere\b|\bwhich\b|压得"
    r"|那[个根块条颗]|这[个根块条颗]|\bthe (?:left|right|large|old|big"
    r"|new)\b",
    _I,
)
_LISTING = re.compile(r"还是|或|、|\bor\b|\band\b|[，,]\s*有没有|和|及|以及")
_EXCEPTED = re.compile(
    r"[（(]?(?:不算|除了|不包括|except|excluding|apart from)[^）)，,]*[)）]?", _I
)


def _places_it(lower: str) -> bool:
    """Return whether a question asks if something lies in a place that it names."""
    match = re.search(r"在([^，。]{1,6})吗", lower)
    words = lexicon()
    return match is not None and any(w.concepts & words.places for w in words.find(match.group(1)))


def _unknown(plain: str, found: Sequence[Word]) -> tuple[str, ...]:
    for word in reversed(found):
        plain = plain[: word.start] + " " + plain[word.end :]
    return tuple(
        one for one in vocabulary().question(plain).rest if len(one) > 2 or not one.isascii()
    )


@cache
def vocabulary() -> Vocabulary:
    """Function words, and the words that findings go by."""
    return Vocabulary.load()


_NEUTRAL_CHANGE = re.compile(
    r"变化|变没变|变了?吗|还是|or worse|up or down|change|compare|比(?:呢|吗|如何)"
)


def _kind(lower: str, fields: tuple[MetadataField, ...], subject: bool) -> Kind:
    if _ORDER.search(lower):
        return Kind.ORDER
    if _OUTSIDE.search(lower):
        return Kind.OUTSIDE
    if _IMAGE.search(lower):
        return Kind.IMAGE
    if _DEFINITION.search(lower):
        return Kind.DEFINITION
    if _REPORT_ADVICE.search(lower):
        return Kind.ADVICE
    if _DECISION.search(lower) and not fields:
        return Kind.DECISION
    if _QUALITY.search(lower):
        return Kind.QUALITY
    if fields:
        return Kind.METADATA
    for kind, pattern in _KINDS:
        if pattern.search(lower):
            return kind
    return Kind.PRESENCE


_KINDS = (
    (Kind.SERIES, _SERIES),
    (Kind.NUMBER, _NUMBER),
    (Kind.SIDE, _WHICH_SIDE),
    (Kind.SIZE, _SIZE),
    (Kind.PLACE, _WHERE),
    (Kind.CERTAINTY, _CERTAIN),
    (Kind.CAUSE, _CAUSE),
    (Kind.CHANGE, _CHANGED),
    (Kind.CHANGE, _LARGER),
    (Kind.CHANGE, _SMALLER),
    (Kind.CHANGE, _RESOLVED),
)


def _change(lower: str) -> str | None:
    named = [
        name
        for name, pattern in (
            ("larger", _LARGER),
            ("smaller", _SMALLER),
            ("resolved", _RESOLVED),
            ("unchanged", _SAME),
            ("new", _NEW),
        )
        if pattern.search(lower)
    ]
    return named[0] if len(named) == 1 else None


def _sizes(lower: str) -> tuple[float, ...]:
    plain = re.sub(r"[（(][^）)]*[)）]", " ", lower)
    found = []
    for number, unit in _QUANTITY.findall(plain):
        found.append(float(number) * (10 if unit in ("cm", "厘米", "公分") else 1))
    return tuple(found)


def _count(lower: str) -> int | None:
    match = _COUNT.search(lower)
    if match is None or re.search(r"第\s*$", lower[: match.start()]):
        return None
    word = match.group(1) or match.group(2)
    return _ZH.get(word) or _EN.get(word) or (int(word) if word.isdigit() else None)


def _when(lower: str) -> When:
    year = _YEAR.search(lower)
    month, day = None, None
    chinese, english = _MONTH_ZH.search(lower), _MONTH_EN.search(lower)
    if chinese:
        word = chinese.group(1)
        month = int(word) if word.isdigit() else sum(_ZH[c] for c in word)
        day = int(chinese.group(2)) if chinese.group(2) else None
    elif english:
        month = _MONTHS.index(english.group(2)[:3]) + 1
        said = english.group(1) or english.group(3)
        day = int(said) if said else None
    hour = _HOUR.search(lower)
    return When(
        _PREVIOUS.search(lower) is not None,
        int(year.group(1)) if year else None,
        month if month and 1 <= month <= 12 else None,
        day,
        int(hour.group(1)) if hour else None,
    )
