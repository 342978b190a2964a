"""Sentences with places for identity, held out: not looked at while the rules were tuned."""

ZH = """
姓名 {name_label} 年龄 {years} 主诉：间断咯血2月
受检者：{name_label}，单位体检，无不适。
患儿{name_label}，生后气促6小时，新生儿肺炎？
监护人：{name_label}（电话{phone}），患儿喘息2天。
送检医生：{name_label}，右肺门占位待查。
书写医师：{name_label}；审签：{name_label}。两肺未见明显活动性病变。
操作技师：{name_label}，屏气欠佳，图像伪影较重。
主诉：{name_title}先生，右胸刺痛3天，深呼吸时加重。
{name_title}主治医师阅片：左肺下叶背段小结节，建议3个月后复查。
请{name_title}院长会诊，考虑间质性肺炎。
{name_title}老师建议加扫薄层，肺窗观察。
村医{name_title}医生予以青霉素治疗，症状未缓解。
带教{name_title}副主任医师审核，纵隔增宽。
小区保安{name_title}师傅，晕倒后摔伤左肩。
{name_cue}主因“咳嗽、气短10天”入院，查体双肺湿啰音。
{name_cue}，女，{years}岁，糖尿病足，术前检查。
其母{name_cue}述患儿昨夜突发高热抽搐。
通知{name_cue}到场签字，拟行胸腔闭式引流。
患者丈夫{name_cue}否认结核接触史。
{name_cue}自诉左侧胸部隐痛，无放射痛。
联系{name_cue}后得知患者曾行支架植入。
委托{name_cue}代取报告，肺癌术后。
左肺上叶病灶，参照{name_free}的片子，形态相似。
本例由{name_free}首先发现，考虑错构瘤。
图像左右标反，{name_free}已经改好，心影不大。
胸椎退行性变，昨天{name_free}也看过。
气胸复查，{known_zh}，右侧胸腔闭式引流术后。
{known_zh}之前片提示肺大疱。
病人{known_zh}要求复印胶片，双肺清。
Patient {known_pinyin} 外伤后胸痛。
患者（{id}）既往有哮喘史。
有效证件：{id}，入伍体检。
持护照 {passport} 入境，发热筛查。
联系方式 {phone}，腰痛1年，L4/5椎间盘突出。
随访请拨打{phone}，肺结节3年。
女儿手机号是{phone}，老人卧床。
登记号：{record}，{bed}，气管插管术后。
就诊卡号 {record}，胸壁肿物。
病历号{record}，食管癌放疗后。
放射编号：{record}，胃泡位置正常。
转自{bed}，多发伤，骨盆骨折。
居住地：{address_zh}，无疫区接触史。
常住{address_zh}，务农，喘憋2年。
患者系{address_zh}村民，有石棉接触史。
{date}在我院行冠脉搭桥，现胸骨钢丝在位。
自{date}起咳嗽，抗感染无效。
与{date}片比较，病灶略缩小。
手术日期：{date}，人工髋关节置换术后。
在{institution_zh}做过支气管镜，病理鳞癌。
{institution_zh}转诊，急性胰腺炎伴胸水。
电子邮件：{email}，外院片已上传。
加微信{account}联系，慢性咳嗽。
报告查询地址：{url}，两肺纹理清晰。
被{plate}撞伤，左锁骨骨折。
社保号：{insurance}，职业性尘肺病。
老人{age}岁，吞咽困难，吸入性肺炎可能。
"""
EN = """
Pt name {name_label_en}, here for annual screening, no complaints.
Attending: {name_label_en}. Line placement, interval change?
Reported by {name_label_en}, consultant radiologist. Lungs are clear.
Technologist: {name_label_en}. Limited inspiration.
Ordering provider: {name_label_en}. Persistent cough.
Critical result relayed to Dr {name_title_en} at 14:20, who acknowledged receipt.
Ms. {name_title_en} is status post mastectomy with new back pain.
I spoke with Dr. {name_title_en} regarding the pneumothorax.
Nurse {name_title_en} noted desaturation overnight.
Reviewed by {name_title_en}, M.D., no change in the effusion.
Her daughter {name_cue_en} states she fell yesterday.
Case was reviewed with {name_cue_en}, who agrees with the findings.
Per {name_cue_en}, the tube was advanced 2 cm.
{name_free_en} was admitted with hemoptysis and weight loss.
Old radiographs belong to {name_free_en}, not to this patient.
{pinyin} was referred for evaluation of a lung mass.
Mother of {pinyin} reports wheezing since birth.
{known_en} is short of breath; evaluate for edema.
Patient {known_en} denies fever. Right pleural effusion.
Prior study of {known_pinyin} shows calcified granuloma.
Hospital number {record}; postoperative film, drain in place.
Acc No: {record}. Two views of the chest.
Chart # {record}, chest wall pain.
Social security number {ssn}. Occupational lung disease.
Tel {phone_en}, next appointment in 6 months.
Can be reached at {phone_en} after 5 pm.
Travel document {passport}, immigration chest x-ray.
Resides at {address_en} with two cats; asthma.
Address {address_en}; pigeon breeder.
Radiograph from {date_en} is compared; effusion has decreased.
Since {date_en} the patient has had night sweats.
Surgery date: {date_en}. Right hip prosthesis.
She was treated at {institution_en} for tuberculosis.
Outside CT ({institution_en}) describes a hilar mass.
Email {email} if further views are required.
PACS link: {url} for the prior examination.
Health plan ID: {insurance}. Smoker.
{age} y.o. man with aspiration pneumonia.
Aged {age}, found down at home; head and chest injury.
Portable film, {bed_en}, nasogastric tube check.
"""
