"""In which form a question is put, read alike in both languages.

Who asks openly ("which", 哪) takes little for true; who asks why, points at something or wants to
be agreed with may take for true what the report says is otherwise.
"""

from __future__ import annotations

import re

_FORMS = {
    "form_open": re.compile(
        r"哪|多[大少长宽厚深高久远重粗]|几|什么|啥|怎|咋|谁"
        r"|\b(?:how|which|where|what|when|who|whose)\b",
        re.I,
    ),
    "form_why": re.compile(r"为什么|为啥|怎么会|原因|\bwhy\b|cause|due to|because", re.I),
    "form_yes_no": re.compile(
        r"(\w)[不没]\1|有没有|是否|有无|(?:[吗嘛么不没]|没有)\s*[?？]?$"
        r"|^(?:is|are|was|were|has|have|did|does|do|can|could|any)\b|\b(?:any|yes or no|y/n)\b",
        re.I,
    ),
    "form_any": re.compile(
        r"有没有|有无|有.*[吗么没]|\bany(?:thing|one|where)?\b|is there|are there", re.I
    ),
    "form_either": re.compile(r"还是|或|\bor\b|/", re.I),
    "form_agree": re.compile(
        r"吧|对[吗么不]|是不是|没错|\b(?:right|correct|yes|no|yeah)\s*\?"
        r"|n't (?:it|there|they|he|she)\b|\bso\b|confirm",
        re.I,
    ),
    "form_points": re.compile(
        r"那|这|该|\b(?:the|that|this|those|these|his|her|its|their)\b", re.I
    ),
    "form_story": re.compile(r"[,，;；。.!！-]\s*\S"),
    "form_number": re.compile(
        r"\d|[一二两三四五六七八九十]|\b(?:one|two|three|four|five|six|both)\b", re.I
    ),
    "form_already": re.compile(
        r"已|既然|都|又|还|仍|\b(?:already|still|since|given|now|again)\b", re.I
    ),
}


def forms(question: str) -> dict[str, float]:
    """Return for each form 1 where a question has it, else 0."""
    text = question.strip()
    return {name: float(form.search(text) is not None) for name, form in _FORMS.items()}
