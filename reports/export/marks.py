"""What a report's readers are told of the machine that wrote any of it first, and of its use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.reports.values import Lang

GENERATED: Mapping[Lang, str] = MappingProxyType({"zh": "AI 生成", "en": "AI-generated"})
"""Of a text for which no signature stands yet: the reading desk's words for it."""
ASSISTED: Mapping[Lang, str] = MappingProxyType(
    {"zh": "AI 辅助，医师审核", "en": "AI-assisted, reviewed by a physician"}
)
"""Of a text for which a signature stands."""
RESEARCH: Mapping[Lang, str] = MappingProxyType(
    {"zh": "所用 AI 软件仅供研究使用", "en": "The AI software is for research use only"}
)
"""Of radraft itself, not of the report: whoever signs answers for that."""


def mark(report: OutgoingReport, lang: Lang) -> str:
    """Return the mark that a reader of `report` sees, in `lang`; empty where people wrote all of
    it."""
    if not report.ai_assisted:
        return ""
    unsigned = report.status is OutgoingStatus.PRELIMINARY
    return (GENERATED if unsigned else ASSISTED)[lang]


def research_notice(report: OutgoingReport, lang: Lang) -> str:
    """Return what stands beside the mark of `report`, in `lang`: what use the software is meant
    for; empty where there is no mark."""
    return RESEARCH[lang] if report.ai_assisted else ""
