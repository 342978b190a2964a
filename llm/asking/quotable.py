"""What may be quoted of a report: its sentences, and what is known beside them, as sentences."""

from __future__ import annotations

from functools import lru_cache

from radraft.llm.asking.evidence import is_order, sentences_of
from radraft.llm.asking.values import MetadataField, Source, SourceSentence

_LABELS = {
    MetadataField.TECHNIQUE: ("检查技术：", "technique of the examination: "),
    MetadataField.QUALITY: ("图像质量：", "quality and limits of the images: "),
    MetadataField.HISTORY: ("申请单上的病史：", "clinical history in the request: "),
    MetadataField.ORDERED_BY: ("申请医师，谁开的单：", "requested by, who ordered it: "),
    MetadataField.AUTHOR: (
        "报告医师，谁写的报告、谁签的字：",
        "reported by, who wrote and signed: ",
    ),
    MetadataField.REVIEWER: ("审核医师，谁审核的：", "reviewed by, who checked and approved: "),
    MetadataField.PERFORMED_AT: ("检查时间，什么时候做的：", "examined at, when it was done: "),
    MetadataField.SIGNED_AT: ("签发时间，什么时候出的报告：", "signed at, when it was reported: "),
    MetadataField.CRITICAL_ALERT: (
        "危急值，电话通知了谁、几点：",
        "critical result, who was phoned and when: ",
    ),
}
"""What stands before a field where its nearness to a question is measured; it is not quoted."""


def quotable(source: Source) -> tuple[SourceSentence, ...]:
    """Return the sentences that state something, then the known fields, each by its name as `id`
    and with what it is before its text. What addresses the machine is not among them."""
    return tuple(sentences_of(source)) + fields_of(source)


@lru_cache(maxsize=256)
def fields_of(source: Source) -> tuple[SourceSentence, ...]:
    """Return what is known beside the sentences."""
    known = dict(source.metadata)
    fields = (
        SourceSentence(name.value, zh + known[name], en + known[name])
        for name, (zh, en) in _LABELS.items()
        if known.get(name)
    )
    return tuple(one for one in fields if not is_order(one))
