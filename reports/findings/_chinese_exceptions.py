"""A whole study called normal but for something: then it is not normal."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from radraft.reports.findings._chinese_clauses import Clause, Found
from radraft.reports.findings._chinese_rules import rules, words
from radraft.reports.values import Certainty

_NORMAL = "no_finding"
# What closes the words that are taken out: 未见异常,左侧锁骨骨折除外. What is not, not yet or
# already ruled out is no exception: 脑干出血不除外, 骨折待除外, 气胸已除外.
_CLOSING = ("除外", "例外")
_LEFT_OUT = re.compile(f"(?<![不未能待已可以法须需全确本暂])(?:{'|'.join(_CLOSING)})$")


def set_exceptions(sentence: str, parts: list[Clause]) -> None:
    """Drop the summary of normality that a sentence makes an exception to (除…外, 但, 仅见)."""
    _excepted_after(sentence, parts)
    found = [finding for clause in parts for finding in clause.found if not finding.dropped]
    stated = [f for f in found if f.code != _NORMAL and f.polarity is not Certainty.ABSENT]
    if not stated:
        return
    for finding in found:
        if finding.code == _NORMAL and _excepts(sentence, finding, stated):
            finding.dropped = True


def opens_with_exception(sentence: str) -> bool:
    """Whether a sentence takes something out of what the one before it says (…除外)."""
    return bool(_exception().match(sentence) or _LEFT_OUT.search(sentence))


@cache
def _exception() -> re.Pattern[str]:
    return re.compile("|".join(rules()["exceptions"].split()))


def _excepts(sentence: str, normal: Found, stated: list[Found]) -> bool:
    last = max(finding.end for finding in stated)
    around = sentence[: max(last, normal.end)]
    # 胸部未见明显异常,气胸不能除外: what cannot be ruled out takes the summary back too.
    if sentence.rstrip(">").endswith(_CLOSING) or _exception().search(around):
        return True
    # 没有急性异常,但有肺气肿: what is old takes nothing from what is said of the acute.
    acute = any(word in sentence[normal.start : normal.end] for word in ("急性", "活动"))
    return not acute and any(word in around for word in words("additions"))


def _excepted_after(sentence: str, parts: list[Clause]) -> None:
    """未见异常,左侧锁骨骨折除外: what is taken out is there."""
    for before, clause in pairwise(parts):
        normal = any(finding.fixed or finding.code == _NORMAL for finding in before.found)
        said = sentence[clause.start : clause.end]
        if normal and (_LEFT_OUT.search(said) or said.startswith("除外")):
            for finding in clause.found:
                finding.polarity = Certainty.PRESENT
