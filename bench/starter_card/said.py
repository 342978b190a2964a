"""What drafts state, deny and leave to the reader, and how often they are right: the first page.

Beside it the demo's films, each with its draft: what a first visitor sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from radraft.bench import drafted_films, drafted_statements as statements
from radraft.bench.drafted_statements import Film
from radraft.core.settings import CHECKOUT
from radraft.eval.values import Drafted, EvalSet, SetItem
from radraft.finetune.starter.teacher import FINDINGS, NORMAL
from radraft.reports.values import Certainty

DEMO = "demo"
PICTURES = "demo_cxr/images"
"""Of the demo's films, below the data folder."""


def measure(
    adults: Sequence[Film], children: Sequence[Film], demo: EvalSet, drafts: Sequence[Drafted]
) -> dict[str, Any]:
    """Return the figures of both, and the demo's drafts with what its labels make of them."""
    return {
        "adults": statements.adults(adults),
        "children": statements.children(children),
        "demo": [
            _shown(item, draft)
            for item, draft in zip(demo.items, drafts, strict=True)
            if item.labels and draft.failed is None
        ],
    }


def pictures() -> dict[str, str]:
    """Return study of the demo -> the file of its film."""
    cases = yaml.safe_load((CHECKOUT / "demo" / "cases.yaml").read_text(encoding="utf-8"))
    return {case["folder"]: case["image"] for case in cases}


def picture(data: Path, study: str) -> Path:
    """Return where the film of a study of the demo lies."""
    return data / PICTURES / pictures()[study]


def _shown(item: SetItem, draft: Drafted) -> dict[str, Any]:
    there = {code for code, sure in item.labels.items() if sure is Certainty.PRESENT}
    labels: Mapping[str, bool] = {code: code in there for code in (*FINDINGS, NORMAL)}
    film = Film(item.id, item.id, draft, {}, labels, opacity=None)
    wrong = drafted_films.wrong_sentences(film)
    return {
        "id": item.id,
        "labelled": [code for code in FINDINGS if labels[code]],
        "sentences": [list(said) for said in zip(draft.zh, draft.en, wrong, strict=True)],
        "missing": list(drafted_films.missing(film)),
    }
