"""What kind of thing a question asks for, by the words of its grammar in both languages."""

from __future__ import annotations

import re

from radraft.llm.asking.values import Kind, MetadataField

SUBJECTLESS = frozenset(
    {Kind.ORDER, Kind.OUTSIDE, Kind.IMAGE, Kind.DECISION, Kind.DEFINITION, Kind.METADATA}
)
"""Kinds whose answer does not hang on what is asked after."""

_I = re.IGNORECASE
_ORDER = re.compile(
    r"忽略|无视|ignore (?:all|the|any|your|previous)|disregard|system prompt|override"
    r"|repeat after me|你现在是|你是dan|from now on|you are now|you're now|改口|\[system\]|<<"
    r"|管理员"
    r"|(?:输出|回复|回答|写|改成|说)[^，。]{0,12}[“\"「]"
    r"|[“\"][^”\"]*[A-Z]{4,}-\d+|(?<![A-Za-z])[A-Z]{5,}-\d\d|(?:删除|修改|篡改|delete|alter|change"
    r"|rewrite|sign|amend|edit) (?:the |this |my )?(?:report|signature|impression|findings)"
    r"|把.{0,20}(?:改成|改为|换成|删)|删除(?:本|这份)?报告|translate (?:this|the)|pretend|act as"
    r"|扮演|reply (?:only|with)|print (?:your|the)|say only|只(?:说|回答|回复)|(?:order|book"
    r"|schedule) the (?!of)"
    r"|签名人|附上",
    _I,
)
_OUTSIDE = re.compile(
    r"next bed|other patient|another patient|different patient|隔壁床|别的病人|其他患者|别人的"
    r"|邻床|cafeteria|menu\b|weather|天气|菜单|食堂|joke|笑话|phone number|telephone"
    r"|电话号码|手机号|password|密码|股票|医保|报销|费用|多少钱|住址|address\b|身份证|insurance"
    r"|how much does it cost"
    r"|\bcosts?\b|price|wifi|visiting hours|parking|探视|停车|床位|几号床|which bed|who won"
    r"|写(?:一)?首诗|poem|\bbed \d+'?s?\b|(?:\d+|隔壁|旁边)(?:号?床|暖箱)"
    r"|\b(?:his|her) (?:husband|wife|father|mother|brother|sister|twin|son|daughter)'?s "
    r"(?:scan|film|ct|mri?|report|x-?ray)|[他她](?:爸|妈|丈夫|爱人|老公|老婆|哥|姐|弟|妹).{0,12}(?:片|报告|ct"
    r"|几分|癌)",
    _I,
)
_IMAGE = re.compile(
    r"看图|看片子[，,]|你(?:帮我)?看(?:一下)?(?:片|图)|你自己看|图上.{0,12}(?:像|是不是|看|量|圈"
    r"|标)|在(?:图|片子?"
    r"|影像)上.{0,6}(?:量|圈|标|找)"
    r"|look at the (?:picture|image|film|scan|lateral|frontal|pa|ap|axial|coronal|sagittal|slice"
    r"|series|x-?ray|ct|mri?)"
    r"|\bslice \d|第\d+层|image \d+|on the picture|看一?下(?:图|片|影像)|yourself|(?:圈|标)出来"
    r"|(?:measure|outline|circle|annotate|mark|point out|segment) .{0,40}(?:on the"
    r"|in the) (?:image|film|scan|picture|ct|mri?)"
    r"|(?:open|show|send|zoom) (?:me )?(?:in(?:to)? )?(?:the )?(?:image|picture|film|scan"
    r"|key image)"
    r"|帮我(?:在图|看图|量)|从图|\bscroll (?:to|through|up|down)\b|截图|图截|箭头|圈一下|给我圈"
    r"|(?:图|片)(?:发|给)我|放一下(?:视频|动图)?$|side by side|原图"
    r"|\b(?:show|send|pull up|bring up|put)\b (?:me )?(?:the )?(?:[\w-]+ ){0,4}"
    r"(?:slices?|images?|frames?|axial|coronal|sagittal|side by side)\b"
    r"|\b(?:outline|circle|mark)\b.{1,50} for me",
    _I,
)
_DEFINITION = re.compile(
    r"什么是|是什么意思|什么叫|啥叫|啥意思|是啥意思|何谓|代表什么|意味着什么"
    r"|^what (?:exactly )?is an? (?!size)|^what(?:'s| is) (?:meant by|the (?:meaning|definition))"
    r"|what does .{1,40} (?:mean|stand for)|meaning of|defin(?:e|ition)\b|解释一下"
    r"|^explain (?:the term|what)|\bexplain .{1,30} to me\b|\bmeans what\b|difference between"
    r"|\bremind me (?:what|how)\b|\bsupposed to (?:do|be|show|mean)\b|^what'?s an? .{1,30} sign\b"
    r"|^what is (?:an?|the) [\w ]{1,30} exactly|是什么东西|怎么(?:量|算|评|分级|打分)的",
    _I,
)
_IMAGING = (
    r"(?:ct|mri?|mrcp|pet|uss?|ultrasound|ultrasonography|x-?ray|films?|radiographs?|scan"
    r"|imaging|mammogra\w+|angiogra\w+"
    r"|biopsy|fna|磁共振|核磁|超声|彩超|b超|平片|增强|造影|穿刺|活检|拍片|检查|片子)"
)
_REPORT_ADVICE = re.compile(
    r"报告.{0,8}(?:建议|让|叫|要求|要做|还要|需要|怎么说|说(?:要|还|下|接|该|什么))"
    r"|report.{0,6}说|说(?:要|还要).{0,6}检查"
    r"|建议.{0,8}(?:啥|什么|怎么|吗|复查|做|哪|没)|有(?:什么|啥|没有|没)?建议|推荐(?!量)|recommend"
    r"|(?:report|radiologist)(?:'s)? (?:advi[sc]e|suggest|recommend|want|say (?:to|we))"
    r"|advised?\b|suggested\b|follow-?\s?up\b"
    r"|(?:per|according to) (?:the )?report|how soon|多久(?:后)?(?:再)?复查|(?:什么时候|何时"
    r"|哪天|啥时候)(?:再|要"
    r"|该)?复查"
    r"|几个?(?:月|周|天|年)(?:后)?(?:再)?复查|复查时间|下一步|next (?:imaging|step|investigation"
    r"|test)"
    r"|what (?:imaging|test|investigation)s? next"
    r"|when (?:to|should .{1,30} be) (?:repeat|rescan|re-?image|re-?check|review)"
    r"|repeat(?:ed)? (?:the )?" + _IMAGING + r".{0,12}when"
    r"|需要.{0,6}(?:进一步|加做|补做)|further (?:imaging|work-?up|tests?|investigation)|随访(?!见)",
    _I,
)
_IMAGING_DECISION = re.compile(
    r"(?:要不要|需不需要|用不用|还要|需要|要)(?:再|加|补|进一步)?(?:做|查|拍|复查|照|扫).{0,8}"
    + _IMAGING
    + r"|(?:要不要|需不需要|用不用|需要).{0,4}复查"
    r"|(?:need|needs|warrant|require)s? .{0,20}\b"
    + _IMAGING
    + r"\b|should (?:we|i) (?:get|do|order|repeat) .{0,12}\b"
    + _IMAGING
    + r"\b",
    _I,
)
_DECISION = re.compile(
    r"行不行|可(?:不可)?以(?!看|见|测|排除|除外).{0,10}(?:吧|吗|了|不)|能(?:不能)?(?!看|测|评|排"
    r"|除|确|判|说"
    r"|诊)[^，。看测评]{0,12}(?:出院"
    r"|回家|下地|负重|上班|拔|停|吃|打|手术|走|用|继续|转|飞|洗澡|跑|上学|比赛|抗凝|喂|怀孕|动"
    r"|脱机)|要不要|该不该|应不应该"
    r"|需不需要|用不用|(?:降|控制|维持|升)(?:到|在)多少|怎么治|怎么处理|咋治|咋处理|给多少|多少毫升(?:合适|液)|剂量怎么|剂量"
    r"|(?:吃|用|打|给|停)多少|停不停|用不用|吃不吃|打不打|拔不拔|做不做"
    r"|切不切|开不开"
    r"|适合.{0,8}(?:移植|手术|化疗|溶栓|介入|放疗)|拍板|你(?:直接)?告诉我|给个(?:准话|建议)"
    r"|你(?:同意|觉得|说|看(?:该|要|能))"
    r"|手术还是|还是手术|保守还是|还是保守|保乳还是|还是全切|做手术好|什么手术|哪种手术"
    r"|哪天(?:做)?手术|(?:开刀|化疗|溶栓|放疗|介入|激素|免疫药)(?!后|术后|前)"
    r"|直接(?:做|上|推|开|给)|先做.{1,10}还是|抗生素|用药|吃什么药|用什么药|什么药|能不能飞"
    r"|开(?:药|单|医嘱)|活多久|预后|还能活|治得好"
    r"|\b(?:should|may|shall|must|can|could) (?:i|we|he|she|they|the patient"
    r"|you (?:please )?(?:order|prescribe|decide))\b(?! (?:see|tell|assess|judge|rule|exclude"
    r"|be sure))"
    r"|\bwould you (?!say|call|describe)|\bdo (?:i|we) (?:start|stop|give|hold|switch)\b"
    r"|\bstart (?:her|him|them) on\b|\d ?mg(?:/kg)?\b.{0,12}(?:now|\?)|\b(?:text|write|email|order"
    r"|book) (?:me|us|her|him|his|the wife|the family)\b|帮我(?:下|写|开|发|约)|替我定"
    r"|几片|(?:吃|用|打|冲|固定)(?:几|多少)(?:天|周|片|次)|哪天开始(?:吃|用|打)|冲不冲击"
    r"|\bwhether (?:i|we|he|she|they|to)\b|(?:i|we|he|she|they) (?:can|may|should) (?:go|ride"
    r"|start|stop|give|eat|walk|fly|drive|play|run|bear|have surgery)"
    r"|dos(?:e|age|ing)\b|how much .{0,30}(?:give|\bmg|per (?:hour|day|kg)|an hour|a day)"
    r"|prescri|discharge(?:d)?\b(?! summary)|safe (?:to|for)|ok(?:ay)? (?:to|for) (?!see)"
    r"|good to (?:go|use|start)|do (?:we|i|they) (?:need|have) to|fit (?:for|to)|cleared? (?:for"
    r"|to) |decide for me|your (?:call|decision|opinion|advice)"
    r"|which (?:antibiotic|drug|operation|procedure|medication|treatment)|\boperate\b"
    r"|what (?:treatment|drug|antibiotic|operation|surgery)|how (?:should|do|would) (?:we|i"
    r"|you) (?:treat|manage)"
    r"|start .{0,20}(?:heparin|antibiotics|chemo|steroids|anticoag|infliximab|warfarin)"
    r"|please (?:order|prescribe)|what would you do|prognosis|survival|how long (?:has"
    r"|does) (?:he|she) (?:got|have)"
    r"|(?:surgery|operation|drainage|thrombolysis|embolisation|chemo) or (?:wait|not"
    r"|conservative|observe)|\bor wait\b",
    _I,
)
_QUALITY = re.compile(
    r"伪影|artefact|artifact|质量|\bquality|\bmotion\b|rotated|旋转了?吗|吸气(?:够|足|好)"
    r"|inspiration|看(?:得"
    r"|的)?(?:清|全|到吗)|看不(?:清|到|全|见)"
    r"|(?:can|could) .{2,50} be (?:(?:well|fully|properly|reliably) )?(?:seen|assessed|judged"
    r"|evaluated)"
    r"|(?:well|fully|completely) (?:seen|shown|covered|included|visuali[sz]ed)|影响看片"
    r"|影响(?:诊断|评价"
    r"|观察)|limited\b|limitation"
    r"|显示(?:得|的)?(?:清|全|满意)|评价受限|受限|assessable|diagnostic quality|hard to (?:judge"
    r"|assess|see)"
    r"|difficult to (?:judge|assess|see)"
    r"|(?:not|n't) (?:be )?(?:seen|assessed|judged|evaluated)\b(?=.*\?)|(?:views?|film|scan"
    r"|exam\w*|images?) (?:are |is |were |was )?(?:adequate|good enough|ok|of good)"
    r"|(?:were|was|are|is) the (?:views?|film|scan|exam\w*|images?|positioning"
    r"|cuts?) (?:adequate|good|ok|fine|sufficient|technically)|adequate\b|没(?:看|扫|拍|查"
    r"|照)(?:清|到"
    r"|全)|拍全|扫全|包全",
    _I,
)
_METADATA = (
    (
        MetadataField.AUTHOR,
        r"谁写|谁报告|报告医[生师]|书写|谁出的|谁签|签名|作者|who (?:wrote|read|reported"
        r"|dictated|is the author|authored"
        r"|(?:has |have )?signed)|(?:signed|written|dictated) by|\bauthor|report(?:ed)? by"
        r"|reading doctor|哪位医[生师]写|哪个医[生师](?!申请|开|送)",
    ),
    (
        MetadataField.REVIEWER,
        r"谁审|审核|复核|签发医|谁签|签名|(?:signed|reviewed|approved|verified|checked) by"
        r"|who (?:reviewed|approved|checked|supervised|verified|(?:has |have )?signed)|reviewer"
        r"|countersign|second read|上级医",
    ),
    (
        MetadataField.SIGNED_AT,
        r"when was (?:it|this|the report) (?:signed|reported|issued|finali|approved|verified)"
        r"|(?:date|time|when).{0,40}(?:was |were )?(?:signed|signing|issued|finali[sz]ed)"
        r"|什么时候(?:签|出报告|发)|几点(?:签|出的?报告|发)|签(?:发|字)?时间|报告时间"
        r"|签发(?!医)|signed .{0,16}when|签.{0,6}(?:什么时候|何时|几点|哪天)|(?:什么时候|何时"
        r"|几点|哪天).{0,4}签|哪天出|何时出",
    ),
    (
        MetadataField.PERFORMED_AT,
        r"几点(?:拍|做|照|扫|检查)|(?:什么时候|何时|哪天|几号)(?:拍|做|照|扫|检查)(?!复查)"
        r"|检查(?:时间|日期)|拍摄时间|拍片时间"
        r"|(?:半夜|凌晨|上午|中午|下午|晚上|夜里|[点号日]).{0,3}(?:做|拍|照|扫)的"
        r"|when was (?:it|this|the|that) ?(?:\w+ )?(?:film|scan|ct|mri?|x-?ray|exam\w*|study"
        r"|radiograph|ultrasound|mammogram)? ?(?:done|taken|performed|acquired|made|obtained"
        r"|shot)"
        r"|(?:time|date) of (?:the |this )?(?:\w+ )?(?:scan|exam|study|film|ct|mri?|ultrasound)"
        r"|(?:what|which) (?:time|day|date).{0,30}(?:film|scan|ct|mri?|x-?ray|done|taken"
        r"|performed)",
    ),
    (
        MetadataField.ORDERED_BY,
        r"谁开的|谁申请|申请医|哪[个位]医[生师](?:申请|开|送)"
        r"|谁(?:让|要)(?:做|拍|查)|哪个科(?:室)?(?:开|申|送|来)?|开单|申请科|who (?:ordered"
        r"|requested|referred|sent"
        r"|asked for)|(?:ordered|requested|referred) by"
        r"|which (?:department|doctor|team|ward) (?:ordered|requested|referred|sent|asked)"
        r"|which department|referr|requesting",
    ),
    (
        MetadataField.HISTORY,
        r"(?:啥|什么)(?:症状|情况).{0,3}来|为什么(?:来|要?(?:做|拍|查|照))|为啥(?:来|做|拍|查)|临床(?:病史|资料|诊断|信息)|病史"
        r"|主诉|检查目的|申请(?:理由|原因|单(?:上"
        r"|写)?)|末次月经|\blmp\b|last (?:menstrual )?period"
        r"|why was .{0,40}(?:done|ordered|taken|requested|scan|performed|imaged)"
        r"|clinical (?:history|indication|question|information|details)|\bindication\b"
        r"|reason for (?:the )?(?:exam|scan|study|request|referral|ct|mri?|x-?ray)|什么原因(?:来"
        r"|做|拍)"
        r"|what was (?:asked|the question)|request(?: form)? say",
    ),
    (
        MetadataField.CRITICAL_ALERT,
        r"危急|critical (?:call|alert|value|result|finding)|\balert\b|通知(?:了|的)?(?:谁|医生"
        r"|哪|临床)|谁通知"
        r"|告知(?:了)?谁|who was (?:told|notified|called|informed|phoned|alerted)"
        r"|(?:told|notified|phoned|called|informed|acknowledged) .{0,24}(?:when|and when)"
        r"|when .{0,40}(?:notified|phoned|informed|acknowledged|called)"
        r"|通知.{0,6}几点|打(?:了)?电话|电话通知|acknowledg|谁接(?:的|了)?(?:电话|危急)?"
        r"|whom? .{0,20}(?:called"
        r"|phoned|notified)",
    ),
    (
        MetadataField.TECHNIQUE,
        r"造影剂(?!外)|对比剂(?!外)|contrast (?:agent|medium|media|used|given|volume|dose|type"
        r"|injected)"
        r"|with or without contrast|(?:was |any |iv |what |which )contrast\b|contrast\?|打药|用药没"
        r"|几t\b|几t的|层厚"
        r"|slice thickness|thickness of the slices|ap or pa|pa or ap|站着|站位|坐着|卧位|躺着"
        r"|立位|supine"
        r"|\berect\b|upright|lateral view|lateral film|on the lateral|侧位(?!移)|哪些序列"
        r"|什么序列|几个序列"
        r"|\bsequences?\b|探头|\bprobe\b|transducer"
        r"|field strength|\btesla\b|增强(?:了吗|没|扫描|还是平扫|吗)|平扫|plain (?:ct|scan|film)"
        r"|non-?contrast"
        r"|unenhanced|几期|\bphases?\b|how was .{0,20}(?:done|performed|taken|scanned)|怎么(?:拍|扫"
        r"|做)的|体位"
        r"|\bviews?\b|\bprojections?\b|portable|bedside|床旁|床边|\bprone\b|decubitus|几张"
        r"|体重负荷|负重位"
        r"|weight-?bearing|transvaginal|经阴道|经腹|空腹|fasting|low[- ]dose|低剂量"
        r"|\bdose of radiation"
        r"|gadolinium|钆|碘|门控|\bgated\b",
    ),
)
_FIELDS = tuple((name, re.compile(pattern, _I)) for name, pattern in _METADATA)
_SERIES = re.compile(
    r"历次|每次|几次(?:分别|的|检查)|[两三四五]次(?:分别|的|都|内径|检查|怎么|各|大小)"
    r"|分别(?:是)?(?:多少|多大)|over time"
    r"|(?:all|both) (?:the |of the )?(?:two |three |four |five )?"
    r"(?:sizes|scans|cts|films|exams|studies|reports)"
    r"|over (?:all|the) (?:the )?(?:two |three |four |five )?"
    r"(?:cts|scans|exams|studies|films|reports|last)"
    r"|从.{1,10}到(?:现在|今"
    r"|这次|目前)|从(?:多少|几).{0,6}(?:变)?到|几毫米变到|变到(?:几|多少)|由.{1,6}变"
    r"|how has .{1,40}(?:changed|evolved|developed|progressed)|怎么变的|演变|timeline|\bserial\b"
    r"|\btrend\b|before and (?:now|after)|then and now|(?:since|from) when"
    r"|什么时候(?:开始|出现|发现|有)的?|(?:首次|第一次|最早)(?:出现|发现|看到|见)|first (?:seen"
    r"|noted|described|reported"
    r"|found|show|appear|detected|visible|mentioned)|(?:appear|show up|seen"
    r"|found)\w* (?:for the )?first"
    r"|on (?:each|every) (?:scan|film|exam|ct|report)|at each",
    _I,
)
_SIZE = re.compile(
    r"多大(?!年|岁)|大小|几(?:个)?(?:毫米|厘米|毫升|公分|cm|mm|度(?!以)|级|期|类|分|hu|肋|成|型)"
    r"|多少(?:毫米|厘米|公分|cm|mm|度|hu"
    r"|级|%|毫升|成)?(?!造影|对比|个|处|枚|根|颗|人|次)"
    r"|多[厚宽粗长深高远重少]|厚度|宽度|直径|内径|径线|三个径|(?:长|短|前后|横)径|深度|尺寸|第几"
    r"|哪一?级|哪(?:一)?类|评分|分级|分类(?!器)|分型"
    r"|哪(?:一)?型|什么型|几型"
    r"|how (?:big|large|wide|thick|long|deep|far|much|high|many percent|tall|dense)|\bsizes?\b"
    r"|diameter|dimension|measur(?:e|es|ing|ement)|thickness|\bdepth\b|\bwidth\b|\blength\b"
    r"|\bheight\b|\bdistance|calib(?:re|er)"
    r"|extent|in (?:mm|cm|hu)\b|\bmm\b(?=\s*\?)|\bratio\b|degree|\bangle\b|percent|%\s*\?|volume"
    r"|ti-?rads|bi-?rads|pi-?rads|\bsuv|\bgrad(?:e|ing)\b|\bscore\b|\btype\s*\?|(?:what"
    r"|which) (?:type|class|category|grade|stage|score)|schatzker|garden|weber|\bkl\b|k-l"
    r"|\bdensity"
    r"|百分之|百分比|几成|压缩多少|比(?:值)?是多少|多少$|\bgap\b|\bstage\b",
    _I,
)
_NUMBER = re.compile(
    r"几(?:个(?!月|星期|小时|径)|处|根|枚|颗|条|块|支)|多少(?:个|处|根|枚|颗|条|块)|一共|总共"
    r"|how many(?! (?:mm|cm|percent"
    r"|degrees|weeks|months|days|times|millim|hu))|number of|哪几|数量|数目|都在哪|单发还是多发"
    r"|多发还是单发"
    r"|multiple or single|single or multiple|solitary or",
    _I,
)
_WHICH_SIDE = re.compile(
    r"哪(?:一)?(?:边|侧)|左(?:边|侧)?还是右|右(?:边|侧)?还是左|which side|what side|which way"
    r"|which direction"
    r"|what direction|往哪|向哪|朝哪|left or right|right or left|unilateral or|which (?:kidney|lung"
    r"|knee|breast|eye|ear|adrenal|hip|shoulder|wrist|ankle|foot|hand|leg|arm|ovary|testis"
    r"|lobe of the thyroid)"
    r"|单侧还是双侧|双侧还是单侧",
    _I,
)
_WHERE = re.compile(
    r"哪(?:个|一)?(?:肺叶|叶|段|节|里|儿|肝段|椎|部位|根|象限|区|支|块骨)|在哪|到哪|卡在"
    r"|什么(?:位置|地方|部位)|何处|位置|到位|在c几|c几|尖端"
    r"|末端|深度合适|\bwhere\b"
    r"|which (?:lobe|segment|level|part|vertebra\w*|rib|region|artery|bone|quadrant|disc|area"
    r"|vessel|sinus|finger|zone|compartment)|(?:at|in|on) which|at what level|\blocation"
    r"|\bpositions?\b|\btips?\b|how far|what level|正不正|superior or inferior"
    r"|anterior or posterior|upper or lower|medial or lateral|pre- or post",
    _I,
)
LARGER = re.compile(
    r"增大|变大|长大|(?<!多)大了(?!吗|没)|(?<!最)(?:又|增)多了?|多了吧|加重|进展|增加|\bgrown"
    r"|\bgrow(?:ing|th)?\b"
    r"|\blarger\b|\bbigger\b|increas|\bworse|progress|gone up|doubled?\b|变厚|恶化|增厚|增宽"
    r"|widened since",
    _I,
)
SMALLER = re.compile(
    r"缩小|变小|小了|(?<!多)少了|好(?:点|些|转)|减少|减轻|(?<!未)吸收(?!科)|shrunk|shrink"
    r"|smaller|decreas|better"
    r"|improv|clearing|\bless\b|reduced|有效果|partial response|好转",
    _I,
)
RESOLVED = re.compile(
    r"没了|消失|消退|长好|愈合|resolved|(?:has|have|is|are|completely|all|now) gone\b|\bgone\s*\?"
    r"|cleared\b|healed|disappeared|back to normal|治好|恢复|复张|张开|闭合|拔(?:了|掉|除)|取出"
    r"|切(?:了|掉|除)"
    r"|removed|taken out|absorbed",
    _I,
)
SAME = re.compile(
    r"没变|无变化|未变|不变|unchanged|stable|the same|no change|\bstill\b|persist"
    r"|还是.{0,8}(?:毫米|厘米|cm|mm)"
    r"|同前|稳定",
    _I,
)
NEW = re.compile(r"新出现|新发|新的|新冒|新长|\bnew\b|新增", _I)
_CHANGED = re.compile(
    r"变化|变了|变没变|变吗|变成|长了没|多了还是少了|up or down|better or worse|worse or better"
    r"|大了还是小了|好转还是|加重还是"
    r"|change|changed|compared|\bvs\.?\b|than (?:last|before|in\b|on\b|yesterday)|\bsince\b"
    r"|跟.{1,10}比|和.{1,10}比|与.{1,10}比|比.{1,8}(?:好|差|大|小|多|少|重|轻|加|变|如何)|比上"
    r"|较前|\bstill\b|还(?:在|有|剩"
    r"|偏|压|没|是|大|肿|扩)|一样|复发|recur|移位没|(?:did|has|have) .{1,30} move|response|疗效"
    r"|效果|persist"
    r"|remain",
    _I,
)
_CERTAIN = re.compile(
    r"确定|肯定|确诊|排除|能除外|到底|definite|certain\b|\bsure\b|for sure|rule out|ruled out"
    r"|excluded\s*\?"
    r"|confirm|yes or no|百分百|一定是|确切|proven|doubt",
    _I,
)
CAUSE = re.compile(
    r"原因|为啥|为什么|引起|导致|因为|所致|堵的吗|造成|考虑啥|考虑什么|是什么(?:东西|病|性质)"
    r"|什么性质|\bcause|caused|due to|because"
    r"|\bwhy\b|from (?:the|a)\b.{1,20}\?|是edema还是|suspicious\?|benign|良性|恶性还是|还是恶性"
    r"|性质"
    r"|secondary to|reason for the (?!exam|scan|study)|origin\b|what is (?:it|this|the)",
    _I,
)
_KINDS = (
    (Kind.SERIES, _SERIES),
    (Kind.NUMBER, _NUMBER),
    (Kind.SIDE, _WHICH_SIDE),
    (Kind.SIZE, _SIZE),
    (Kind.PLACE, _WHERE),
    (Kind.CERTAINTY, _CERTAIN),
    (Kind.CAUSE, CAUSE),
    (Kind.CHANGE, _CHANGED),
    (Kind.CHANGE, LARGER),
    (Kind.CHANGE, SMALLER),
    (Kind.CHANGE, RESOLVED),
)


def fields_of(lower: str) -> tuple[MetadataField, ...]:
    """Return what is asked for of what is known beside the text."""
    return tuple(name for name, pattern in _FIELDS if pattern.search(lower))


def kind_of(lower: str, fields: tuple[MetadataField, ...]) -> Kind:
    """Return what a question in lower case asks for."""
    if _ORDER.search(lower):
        return Kind.ORDER
    if _OUTSIDE.search(lower):
        return Kind.OUTSIDE
    if _IMAGE.search(lower):
        return Kind.IMAGE
    if _DEFINITION.search(lower):
        return Kind.DEFINITION
    if _REPORT_ADVICE.search(lower) or _IMAGING_DECISION.search(lower):
        return Kind.ADVICE
    if _DECISION.search(lower) and not fields:
        return Kind.DECISION
    if _QUALITY.search(lower):
        return Kind.QUALITY
    if fields:
        return Kind.METADATA
    return next((kind for kind, pattern in _KINDS if pattern.search(lower)), Kind.PRESENCE)


def imaging_decision(lower: str) -> bool:
    """Return whether it is asked if an examination is needed, rather than what is advised."""
    return _IMAGING_DECISION.search(lower) is not None and _REPORT_ADVICE.search(lower) is None


def compares(lower: str) -> bool:
    """Return whether a question compares with before."""
    return _CHANGED.search(lower) is not None


def change_of(lower: str) -> str | None:
    """Return the one change that a question names: larger, smaller, resolved, unchanged, new."""
    named = [
        name
        for name, pattern in (
            ("larger", LARGER),
            ("smaller", SMALLER),
            ("resolved", RESOLVED),
            ("unchanged", SAME),
            ("new", NEW),
        )
        if pattern.search(lower)
    ]
    return named[0] if len(named) == 1 else None


_TAG = re.compile(
    r"(?:是|对)(?:吧|吗|不对|的吧)[？?]?$|吧(?:[？?]?$|[，,])|咯[？?]?$|对吧|是吧|对不对|没错吧|是不是啊"
    r"|对吗|是吗[？?]?$"
    r"|,\s*(?:right|ok|okay)\s*\?\s*$|(?<!the)(?<!on)(?<!or)\sright\s*\?\s*$"
    r"|(?<!or)(?:,|\s)(?:yes|no|correct|agreed|ja|then|huh|eh|true)\s*\?\s*$|(?:is|has|does|are"
    r"|was|were|have|did|do)n't (?:it|they|he|she|there)"
    r"|^so\b|still .{1,30}correct|^right,|^i (?:assume|take it|guess|think)|presumably|i thought",
    _I,
)
_ASKS = re.compile(
    r"[？?]|吗|呢|么\b|没有?(?:$|[，,])|不$|(.)[不没未]\1|是不是|会不会|有没有|还是|报告.{0,2}写|\by/n\b"
    r"|yes.{0,4}no\b|哪|几|多|什么|啥|怎|咋|谁|何|是否|有无|有没|\b(?:is|are|was"
    r"|were|does|do|did|has"
    r"|have|any|what|which|where|when|how|who|why|can|could)\b",
    _I,
)
_OPEN = re.compile(
    r"有没有?|有木有|有无|是否有|是否|有.{0,14}(?:吗|没|么|不)|(?:吗|没|么|没有|呢|不)[？?]?$"
    r"|\b(?:any|is there|are there"
    r"|do you see|evidence of|signs? of|does (?:he|she|it|the patient) have|was there"
    r"|were there)\b"
    r"|(.)不\1|yes or no",
    _I,
)
_EXISTS = re.compile(
    r"有没有?|有木有|有无|是否有|存在|有.{0,14}(?:吗|没|么|不)[？?]?$|没[？?]?$|(?<!还)有吗"
    r"|\b(?:any|is there|are there"
    r"|do you see|evidence of|signs? of|was there|were there)\b",
    _I,
)
_NORMAL = re.compile(
    r"正常|\bok\b|okay|\bnormal\b|有(?:没有)?(?:事|问题|毛病)|有事|怎么样|咋样|如何|行吗|合适"
    r"|in place|在位|fine\b|好不好"
    r"|satisfactory|intact|well placed|good position|right place|正不正|对不对|到位|所见"
    r"|anything (?:wrong"
    r"|abnormal)|"
    r"(?:any|what) (?:abnormalit|problem|finding)|congruent|patent|通畅|通不通|好吗|all right"
    r"|clear\s*\?",
    _I,
)
_PROPERTY = re.compile(
    r"多不多|重不重|深不深|形态|哪型|什么型|型吗|类型|程度|严重吗|多严重|厉害|范围|还剩|还有多"
    r"|在.{1,4}还是|哪种|什么样|(?:what"
    r"|which) (?:type|kind|grade|shape|sort|form|pattern)|\btype\s*\?|(?<!any )\bshape"
    r"|\bhow (?!many times|come)|extent|severe|severity|\bwhere\b|\bwhich\b|压得"
    r"|那[个根块条颗片处枚只]"
    r"|这[个根块条颗片处枚只]|(?:pre|post)[- ]or|superior or|or inferior|\bgrade\b|分几型|几型"
    r"|\bwhat about\b|朝向|往哪",
    _I,
)
_LISTING = re.compile(r"还是|或|、|\bor\b|\band\b|[，,]\s*有没有|和|及|以及|\bvs\b")
_NEUTRAL_CHANGE = re.compile(
    r"变化|变没变|变了?吗|变多少|变了多少|还是|or worse|or better|up or down|change|compare"
    r"|比(?:呢|吗|如何)|了没|了吗|了没有"
    r"|好点没|response|效果"
)


def tagged(lower: str) -> bool:
    """Return whether a question only wants to be agreed with."""
    return _TAG.search(lower) is not None


def states(lower: str) -> bool:
    """Return whether a question has no word or sign that asks."""
    return _ASKS.search(lower) is None


_SAID = re.compile(r"了[。！!]?$|\b(?:look|seem|appear)s?\b")


def says_it_is_so(lower: str) -> bool:
    """Return whether a question without any word that asks is a sentence, not a heading."""
    return states(lower) and _SAID.search(lower) is not None


_SURE = re.compile(r"确定|确诊|确认|肯定|已经|confirm|definite|proven|certain|\bsure\b", _I)


def takes_for_sure(lower: str) -> bool:
    """Return whether a question calls what it names certain."""
    return _SURE.search(lower) is not None


_NO = re.compile(
    r"(?<!有)没(?!有?[？?]?$|有?没|错)|并?无(?!法|力)|不(?!是吧|对|用|算|好|让)|未|\bno\b(?!\s*\?)|\bnot\b|\bwithout\b"
    r"|\bnever\b|\bnone\b",
    _I,
)
_AGREED = re.compile(
    r"(?:是|对)(?:不[是对])?(?:吧|吗)?[？?]?$|没错吧?|(?:is|has|does|are|was|were|have|did|do)n't"
    r" (?:it|they|he|she|there)|,? (?:right|yes|no|correct|agreed|ok|true) *\?*$",
    _I,
)


def denies(lower: str) -> bool:
    """Return whether a question that wants to be agreed with says that something is not there."""
    return tagged(lower) and _NO.search(_AGREED.sub(" ", lower)) is not None


def without_changes(lower: str) -> str:
    """Return a question with blanks for its words of change."""
    for pattern in (LARGER, SMALLER, RESOLVED, SAME, NEW):
        lower = pattern.sub(lambda match: " " * len(match.group()), lower)
    return lower


def asks_openly(lower: str) -> bool:
    """Return whether it is asked if something is so."""
    return _OPEN.search(lower) is not None


_PLAINLY = re.compile(
    r"有没有|有木有|有无|是否有|\bany\b|is there|are there|evidence of|signs? of", _I
)


def asks_existence(lower: str, *, alone: bool) -> bool:
    """Return whether it is asked if something is there at all. `alone`: nothing is said of it in
    the question, so that an ending will do."""
    return (_EXISTS if alone else _PLAINLY).search(lower) is not None


def asks_for_normal(lower: str) -> bool:
    """Return whether it is asked if something is in order."""
    return _NORMAL.search(lower) is not None


def asks_property(lower: str) -> bool:
    """Return whether a property of something is asked for, which takes it for there."""
    return _PROPERTY.search(lower) is not None


def lists(lower: str) -> bool:
    """Return whether a question lists things."""
    return _LISTING.search(lower) is not None


_NEGATED = re.compile(
    r"还没|尚未|没有?(?=完全|愈合|长好|张开|吸收|消失|好转|复张)|not yet|hasn't|haven't|has not"
    r"|have not|still not",
    _I,
)


def negates_change(lower: str) -> bool:
    """Return whether a question takes for true that something has not changed yet."""
    return _NEGATED.search(lower) is not None


def neutral_change(lower: str) -> bool:
    """Return whether it is asked how something has changed, rather than taken to have."""
    return _NEUTRAL_CHANGE.search(lower) is not None
