"""An edition's model card, `starter.md` or `starter2.md`, with its pictures, rendered from the kept
figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from radraft.bench.starter_card import said, tables, training
from radraft.bench.starter_card.examples import picture
from radraft.bench.starter_card.facts import finding_name
from radraft.bench.starter_card.goals import COVID, Met, goals, shown
from radraft.bench.starter_card.scores import MEAN
from radraft.core.errors import EvalError
from radraft.llm.starter_model import PROFILES
from radraft.ui.pages.charts import Point, Row, dots

NEEDED = ("facts", "encoder", "draft_kermany", "draft_nih14", "draft_covid", "speed")
CLINICAL = {
    "finding_f1_micro": "F1",
    "finding_precision_micro": "precision",
    "finding_recall_micro": "recall",
    "finding_f1_macro": "macro F1",
}
LABELS = {
    "f1_micro": "micro F1",
    "precision_micro": "precision",
    "recall_micro": "recall",
    "f1_macro": "macro F1",
}
CHILD = {"f1_micro": "F1", "f1/present": "F1 present", "f1/absent": "F1 absent"}
TEXT = {
    "rouge_l_f1": "ROUGE-L",
    "rouge1_f1": "ROUGE-1",
    "rouge2_f1": "ROUGE-2",
    "bleu_sacre": "BLEU (sacrebleu, 0 to 100)",
    "bleu4_coco": "BLEU-4 (coco)",
    "chrf": "chrF2 (0 to 100)",
}
_PLOTTED = (
    ("kermany", "pneumonia_in_child", "pneumonia"),
    ("kermany", "bacterial_pneumonia", "bacterial"),
    ("nih14", MEAN, "adult findings"),
    ("nih14", "no_finding", "adult normal"),
)
"""Set, question and its name in the plot, which has room for few words."""
_SHOWN_WAYS = ("trained", "untrained", "border_covered", "lungs_covered")


def write(stages: Mapping[str, Any], out: Path, data: Path | None) -> None:
    """The edition's card and its pictures in `out`. Example pictures are made from `data`; without
    it those that lie there stay. EvalError `eval_starter_incomplete` where a stage is missing."""
    missing = [name for name in NEEDED if name not in stages]
    if missing:
        raise EvalError("eval_starter_incomplete", stages=", ".join(missing))
    out.mkdir(parents=True, exist_ok=True)
    for name, text in pictures(stages).items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    if data is not None:
        for example in _examples(stages):
            picture(data / example["image"], out / example["picture"])
        for shown_film in _demo(stages):
            picture(said.picture(data, shown_film["id"]), out / shown_film["picture"])
    (out / f"{name_of(stages)}.md").write_text(render(stages), encoding="utf-8", newline="\n")


def name_of(stages: Mapping[str, Any]) -> str:
    """Return the name of the edition's profile, with which the names of its files begin."""
    model: str = stages["facts"]["values"]["model"]
    return model.partition("@")[0]


def render(stages: Mapping[str, Any]) -> str:
    """The card's text. It holds no figure that the stages do not."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters["shown"] = shown
    template = environment.from_string(
        files("radraft.bench.starter_card").joinpath("card.md.jinja").read_text(encoding="utf-8")
    )
    values = {name: stage["values"] for name, stage in stages.items()}
    reached = goals(stages)
    return template.render(
        **values,
        name=name_of(stages),
        first=name_of(stages) == PROFILES[1],
        runs=dict.fromkeys(("encoder", "language", "points")) | values.get("training", {}),
        made={name: stage["made"] for name, stage in stages.items()},
        limit=_limit(values),
        goals=tables.goal_table(reached),
        met=sum(goal.met is Met.YES for goal in reached),
        wanted=len(reached),
        failed=[goal for goal in reached if goal.met is not Met.YES],
        behind=[
            goal
            for goal in reached
            if goal.what.en.startswith(COVID.en) and goal.met is not Met.YES
        ],
        auroc={source: tables.auroc_table(found) for source, found in values["encoder"].items()},
        scores=_score_tables(values),
        findings=tables.finding_table(
            values["draft_nih14"]["scores"]["fourteen"], values["draft_nih14"]["positives"]
        ),
        written=tables.written_table(
            {source: values[f"draft_{source}"]["drafts"] for source in _SOURCES}
        ),
        data_rows=tables.data_table(values["facts"]["data"]),
        weights=tables.weight_table(values["facts"]["weights"]),
        speeds=tables.speed_table(values["speed"]),
        examples=list(_examples(stages)),
        first_page=tables.said_table(
            values["said"]["adults"]["en"], values["said"]["children"]["en"]
        )
        if "said" in values
        else None,
        demo=list(_demo(stages)),
    )


def pictures(stages: Mapping[str, Any]) -> dict[str, str]:
    """File name -> SVG of every plot of the card."""
    own = name_of(stages)
    found = {
        f"{own}-auroc.svg": dots(_auroc_rows(stages["encoder"]["values"]), "en", unit=True),
        f"{own}-drafts.svg": dots(list(_draft_rows(stages)), "en", unit=True),
    }
    for name, run in stages.get("training", {"values": {}})["values"].items():
        if run.get("curves"):
            found[f"{own}-training-{name}.svg"] = training.svg(name, run)
    return found


_SOURCES = ("kermany", "nih14", "covid")
_MEASURES = {
    "kermany": {"present_absent": CHILD, "as_labelled": CLINICAL},
    "nih14": {"fourteen": LABELS, "as_labelled": CLINICAL},
    "covid": {"as_labelled": CLINICAL, "notes": TEXT},
}


def _score_tables(values: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {
        source: {
            key: tables.score_table(values[f"draft_{source}"]["scores"][key], measures)
            for key, measures in asked.items()
        }
        for source, asked in _MEASURES.items()
    }


def _limit(values: Mapping[str, Any]) -> int | None:
    limits = [values[f"draft_{source}"]["limit"] for source in _SOURCES]
    return min((limit for limit in limits if limit is not None), default=None)


def _auroc_rows(encoder: Mapping[str, Any]) -> list[Row]:
    rows = []
    for source, head, name in _PLOTTED:
        ways = encoder[source]["auroc"].get(head, {})
        for way in _SHOWN_WAYS if ways else ():
            label = f"{name}: {_SHORT[way]}"
            if (point := _point(ways[way])) is not None:
                rows.append(Row(label, (point,)))
    return rows


_SHORT = {
    "trained": "starter",
    "untrained": "untrained trunk",
    "border_covered": "border covered",
    "lungs_covered": "lungs covered",
}
_TITLES = {"kermany": "children", "nih14": "adults", "covid": "COVID set"}
_SYSTEMS = {
    "draft": "drafts",
    "blank": "blank image",
    "shuffled": "shuffled images",
    "majority": "majority report",
    "retrieval": "retrieval",
}


def _draft_rows(stages: Mapping[str, Any]) -> Iterator[Row]:
    for source, asked in _MEASURES.items():
        scores = stages[f"draft_{source}"]["values"]["scores"][next(iter(asked))]
        for system, by_lang in scores["systems"].items():
            points = tuple(
                point
                for lang, found in by_lang.items()
                if (point := _point(found[scores["headline"]], lang)) is not None
            )
            label = f"{_TITLES[source]}: {_SYSTEMS[system]}"
            yield Row(label, points)


def _point(figure: Mapping[str, Any], lang: str = "") -> Point | None:
    if figure["value"] is None:
        return None
    return Point(figure["value"], figure["low"], figure["high"], lang)


def _demo(stages: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the demo's films, each with its label and the draft's sentences."""
    for film in stages.get("said", {"values": {"demo": []}})["values"]["demo"]:
        labelled = ", ".join(finding_name(code) for code in film["labelled"])
        wrong = sum(is_wrong for _, _, is_wrong in film["sentences"])
        yield {
            **film,
            "picture": f"{name_of(stages)}-demo-{film['id']}.jpg",
            "label": labelled or "No Finding",
            "left_out": ", ".join(finding_name(code) for code in film["missing"]),
            "wrong": wrong,
        }


def _examples(stages: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for source in _SOURCES:
        for example in stages[f"draft_{source}"]["values"]["examples"]:
            labelled = ", ".join(finding_name(code) for code in example["labelled"])
            yield {
                **example,
                "picture": f"{name_of(stages)}-wrong-{source}-{example['key']}.jpg",
                "label": labelled or "No Finding / normal",
            }
