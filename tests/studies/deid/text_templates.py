"""Sentences with places for identity, to tune on: `{slot}`, as `text_corpus` fills it."""

ZH = """
姓名：{name_label}，男，{years}岁，咳嗽、咳痰3天。
患者姓名:{name_label} 性别:女 胸痛待查
患者{name_label}，因反复咳嗽、咳痰伴发热5天入院。
联系人：{name_label}，联系电话：{phone}，右肺结节复查。
家属{name_label}诉患者夜间呼吸困难，双下肢水肿。
申请医师：{name_label}；临床诊断：肺炎。
报告医生：{name_label} 审核医生：{name_label} 右肺上叶结节，建议复查。
检查技师 {name_label}，投照条件 120 kV，吸气不足。
记录者：{name_label}。双肺纹理增多。
{name_title}女士，胸闷气短半月，既往高血压病史10年。
经{name_title}主任会诊，考虑肺部感染，建议抗炎治疗后复查。
请{name_title}医生结合临床，右下肺斑片影。
{name_title}教授查房后示：高密度影较前吸收。
患者的主管护士{name_label}护士长告知病情。
由{name_title}大夫转来，白细胞 13.1×10^9/L。
邻居{name_title}大爷陪同来诊，黄疸2周。
{name_cue}因胸痛半天来我院就诊，心电图未见异常。
{name_cue}，男，{years}岁，发热伴乏力。
陪同人{name_cue}代诉，患者意识模糊1小时。
其妻{name_cue}签字同意行增强扫描。
已电话告知{name_cue}，嘱其复查胸部CT。
与{name_cue}沟通病情，同意随访。
经{name_cue}同意后行穿刺活检。
{name_cue}于外院行右肺切除术，术后恢复可。
患者之子{name_cue}要求出院。
{name_cue}主诉胸闷3天，加重1天。
其女{name_cue}述患者近日食欲差。
患者母亲{name_cue}否认家族史。
电话通知{name_cue}，家属表示理解。
由{name_cue}陪同步行入室。
患儿{name_cue}，生后3天，皮肤黄染。
向{name_cue}交代病情及风险。
{name_cue}昨日受凉后出现咳嗽。
{name_cue}的片子已拷贝，双肺清晰。
此片非{name_free}本人，请核对。
经讨论{name_free}认为炎症可能性大。
左肺结节，{name_free}建议穿刺。
图像由{name_free}采集，{name_free}后处理。
右肺占位，{name_free}的旧片已对比，较前增大。
上次片子是{name_free}拍的，本次位置不正。
双肺未见异常，{name_free}那份报告已更正。
左侧胸腔积液，以前在{name_free}那里看过。
资料和{name_free}混淆，现已核对无误。
患者{known_zh}，咳嗽3天，请排除肺结核。
{known_zh}，右肺结节术后2月复查。
{known_zh}诉胸痛，家属否认外伤史。
右肺{known_given}片状影，{known_zh}复查。
患者{known_pinyin}，外籍，咳血1周。
身份证号：{id}，既往体健。
身份证{id}，高血压病史20年。
证件号码为 {id} ，糖尿病10年，口服二甲双胍。
护照号{passport}，外籍人员入职体检。
电话：{phone}，有事请联系家属。
手机{phone}，右侧肋骨骨折复查。
如有危急值请致电{phone}，谢谢。
家属电话 {phone}（女儿），呼吸困难加重。
住院号：{record}，{bed}，肺部感染。
病案号 {record} 的患者，左肺下叶实变。
门诊号{record}，胸闷待查。
检查号：{record}，对比前片，肺水肿较前好转。
影像号为{record}，心影增大。
CT号：{record}，右肺上叶磨玻璃结节 8 mm。
参见{record}号检查，未见明显变化。
{bed}患者，机械通气中，气管插管位置。
现住{address_zh}，有煤矿粉尘接触史20年。
家住{address_zh}，养鸽子多年，干咳。
患者来自{address_zh}，发热、咳嗽3天。
地址：{address_zh}。临床诊断：矽肺。
户籍{address_zh}，吸烟30年，每日20支。
{address_zh}人，农民，干咳1月。
{date}外院CT示右肺结节，现复查。
于{date}行左肺上叶切除术，病理为腺癌。
对比{date}胸片，右侧胸腔积液较前减少。
出生日期：{date}，早产儿，呼吸窘迫。
{date}开始发热，最高39.2℃，口服抗生素无效。
末次检查时间：{date}，双肺多发转移瘤。
曾在{institution_zh}就诊，诊断为肺结核，规律抗痨治疗。
{institution_zh}胸片提示左上肺空洞。
由{institution_zh}转入，气管切开术后。
邮箱 {email}，请发送报告，右肺结节随访。
微信号：{account}，随访用，慢阻肺。
QQ：{account}，术后随访。
图像链接 {url} 可查阅，左肺结节。
车祸伤，肇事车牌{plate}，右侧多发肋骨骨折。
医保卡号：{insurance}，矽肺三期。
参保号 {insurance}，尘肺复查。
患者{age}岁，跌倒后髋部疼痛。
男，{age}岁，心衰，双肺水肿。
"""
EN = """
Patient name: {name_label_en}. Cough for 3 weeks, rule out pneumonia.
Name: {name_label_en}, 54-year-old male with dyspnea.
Referring physician: {name_label_en}. History of COPD.
Electronically signed by {name_label_en}, MD. No acute disease.
Dictated by: {name_label_en}. Heart size is normal.
Radiologist: {name_label_en}. Stable right upper lobe nodule.
Findings discussed with Dr. {name_title_en} by telephone at 3 pm.
Mrs. {name_title_en} presents with chest pain and shortness of breath.
Mr {name_title_en} has a history of hypertension.
Prof. {name_title_en} reviewed the images and agrees.
Results were called to {name_title_en}, RN, in the emergency department.
DR. {name_title_en} NOTIFIED. SMALL LEFT PLEURAL EFFUSION.
His wife {name_cue_en} reports fever for two days.
Findings were communicated to {name_cue_en} at the time of dictation.
Patient was seen by {name_cue_en} for worsening cough.
{name_free_en} is a 62 year old woman with lung cancer.
Compared with the film of {name_free_en}, the opacity is larger.
{pinyin} presented with cough and low grade fever.
Accompanied by {pinyin}, the patient denies trauma.
Discussed with {pinyin} before contrast injection.
{known_en} has had a productive cough for 5 days.
Follow up of {known_en}, status post lobectomy.
{known_pinyin}, right lower lobe pneumonia, compare with prior.
History: {known_pinyin} fell from a ladder; rib fracture?
MRN: {record}. Left lower lobe consolidation.
Medical record number {record}, evaluate line placement.
Accession #: {record}, comparison with outside CT.
Patient ID {record}; preoperative chest radiograph.
See exam {record} for details, unchanged.
SSN {ssn}, smoker, 40 pack years.
Phone: {phone_en}. Please call with results.
Call {phone_en} with critical findings; pneumothorax.
Passport no. {passport}, visa screening for tuberculosis.
Lives at {address_en}, exposed to asbestos.
Home address: {address_en}. Chronic cough.
Comparison: chest radiograph dated {date_en}.
CT of {date_en} showed a 12 mm nodule in the right upper lobe.
DOB: {date_en}. Evaluate for pneumonia.
Symptoms began on {date_en} with fever and chills.
Status post CABG {date_en}, sternal wires intact.
Transferred from {institution_en} with sepsis.
Prior films from {institution_en} are not available.
Contact {email} for prior images.
Images at {url} were reviewed.
WeChat: {account}, follow up of COPD.
Insurance number: {insurance}, pneumoconiosis.
Motor vehicle accident, license plate {plate}, rib pain.
A {age}-year-old female with congestive heart failure.
Patient is {age} years old, fall from bed.
Patient in {bed_en}, endotracheal tube position.
"""
