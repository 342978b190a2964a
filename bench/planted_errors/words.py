"""Words that tell sides, sexes, ages and comparisons in either language."""

from __future__ import annotations

import re

FINDINGS, IMPRESSION = "findings", "impression"


ATTEMPTS = 4
"""Times that a planter may draw again on one report before the next report is taken."""


# What the reports' own words say.
SIDES = {
    "en": re.compile(r"\b(left|right)\b", re.I),
    "zh": re.compile(r"[左右](?![心室房主]|肺动脉|前降|旋)"),
}


BILATERAL = {"en": re.compile(r"\b(bi\w+al|both|bi\w+ar)\b", re.I), "zh": re.compile(r"双|两|左右")}


OPPOSITE = {"left": "right", "right": "left", "左": "右", "右": "左"}


NORMAL = {
    "en": re.compile(
        r"\bno (visible )?(acute|active|evidence of (acute|active)|significant|radiographic|other)|"
        r"normal (chest|exam|study|film|radiograph)|negative (chest|for acute|exam)|"
        r"unremarkable (chest|exam)"
        r"|lungs? (are |is |appear )?(grossly )?clear|clear lungs|no (focal|abnormal)|"
        r"without (acute|evidence of)|stable chest",
        re.I,
    ),
    "zh": re.compile(
        r"(没有|无|未见|未发现|不存在|没)[^。，]{0,14}(急性|活动性|异常|疾病|问题|明显|重大|其他|病变|病灶)|健康|"
        r"总的来说|总体|总之|因此|阴性|表明[^。]{0,12}正常|一切正常|正常的?(胸部|检查|图像|X)|X光[^。]{0,6}正常|"
        r"肺部?(很|是|都|看起来|显示)?(很)?(清晰|正常|清楚)|这意味|医生|专业|建议|功能正常"
    ),
}


COMPARES = {
    "en": re.compile(
        r"\b(stable|unchanged|interval|again|compar\w+|since|previously|new|newly|resol\w+|improv\w+|"
        r"worsen\w*|re-?demonstrat\w+|decreas\w+|increas\w+|remain\w*|persist\w*|progress\w+|"
        r"(prior|previous|earlier|last) "
        r"(chest|exam\w*|stud\w+|film\w*|radiograph\w*|x-?ray\w*|CT|imaging)|"
        r"no (significant )?change|long-?standing|evolv\w+)\b",
        re.I,
    ),
    "zh": re.compile(
        r"稳定|不变|没有(明显|显著|任何)?的?变化|无变化|变化不大|较前|相比|之前|以前|以往|先前|再次|再度|间歇|间隔|改善|好转|恶化|新[的发出]|仍|持续|"
        r"比较|对比|进展|消失|吸收|缓解|减少|增加|恢复|随时间|保持"
    ),
}


WEAK_COMPARES = re.compile(
    r"\b(prior|previous) (granulo\w+|surg\w+|sternotomy|CABG|infect\w+|trauma|\w*ectomy)|"
    r"\b(increas|decreas)ed (interstitial|lung|bronch\w+|mark\w+|AP|density|lucency|kyphosis)",
    re.I,
)


VIEW_WORDS = {
    "en": re.compile(
        r"\b(lateral (view|film|projection|radiograph|image|chest)s?|and lateral|AP|PA|portable|"
        r"supine|frontal|upright|single view|(two|2|3|three) views?|views?|projections?)\b",
        re.I,
    ),
    "zh": re.compile(
        r"侧位|正位|前后位|后前位|床[旁边]|仰卧|侧面|视图|正面|额位|立位|侧视|横向|体位|投影|站立"
    ),
}


OTHER_EXAM = {
    "en": re.compile(
        r"\bKUB\b|decubitus|rib (films?|series|views?)|"
        r"abdom\w* (films?|radiograph\w*|series|x-ray)|"
        r"\b(knee|hip|ankle|wrist|femur|pelvi\w+|skull|hand|foot|lumbar|shoulder) "
        r"(films?|radiograph\w*|series|views?|x-ray)|"
        r"\b\d+ (year|month|week|day)s? (ago|earlier|prior)|\b(19|20)\d\d\b|\boblique|"
        r"\b(Abdomen:|Chest:|organomegaly|bowel gas|knee|femur|femoral|tibia\w*|ankle|wrist|"
        r"forearm|elbow|foot|feet|hips?|sacroiliac|pelvi[sc])(?!\w)",
        re.I,
    ),
    "zh": re.compile(
        r"KUB|卧位片|腹部X|腹部平片|膝|骨盆|髋|踝|腕|股骨|斜位|\d+ ?[年月天周]前|(19|20)\d\d"
    ),
}


FEMALE = re.compile(
    r"\b(female|woman|women|lady|mastectom\w+|pregnan\w+|mammo\w+|breast\w*|ovar\w+|uter\w+|"
    r"cervical ca\w*|her|she|hyster\w+)\b|女|乳[房腺]|孕|子宫|卵巢|她",
    re.I,
)


MALE = re.compile(r"\b(male|man|men|gentleman|prostat\w*|testic\w+|his|he)\b|男|前列腺|睾丸", re.I)


CHILD = re.compile(
    r"\b(child|children|infant|newborn|neonat\w+|boy|girl|p(a)?ediatric|thymi?us|thymic)\b|"
    r"儿童|婴|新生儿|男孩|女孩|孩子|小儿",
    re.I,
)


OLDER = re.compile(
    r"degenerat|spondyl|osteop|athero|tortuo|elderly|calcif|arthr|ectasia|emphysem|COPD|cardiomeg|"
    r"退行|迂曲|钙化|硬化|骨质疏松|骨赘|肺气肿|老年|心脏肿大|增大",
    re.I,
)


NOUNS = {
    "en": "effusion|opacit|atelecta|pneumothora|nodul|granulom|fractur|consolidat|pneumonia|mass|"
    "scar|airspace|infiltrat|diaphragm|pacemaker|PICC|catheter|calcif|thicken|port|density|hernia|hil",
    "zh": "积液|不透明|不张|气胸|结节|肉芽|骨折|固结|实变|肺炎|肿块|疤痕|瘢痕|空隙|浸润|横膈|"
    "膈肌|起搏器|PICC|导管|钙化|增厚|密度|疝|渗出",
}
