"""Plain text, read line by line."""

from __future__ import annotations

import re

from radraft.reports.values import Lang
from tests.read_back.facts import Facts, minute, only

LABELS = {
    "zh": {
        "姓名": "printed_name", "性别": "sex", "年龄": "age", "出生日期": "birth_date",
        "患者编号": "patient_number", "检查号": "accession", "检查项目": "exam",
        "检查时间": "study_time", "临床病史": "history", "书写医师": "author",
        "审核签发": "signer", "书写并签发": "signer", "报告状态": "status",
        "修订": "reason", "补充": "reason",
    },
    "en": {
        "Patient": "printed_name", "Sex": "sex", "Age": "age", "Birth date": "birth_date",
        "Patient ID": "patient_number", "Accession": "accession", "Examination": "exam",
        "Examined": "study_time", "History": "history", "Written by": "author",
        "Reviewed and signed by": "signer", "Written and signed by": "signer",
        "Status": "status", "Amendment": "reason", "Addendum": "reason",
    },
}  # fmt: skip
HEADINGS = {
    "影像所见": ("zh", 0), "诊断意见": ("zh", 1), "Findings": ("en", 0), "Impression": ("en", 1),
}  # fmt: skip
SEXES = {"zh": {"M": "男", "F": "女", "O": "其他"}, "en": {"M": "M", "F": "F", "O": "other"}}
STATUSES = {
    "zh": {"final": "正式报告", "corrected": "更正报告", "appended": "补充报告",
           "preliminary": "初步报告，待审核"},
    "en": {"final": "Final report", "corrected": "Corrected report",
           "appended": "Report with addendum",
           "preliminary": "Preliminary report, waits for review"},
}  # fmt: skip
NOT_SIGNED = {"zh": "尚未签发", "en": "Not signed yet"}
CARRIED = (
    "sentences", "marks", "reason", "patient_number", "printed_name", "birth_date", "sex", "age",
    "accession", "exam", "history", "study_time", "author", "signer", "institution",
    "submitted_at", "signed_at", "status", "version",
)  # fmt: skip


def carried(told: Facts, lang: Lang) -> Facts:
    """Return what a text with labels in `lang` carries of `facts`, as paper writes it."""
    zone = told["time_zone"]
    alone = told["submitted_at"] is None
    return only(told, CARRIED) | {
        "marks": told["marks"][lang],
        "exam": told["exam"][lang],
        "printed_name": told["printed_name"][lang],
        "sex": SEXES[lang].get(told["sex"], ""),
        "age": "" if told["age"] is None else f"{told['age']} {'岁' if lang == 'zh' else 'years'}",
        "study_time": minute(told["study_time"], zone),
        "author": "" if alone else told["author"],
        "signer": told["signer"] or NOT_SIGNED[lang],
        "institution": told["institution"][lang],
        "submitted_at": minute(told["submitted_at"], zone),
        "signed_at": minute(told["signed_at"], zone),
        "status": STATUSES[lang][told["status"]],
    }


def read(data: bytes, lang: Lang) -> Facts:
    """Return what the text says."""
    blocks = data.decode().rstrip("\n").split("\n\n")
    head, fields, *sections, foot = [block.split("\n") for block in blocks]
    found: Facts = dict.fromkeys(CARRIED, "")
    found["institution"] = head[0].split("  ")[0]
    found["sentences"] = {}
    for heading, *lines in sections:
        section_lang, index = HEADINGS[re.sub("[：:]$", "", heading)]
        found["sentences"].setdefault(section_lang, [[], []])[index] = lines
    between = "\u3000" if lang == "zh" else "    "
    colon = "：" if lang == "zh" else ": "
    for text in (part for line in fields for part in line.split(between)):
        label, value = text.split(colon, 1)
        found[LABELS[lang][label]] = value
    marks = []
    for line in foot:
        label, *rest = line.split(colon, 1)
        name = LABELS[lang].get(label)
        if name is None:
            marks.append(line)
        elif name in ("author", "signer"):
            found[name], *minutes = rest[0].split(between)
            found["submitted_at" if name == "author" else "signed_at"] = "".join(minutes)
        elif name == "status":
            found["status"], version = rest[0].split(" · ")
            found["version"] = int(re.sub(r"\D", "", version))
        else:
            found[name] = rest[0]
    found["marks"] = marks
    return found
