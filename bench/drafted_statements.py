"""What a profile's drafts state, deny and leave unsaid, against labels: through the product's line.

    .venv/bin/python -m radraft.bench.drafted_statements --profile starter --split valid \
        --data ../shared/data [--adults N] [--children N] [--out FILE.json] [--print-drafts N]

Adults (`cxr_nih14`): all 14 mined labels, 0 counted as absent; opacity where a radiologist read the
film. Children (`cxr_kermany`): pneumonia or none. Every figure has its count and its 95% interval
(bootstrap over patients). A statement counts whether it is called present or possible. The
`test` split is for the end.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radraft.bench.starter_card.material import ALL, CARDS, Source
from radraft.cli.evaluation import served
from radraft.cli.output import Output
from radraft.core.settings import load as load_settings
from radraft.eval.asking.tally import FEWEST
from radraft.eval.bootstrap import RESAMPLES, SEED
from radraft.eval.card_file import card_file, table_rows
from radraft.eval.draft_set import draft_set
from radraft.eval.sets import load_set
from radraft.eval.values import Drafted
from radraft.finetune.recipe import load_recipe
from radraft.finetune.starter.statements import OPACITY
from radraft.finetune.starter.teacher import FINDINGS, NORMAL
from radraft.reports.findings.extract import extract
from radraft.reports.values import LANGS, Certainty, Lang
from radraft.vision_encoder.train import data as labelled

ADULTS, CHILDREN = CARDS[Source.NIH14][0], CARDS[Source.KERMANY][0]


@dataclass(frozen=True)
class Film:
    """One film, what its draft says, and what is known of it."""

    id: str
    patient: str
    draft: Drafted
    said: Mapping[Lang, Mapping[str, bool]]
    """Finding -> whether it is said to be there."""
    labels: Mapping[str, bool]
    """Of ChestX-ray14's fourteen and `no_finding`; or `pneumonia` of a child."""
    opacity: bool | None
    """As a radiologist read it; None where none did."""


def main() -> None:
    """Draft the films and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="starter")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--adults", type=int, default=ALL, help="draft this many at most")
    parser.add_argument("--children", type=int, default=ALL, help="draft this many at most")
    parser.add_argument("--out", type=Path, help="JSON of all figures")
    parser.add_argument("--print-drafts", type=int, default=0, help="of adults, the first so many")
    given = parser.parse_args()
    settings, say = load_settings(), Output(json=False)
    found: dict[str, Any] = {"profile": given.profile, "split": given.split}
    with served(given.profile, settings, say) as model, say.progress() as progress:
        for name, card, limit in (
            ("adults", ADULTS, given.adults),
            ("children", CHILDREN, given.children),
        ):
            chosen = load_set(
                card,
                data=given.data,
                cache=settings.cache_dir / "eval",
                split=given.split,
                limit=limit,
            )
            bar = progress.add_task(name, total=len(chosen.items))
            drafts = draft_set(
                chosen.items,
                model,
                keep=settings.data_dir / "eval",
                progress=_teller(progress, bar),
            )
            films = read(card, given.data, drafts)
            found[name] = adults(films) if name == "adults" else children(films)
            for film in films[: given.print_drafts if name == "adults" else 0]:
                told = [code for code, yes in film.labels.items() if yes]
                print(f"\n{film.id} {told} opacity: {film.opacity}")
                said = zip(film.draft.zh, film.draft.en, strict=True)
                print("\n".join(f"  {zh} {en}" for zh, en in said))
    print(json.dumps(found, indent=2, ensure_ascii=False))
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=2, ensure_ascii=False), encoding="utf-8")


def read(card: str, data: Path, drafts: Sequence[Drafted]) -> list[Film]:
    """Return the films with their labels, and what their drafts say of them."""
    table = table_rows(card_file(card), data)
    folder = (data / (card_file(card).table or "")).parent
    answers = {
        row.path: row.answers for row in labelled.rows(load_recipe("starter2").encoder, data)
    }
    columns = card_file(card).present
    films = []
    for draft in drafts:
        row = table[draft.id]
        if columns:
            labels = {code: row[field] == "1" for field, code in columns.items()}
            labels["no_finding"] = row["No_Finding"] == "1"
        else:
            labels = {"pneumonia": row["finding"] != "normal"}
        films.append(
            Film(
                draft.id,
                row["patient"],
                draft,
                {lang: _said(draft, lang) for lang in LANGS},
                labels,
                answers.get(folder / row["file"], {}).get(OPACITY) if columns else None,
            )
        )
    return films


def adults(films: Sequence[Film]) -> dict[str, Any]:
    """Return the figures of adults' films, by language."""
    films, all_films = [film for film in films if film.draft.failed is None], films
    agree = [film.said["zh"] == film.said["en"] for film in films]
    return {
        "films": len(all_films),
        "drafted": len(films),
        "languages_agree": share(films, agree),
        **{lang: _adults(films, lang) for lang in LANGS},
    }


def _adults(films: Sequence[Film], lang: Lang) -> dict[str, Any]:
    said = [film.said[lang] for film in films]
    stated = [{code for code in FINDINGS if told.get(code)} for told in said]
    denied = [{code for code in FINDINGS if told.get(code) is False} for told in said]
    true = [{code for code in FINDINGS if film.labels[code]} for film in films]
    hits = [len(one & right) for one, right in zip(stated, true, strict=True)]
    wrong = [len(one & right) for one, right in zip(denied, true, strict=True)]
    told = [sum(one.get(code, False) for code in (*FINDINGS, OPACITY)) for one in said]
    normal = [at for at, film in enumerate(films) if film.labels["no_finding"]]
    read = [at for at, film in enumerate(films) if film.opacity is not None]
    opaque = [bool(films[at].opacity) for at in read]
    called = [said[at].get(OPACITY, False) for at in read]
    denies = [said[at].get(OPACITY) is False for at in read]
    both = [one and other for one, other in zip(called, opaque, strict=True)]
    normal_said = [bool(one.get(NORMAL)) for one in said]
    right = [one and film.labels[NORMAL] for one, film in zip(normal_said, films, strict=True)]
    without, readings = [films[at] for at in normal], [films[at] for at in read]
    return {
        "precision": share(films, hits, [*map(len, stated)]),
        "recall": share(films, hits, [*map(len, true)]),
        "findings_told_a_film_without": share(without, [told[at] for at in normal]),
        "films_without_told_none": share(without, [not told[at] for at in normal]),
        "denials_wrong": share(films, wrong, [*map(len, denied)]),
        "normal_said_right": share(films, right, normal_said),
        "nothing_said": share(
            films,
            [not (count or one) for count, one in zip(told, normal_said, strict=True)],
        ),
        "films_told_a_finding": share(films, [count > 0 for count in told]),
        "opacity_precision": share(readings, both, called),
        "opacity_recall": share(readings, both, opaque),
        "opacity_denials_wrong": share(
            readings,
            [one and not_said for one, not_said in zip(opaque, denies, strict=True)],
            denies,
        ),
    }


def children(films: Sequence[Film]) -> dict[str, Any]:
    """Return the figures of children's films, by language: pneumonia or none."""
    drafted = [film for film in films if film.draft.failed is None]
    return {
        "films": len(films),
        "drafted": len(drafted),
        **{lang: _children(drafted, lang) for lang in LANGS},
    }


def _children(films: Sequence[Film], lang: Lang) -> dict[str, Any]:
    ill = [film.labels["pneumonia"] for film in films]
    said = [film.said[lang].get("pneumonia") for film in films]
    hits = [one is True and right for one, right in zip(said, ill, strict=True)]
    wrong = [one is False and right for one, right in zip(said, ill, strict=True)]
    return {
        "precision": share(films, hits, [one is True for one in said]),
        "recall": share(films, hits, ill),
        "denials_wrong": share(films, wrong, [one is False for one in said]),
        "nothing_said": share(films, [one is None for one in said]),
    }


def share(
    films: Sequence[Film], parts: Sequence[float], wholes: Sequence[float] | None = None
) -> dict[str, Any]:
    """Return a share over films with its 95% interval; each film is a whole of 1 by default.

    `undecided` where the whole is fewer than `FEWEST`.
    """
    counts = np.stack([parts, wholes or np.ones(len(films))], axis=1).astype(np.float64)
    patients, whose = np.unique([film.patient for film in films], return_inverse=True)
    sums = np.zeros((len(patients), 2))
    np.add.at(sums, whose, counts)
    part, whole = sums.sum(0)
    if not whole:
        return {"value": None, "of": 0, "undecided": True}
    random = np.random.default_rng([SEED, len(sums)])
    drawn = sums[random.integers(0, len(sums), (RESAMPLES, len(sums)))].sum(1)
    low, high = np.quantile(drawn[:, 0] / np.maximum(drawn[:, 1], 1), [0.025, 0.975])
    return {
        "value": round(float(part / whole), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "part": int(part),
        "of": int(whole),
        "undecided": bool(whole < FEWEST),
    }


def _teller(progress: Any, bar: Any) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        progress.update(bar, completed=done, total=total)

    return tell


def _said(draft: Drafted, lang: Lang) -> dict[str, bool]:
    """Finding -> whether it is there; what is both stated and denied counts as stated."""
    found: dict[str, bool] = {}
    for mention in extract(draft.text(lang), lang):
        there = mention.polarity is not Certainty.ABSENT
        found[mention.code] = found.get(mention.code, False) or there
    return found


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
