"""What the starter was asked to reach, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from radraft.bench.starter_card.scores import MEAN
from radraft.eval.report.words import Both

LEAST_FAR = 0.2
"""A baseline is far below where the draft leads by at least this much, the interval's low end
included."""
CHANCE = 0.5
"""An AUROC up to here, as its interval's low end, counts as fallen to chance."""


COVID = Both("COVID 集", "COVID set")


class Met(StrEnum):
    """Whether a goal is reached."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """The figure is undefined or was not measured."""


@dataclass(frozen=True)
class Goal:
    """One thing to reach, and what was reached."""

    what: Both
    wanted: str
    found: str
    met: Met


def goals(stages: Mapping[str, Any]) -> tuple[Goal, ...]:
    """All goals that the stages which were run bear on."""
    found: list[Goal] = []
    if "encoder" in stages:
        found += _encoder(stages["encoder"]["values"])
    for source in ("kermany", "nih14", "covid"):
        if f"draft_{source}" in stages:
            values = stages[f"draft_{source}"]["values"]
            found += _DRAFTS[source](values)
            found += _written(source, values["drafts"])
    return tuple(found)


_AUROC = (
    ("kermany", "pneumonia_in_child", 0.993, Both("肺炎与正常（儿童）", "normal vs pneumonia")),
    ("kermany", "bacterial_pneumonia", 0.84, Both("细菌性与病毒性肺炎", "bacterial vs viral")),
    ("nih14", MEAN, 0.74, Both("成人各征象平均", "mean over adult findings")),
    ("nih14", "no_finding", 0.88, Both("成人未见异常", "adult, No Finding")),
)


def _encoder(values: Mapping[str, Any]) -> Iterator[Goal]:
    for source, head, least, name in _AUROC:
        ways = values[source]["auroc"].get(head)
        if ways is None:
            continue
        ours, theirs = ways["trained"], ways["untrained"]
        yield _at_least(Both(f"AUROC：{name.zh}", f"AUROC, {name.en}"), least, ours)
        value, other = ours["value"], theirs["value"]
        yield Goal(
            Both(
                f"AUROC：{name.zh}，高于未训练主干的逻辑回归",
                f"AUROC, {name.en}, above the regression on the untrained trunk",
            ),
            f"> {_number(other)}",
            shown(ours),
            _met(None if value is None or other is None else value > other),
        )
        covered = ways["lungs_covered"]
        low = covered["low"]
        yield Goal(
            Both(f"遮挡肺部后：{name.zh}", f"with the lungs covered, {name.en}"),
            f"interval reaches {CHANCE:.2f} or less",
            shown(covered),
            _met(None if low is None else low <= CHANCE),
        )


def _kermany(values: Mapping[str, Any]) -> Iterator[Goal]:
    for key, name in (
        ("as_labelled", Both("征象 F1（阳性）", "finding F1 (present)")),
        ("present_absent", Both("征象 F1（阳性与阴性）", "finding F1 (present and absent)")),
    ):
        scores = values["scores"][key]
        for lang, figure in _headline(scores, "draft"):
            what = Both(f"儿童报告草稿{name.zh}，{lang}", f"children, drafts, {name.en}, {lang}")
            yield _at_least(what, 0.92, figure)
    for other in ("blank", "shuffled", "majority"):
        scores = values["scores"]["present_absent"]
        for lang, figure in scores["ahead"][other].items():
            yield Goal(
                Both(
                    f"儿童：{_NAMES[other].zh}远低于草稿（F1 差值），{lang}",
                    f"children: {_NAMES[other].en} far below the drafts (F1 lost), {lang}",
                ),
                f"≥ {LEAST_FAR:.2f}",
                shown(figure),
                _met(None if figure["low"] is None else figure["low"] >= LEAST_FAR),
            )


def _nih14(values: Mapping[str, Any]) -> Iterator[Goal]:
    for key, name in (
        ("fourteen", Both("14 个标签", "all 14 labels")),
        ("as_labelled", Both("仅计已知标签", "known labels only")),
    ):
        for other in ("majority", "blank", "shuffled", "retrieval"):
            yield from _ahead(values["scores"][key], other, Both("成人", "adults"), name)


def _covid(values: Mapping[str, Any]) -> Iterator[Goal]:
    scores = values["scores"]
    for other in ("retrieval", "majority"):
        name = Both("对照标签的 F1", "F1 against labels")
        yield from _ahead(scores["as_labelled"], other, COVID, name)
    for measure, title in (("rouge_l_f1", "ROUGE-L"), ("bleu_sacre", "BLEU")):
        name = Both(f"对照文字记录的 {title}", f"{title} against notes")
        for other in ("retrieval", "majority", "retrieved_note", "common_note"):
            yield from _ahead(scores["notes"], other, COVID, name, measure)


_DRAFTS = {"kermany": _kermany, "nih14": _nih14, "covid": _covid}
_NAMES = {
    "blank": Both("空白图像", "blank image"),
    "shuffled": Both("他人图像", "shuffled images"),
    "majority": Both("多数报告", "majority report"),
    "retrieval": Both("最近邻检索", "nearest-neighbour retrieval"),
    "retrieved_note": Both("检索到的记录", "retrieved note"),
    "common_note": Both("最常见记录", "most frequent note"),
}


def _written(source: str, drafts: Mapping[str, Any]) -> Iterator[Goal]:
    agreement = drafts.get("agreement", {}).get("zh_en_sentence_agreement")
    if agreement is not None:
        what = Both(
            f"中英文征象一致的句子（{source}）", f"sentences whose zh and en agree ({source})"
        )
        yield _at_least(what, 0.98, agreement)
    share = drafts["valid_format"]
    yield _at_least(Both(f"格式正确（{source}）", f"valid format ({source})"), 1.0, share)
    prior = drafts["claim_a_prior"]
    yield Goal(
        Both(f"声称有旧片的句子（{source}）", f"sentences that claim a prior ({source})"),
        "0",
        str(prior),
        _met(prior == 0),
    )


def _ahead(
    scores: Mapping[str, Any], other: str, group: Both, name: Both, measure: str = ""
) -> Iterator[Goal]:
    """`measure`: in place of the headline."""
    named = measure or scores["headline"]
    for lang, found in scores["systems"]["draft"].items():
        figure = found[named]
        value, rival = figure["value"], scores["systems"][other][lang][named]["value"]
        yield Goal(
            Both(
                f"{group.zh}，{name.zh}：优于{_NAMES[other].zh}，{lang}",
                f"{group.en}, {name.en}: ahead of the {_NAMES[other].en}, {lang}",
            ),
            f"> {_number(rival)}",
            shown(figure),
            # A baseline that states nothing right has no value where nothing was to be found.
            _met(None if value is None or rival is None else value > rival),
        )


def _headline(scores: Mapping[str, Any], system: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for lang, measures in scores["systems"][system].items():
        yield lang, measures[scores["headline"]]


def _at_least(what: Both, least: float, figure: Mapping[str, Any]) -> Goal:
    value = figure["value"]
    met = None if value is None else value >= least
    return Goal(what, f"≥ {least:g}", shown(figure), _met(met))


def shown(figure: Mapping[str, Any]) -> str:
    """A figure with its interval, three decimals."""
    bounds = (
        ""
        if figure["low"] is None or figure["high"] is None
        else f" ({figure['low']:.3f} to {figure['high']:.3f})"
    )
    return _number(figure["value"]) + bounds


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _met(value: bool | None) -> Met:
    return Met.UNKNOWN if value is None else Met.YES if value else Met.NO
