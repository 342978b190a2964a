"""Tables of the starter's card, from the kept figures and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radraft.bench.starter_card.facts import finding_name
from radraft.bench.starter_card.goals import Goal, Met, shown
from radraft.eval.report.markdown import table

Values = Mapping[str, Any]

WAYS = {
    "trained": "starter",
    "untrained": "untrained trunk, regression",
    "border_covered": "starter, border covered",
    "lungs_covered": "starter, lungs covered",
    "zero_shot_zh": "starter, zero-shot zh",
    "zero_shot_en": "starter, zero-shot en",
}
SYSTEMS = {
    "draft": "**drafts**",
    "blank": "blank image",
    "shuffled": "shuffled images",
    "majority": "majority report",
    "retrieval": "nearest-neighbour retrieval",
    "retrieved_note": "note of the nearest training image",
    "common_note": "most frequent note",
}
MET = {Met.YES: "yes 是", Met.NO: "**no 否**", Met.UNKNOWN: "unknown 未知"}


def goal_table(goals: Sequence[Goal]) -> str:
    """Every goal with what was reached."""
    rows = [[g.what.zh, g.what.en, g.wanted, g.found, MET[g.met]] for g in goals]
    return table(["目标", "goal", "wanted", "reached (95% interval)", "met 达到"], rows)


def said_table(adults: Values, children: Values) -> str:
    """What a draft says, of how many such statements or films, and the share that is right."""
    rows = [
        [zh, en, _counted(figure)]
        for zh, en, figure in (
            (
                "成人：写肺部密度增高影，医师阅片也有",
                "adults: says lung opacity, and the radiologist who read the film saw one",
                adults["opacity_precision"],
            ),
            (
                "成人：医师阅片有密度增高影，草稿写出",
                "adults: a radiologist saw lung opacity, and the draft says so",
                adults["opacity_recall"],
            ),
            (
                "成人：写未见异常，标签也是未见异常",
                "adults: says no abnormality, and the label has none",
                adults["normal_said_right"],
            ),
            (
                "成人：标签未见异常，草稿没有写任何异常",
                "adults: the label has no finding, and the draft tells none",
                adults["films_without_told_none"],
            ),
            (
                "成人：14 种征象，写出的与标签相符",
                "adults: states one of the 14 findings, and the label has it",
                adults["precision"],
            ),
            (
                "成人：标签有的 14 种征象，草稿写出",
                "adults: the label has one of the 14 findings, and the draft states it",
                adults["recall"],
            ),
            (
                "成人：写没有某征象，标签却有（错误）",
                "adults: denies a finding that the label has (wrong)",
                adults["denials_wrong"],
            ),
            (
                "成人：既不写异常，也不写正常，留给医师",
                "adults: neither a finding nor normality is said; left to the reader",
                adults["nothing_said"],
            ),
            (
                "儿童：写肺炎，标签也是",
                "children: says pneumonia, and the label has it",
                children["precision"],
            ),
            (
                "儿童：标签是肺炎，草稿写出",
                "children: the label is pneumonia, and the draft says so",
                children["recall"],
            ),
            (
                "儿童：写没有肺炎，标签却有（错误）",
                "children: denies pneumonia that the label has (wrong)",
                children["denials_wrong"],
            ),
            (
                "儿童：没有写有无肺炎，留给医师",
                "children: pneumonia neither said nor denied; left to the reader",
                children["nothing_said"],
            ),
        )
    ]
    return table(["草稿", "draft", "95%"], rows)


def _counted(figure: Values) -> str:
    """A share with what it is of."""
    if figure["value"] is None:
        return "0"
    share, low, high = (f"{figure[name]:.0%}" for name in ("value", "low", "high"))
    few = ", undecided 例数太少" if figure["undecided"] else ""
    return f"{figure['part']} / {figure['of']}, {share} ({low} to {high}){few}"


def auroc_table(values: Values) -> str:
    """A question a row, a way of seeing a column."""
    measured = {way for ways in values["auroc"].values() for way in ways}
    shown_ways = {way: name for way, name in WAYS.items() if way in measured}
    rows = []
    for head, ways in values["auroc"].items():
        yes, no = values["positives"].get(head), values["negatives"].get(head)
        count = f"{yes} / {no}" if yes is not None else f"{len(values['averaged'])} findings"
        rows.append([finding_name(head), count, *(shown(ways[way]) for way in shown_ways)])
    return table(["question", "yes / no", *shown_ways.values()], rows)


def score_table(scores: Values, measures: Mapping[str, str]) -> str:
    """A system and language a row, with how far the drafts are ahead of it."""
    rows = []
    for system, by_lang in scores["systems"].items():
        for lang, found in by_lang.items():
            lead = scores["ahead"].get(system, {}).get(lang)
            rows.append(
                [
                    SYSTEMS[system],
                    lang,
                    *(shown(found[name]) for name in measures),
                    shown(lead) if lead else "",
                ]
            )
    ahead = f"drafts ahead by ({measures[scores['headline']]})"
    return table(["reports", "", *measures.values(), ahead], rows)


def finding_table(scores: Values, positives: Mapping[str, int]) -> str:
    """F1 of each of the 14 labels, most frequent first."""
    systems = scores["systems"]
    rows = [
        [
            label.replace("_", " "),
            str(count),
            shown(systems["draft"]["zh"][f"f1/{label}"]),
            shown(systems["draft"]["en"][f"f1/{label}"]),
            shown(systems["retrieval"]["en"][f"f1/{label}"]),
        ]
        for label, count in sorted(positives.items(), key=lambda one: (-one[1], one[0]))
    ]
    return table(["label", "n", "drafts zh", "drafts en", "retrieval en"], rows)


def written_table(drafts: Mapping[str, Values]) -> str:
    """What can be said of the drafts of each set without knowing what is right."""
    rows = []
    for source, found in drafts.items():
        agreement = found.get("agreement")
        failed = ", ".join(f"{code} {count}" for code, count in found["failed"].items()) or "-"
        rows.append(
            [
                source,
                str(found["drafted"]),
                failed,
                shown(found["valid_format"]),
                shown(agreement["zh_en_sentence_agreement"]) if agreement else "undefined",
                f"{found['claim_a_prior']} of {found['sentences']}",
                str(found["with_a_repeated_sentence"]),
                str(found["different"]),
            ]
        )
    head = [
        "set",
        "drafted",
        "not drafted",
        "valid format",
        "sentences whose zh and en agree",
        "sentences that claim a prior",
        "reports that repeat a sentence",
        "different reports",
    ]
    return table(head, rows)


def data_table(data: Mapping[str, Values]) -> str:
    """What the encoder was trained, validated and tested on."""

    def count(splits: Values, split: str) -> str:
        found = splits.get(split)
        return f"{found['images']} / {found['patients']}" if found else "-"

    rows = [
        [
            part["title"],
            part["licence"],
            part["labels"],
            *(count(part["splits"], split) for split in ("train", "valid", "test")),
        ]
        for part in data.values()
    ]
    head = ["set", "licence", "labels", "train", "valid", "test (images / patients)"]
    return table(head, rows)


def weight_table(weights: Mapping[str, Values]) -> str:
    """The shipped files."""
    rows = [
        [f"`{weight['file']}`", f"{weight['bytes'] / 1e6:.2f} MB", f"`{weight['sha256']}`"]
        for weight in weights.values()
    ]
    total = sum(file["bytes"] for file in weights.values())
    rows.append(["in all", f"{total / 1e6:.2f} MB", ""])
    return table(["file", "size", "SHA-256"], rows)


def speed_table(speed: Values) -> str:
    """Seconds, tokens and images."""
    rows = [
        ["seconds a report, one at a time", f"{speed['seconds_alone']:.2f}"],
        [f"seconds for {speed['at_once']} at once", f"{speed['seconds_of_all_at_once']:.2f}"],
        [f"seconds a report, {speed['at_once']} at once", f"{speed['seconds_each_at_once']:.2f}"],
        ["tokens a report, mean", _plain(speed["tokens_each"])],
        ["tokens a report, most", _plain(speed["tokens_most"])],
        ["encoder, images/s", _plain(speed["encoder_images_per_s"])],
    ]
    return table(["what", "figure"], rows)


def _plain(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}".removesuffix(".0")
