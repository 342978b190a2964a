"""Thirty adults' drafts drawn at random, each beside its film, its labels and its boxes, in a page.

    .venv/bin/python -m radraft.bench.drafted_films --profile starter2 --split test --out PAGE.html

Sorted by how many sentences a reader who believes the labels would change. That is a rule and not a
radiologist's judgement: most labels were mined from reports, and what nobody mentioned counts as
not there. A sentence is wrong where it

- states a finding of the fourteen that the label does not have, or denies one that it has;
- states or denies an opacity, or says that all is normal, against the radiologist who read the
  film; where none did, against the mined labels (those that are kinds of opacity; No_Finding).

A label that no sentence states, nor a wider one that holds it, is one more sentence to write. The
page shows the labels and boxes of radiologists, which may not be passed on: keep it to yourself.
"""

from __future__ import annotations

import argparse
import base64
import csv
import io
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from radraft.bench import drafted_statements as statements
from radraft.bench.starter_card.material import ALL
from radraft.cli.evaluation import served
from radraft.cli.output import Output
from radraft.core.settings import load as load_settings
from radraft.eval.card_file import card_file, table_rows
from radraft.eval.draft_set import draft_set
from radraft.eval.looks.calibration import wilson
from radraft.eval.sets import load_set
from radraft.finetune.starter.statements import OPACITY
from radraft.finetune.starter.teacher import FINDINGS, NORMAL
from radraft.reports.findings.extract import extract
from radraft.reports.findings.vocabulary import lineage, vocabulary
from radraft.reports.values import Certainty

SHOWN, SEED = 30, 0
READ = "nih_radiologist_labels/labels.csv"
SET = "cxr_nih14"
EDGE = 360
"""Pixels of the longer side of a shown film."""
SORTS = (
    (0, "nothing wrong", "无需修改"),
    (1, "one sentence to change", "需改一句"),
    (2, "more", "需改两句及以上"),
)
"""Fewest changes, and what such a draft is called."""


@dataclass(frozen=True)
class Box:
    """Who drew it, and where: left, top, width and height as shares of the film."""

    source: str
    place: tuple[float, float, float, float]


@dataclass(frozen=True)
class Judged:
    """One draft beside what is known of its film."""

    film: statements.Film
    picture: Path
    reading: str
    """The radiologists' class; empty where none read the film."""
    boxes: tuple[Box, ...]
    wrong: tuple[bool, ...]
    """Of each sentence."""
    missing: tuple[str, ...]
    """Labelled findings that no sentence states."""

    @property
    def changes(self) -> int:
        """Return how many sentences a reader would change or write."""
        return sum(self.wrong) + len(self.missing)


def main() -> None:
    """Draft the split, draw, judge, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="starter2")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--out", type=Path, required=True, help="the page, HTML")
    given = parser.parse_args()
    settings, say = load_settings(), Output(json=False)
    items = load_set(
        statements.ADULTS,
        data=given.data,
        cache=settings.cache_dir / "eval",
        split=given.split,
        limit=ALL,
    ).items
    drawn = random.Random(SEED).sample(items, min(SHOWN, len(items)))
    with served(given.profile, settings, say) as model:
        drafts = draft_set(drawn, model, keep=settings.data_dir / "eval")
    films = statements.read(statements.ADULTS, given.data, drafts)
    judged = sorted(judge(films, given.data), key=lambda one: (one.changes, one.film.id))
    counts = tally(judged)
    for name, count in counts.items():
        low, high = wilson(count, len(judged))
        print(f"{name}: {count} of {len(judged)} ({low:.0%} to {high:.0%})")
    given.out.write_text(page(judged, given.profile, given.split), encoding="utf-8")
    print(given.out)


def tally(judged: Sequence[Judged]) -> dict[str, int]:
    """Return how many drafts fall under each of `SORTS`, by its English name."""
    found = Counter(sort_of(one.changes)[1] for one in judged)
    return {name: found[name] for _, name, _ in SORTS}


def sort_of(changes: int) -> tuple[int, str, str]:
    """Return which of `SORTS` so many changes are."""
    return SORTS[min(changes, len(SORTS) - 1)]


def judge(films: Sequence[statements.Film], data: Path) -> Iterator[Judged]:
    """Yield each film's draft with what is wrong in it, in the order of `films`."""
    readings = _readings(data / READ)
    table = table_rows(card_file(statements.ADULTS), data)
    for film in films:
        row = readings.get(film.id, {})
        yield Judged(
            film,
            data / SET / table[film.id]["file"],
            row.get("rsna_class", ""),
            tuple(_boxes(row)),
            wrong_sentences(film),
            missing(film),
        )


def wrong_sentences(film: statements.Film) -> tuple[bool, ...]:
    """Return of each sentence whether it says something that the labels contradict."""
    return tuple(any(wrong(film, *said) for said in _said(text)) for text in film.draft.en)


def wrong(film: statements.Film, code: str, there: bool) -> bool:
    """Return whether the film's labels contradict that `code` is there, or is not."""
    if code == NORMAL:
        return there != (film.labels[NORMAL] and not film.opacity)
    if code == OPACITY:
        seen = film.opacity
        return there != (bool(opaque(film.labels)) if seen is None else seen)
    return code in FINDINGS and there != film.labels[code]


def missing(film: statements.Film) -> tuple[str, ...]:
    """Return the labelled findings that the draft states neither by name nor by a wider one."""
    stated = {code for text in film.draft.en for code, there in _said(text) if there}
    labelled = [code for code in FINDINGS if film.labels[code]]
    return tuple(code for code in labelled if not stated & {*lineage(code)})


def opaque(labels: Mapping[str, bool]) -> list[str]:
    """Return the labelled findings that are kinds of opacity."""
    return [code for code in FINDINGS if labels[code] and OPACITY in lineage(code)]


def page(judged: Sequence[Judged], profile: str, split: str) -> str:
    """Return the page: one HTML file with its pictures in it."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    text = files("radraft.bench").joinpath("drafted_films.html.jinja").read_text("utf-8")
    counts = tally(judged)
    return environment.from_string(text).render(
        profile=profile,
        split=split,
        of=len(judged),
        sorts=[(counts[en], en, zh) for _, en, zh in SORTS],
        films=[
            {
                "id": one.film.id,
                "sort": sort_of(one.changes),
                "picture": base64.b64encode(picture(one)).decode("ascii"),
                "labels": [names(code) for code in FINDINGS if one.film.labels[code]],
                "reading": one.reading,
                "sentences": zip(one.film.draft.zh, one.film.draft.en, one.wrong, strict=True),
                "missing": [names(code) for code in one.missing],
                "failed": one.film.draft.failed,
            }
            for one in judged
        ],
    )


def picture(one: Judged) -> bytes:
    """Return the film with its boxes as JPEG: radiologists' solid, the collection's dashed."""
    from PIL import Image, ImageDraw

    with Image.open(one.picture) as image:
        shown = image.convert("RGB")
    shown.thumbnail((EDGE, EDGE))
    draw = ImageDraw.Draw(shown)
    for box in one.boxes:
        left, top, width, height = box.place
        corners = (
            left * shown.width,
            top * shown.height,
            (left + width) * shown.width,
            (top + height) * shown.height,
        )
        draw.rectangle(corners, outline="#ffd43b" if box.source == "radiologist" else "#74c0fc")
    out = io.BytesIO()
    shown.save(out, format="JPEG", quality=85)
    return out.getvalue()


def names(code: str) -> str:
    """Return a finding's names, Chinese and English."""
    entry = vocabulary()[code]
    return f"{entry.zh} {entry.en}"


def _said(text: str) -> list[tuple[str, bool]]:
    return [(m.code, m.polarity is not Certainty.ABSENT) for m in extract(text, "en")]


def _readings(path: Path) -> dict[str, dict[str, str]]:
    """Return the radiologists' rows of the set, by film."""
    with path.open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).stem: row for row in csv.DictReader(file) if row["set"] == SET}


def _boxes(row: Mapping[str, str]) -> Iterator[Box]:
    for column, source in (("opacity_boxes", "radiologist"), ("nih_boxes", "collection")):
        for given in json.loads(row.get(column) or "[]"):
            # The collection's begin with the finding's name.
            left, top, width, height = given[-4:]
            yield Box(source, (left, top, width, height))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
