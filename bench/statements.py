"""What films are said to show: at the points of the best F1 beside those of enough precision.

    .venv/bin/python -m radraft.bench.statements --data ../shared/data --out FOLDER

Films of the `valid` split; with `--fold-run RUN` (again for each) also those of `train` that an
encoder trained without their patients has scored. The first rule's points were chosen on these
very films of `valid`; the second's are chosen for each patient on other patients, so it is what the
rule is worth. Prints the precision of what is stated, what films without a finding are told, and
the calibration error of each set; `--out` gets the reliability plot.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radraft.core.settings import load as load_settings
from radraft.finetune.recipe import load_recipe
from radraft.finetune.starter import calibration, scores, statement_points, statements, teacher
from radraft.finetune.starter.compose import UNASSESSED
from radraft.finetune.starter.operating import operating_points
from radraft.finetune.starter.scores import Scores
from radraft.finetune.starter.statements import OPACITY
from radraft.finetune.starter.teacher import CHILD, FINDINGS, NORMAL, OperatingPoints
from radraft.finetune.starter.values import Seen
from radraft.vision_encoder import shipped
from radraft.vision_encoder.chances import Floats
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.train import data
from radraft.vision_encoder.train.data import Images

Said = Mapping[int, Mapping[str, Seen]]


def main() -> None:
    """Print the figures and write the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--recipe", default="starter")
    parser.add_argument("--encoder", type=Path, default=shipped.FOLDER)
    parser.add_argument("--fold-run", type=Path, action="append", default=[])
    parser.add_argument("--without", nargs="*", default=[], help="patients to leave out")
    parser.add_argument("--out", type=Path, help="folder for reliability.svg")
    given = parser.parse_args()
    images, found, heads = scored(
        given.recipe, given.data, given.encoder, given.fold_run, given.without
    )
    if all(head in heads for head in (*FINDINGS, NORMAL, CHILD, teacher.COVID)):
        print_said("points of the best F1", images, at_f1(images, found[0].logits, heads), found[0])
    said = statements.held_out(images, found, heads)
    for name, scores_of in zip(("valid", *map(str, given.fold_run)), found, strict=True):
        print_said(f"points of enough precision, held out: {name}", images, said, scores_of)
    if given.fold_run:
        print_said("points of enough precision, held out: all", images, said)
    print_points(images, found, heads)
    print_calibration(images, found[0], heads, given.out)


def scored(
    recipe_name: str, folder: Path, encoder: Path, runs: Sequence[Path], without: Sequence[str]
) -> tuple[Images, tuple[Scores, ...], tuple[str, ...]]:
    """Return the films and their scores by each encoder, which are kept in the cache."""
    recipe = load_recipe(recipe_name).encoder
    images = data.load(recipe, folder, 256, splits=("train", "valid") if runs else ("valid",))
    sources = {*statements.ADULTS, *statements.CHILDREN, "covid"}
    use = [
        i
        for i, row in enumerate(images.rows)
        if row.patient not in set(without) and row.source in sources
    ]
    images = Images(tuple(images.rows[i] for i in use), images.pixels[use], images.answers[use])
    found = [_kept(images, encoder, "valid", lambda eyes: scores.of_valid(images, eyes))]
    for run in runs:
        fold = scores.fold_of_run(run)

        def of_fold(eyes: Encoder, fold: data.Fold = fold) -> Scores:
            return scores.of_fold(images, eyes, fold)

        found.append(_kept(images, run / "export", f"{fold.number}-{fold.of}", of_fold))
    return images, tuple(found), shipped.load_heads(encoder).ids


def _kept(images: Images, encoder: Path, which: str, score: Callable[[Encoder], Scores]) -> Scores:
    folder = load_settings().cache_dir / "statements"
    path = folder / f"{shipped.encoder_id(encoder)}-{images.sha[:16]}-{which}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        found = score(Encoder.load(encoder))
        np.savez(path, logits=found.logits, unseen=found.unseen)
    kept = np.load(path)
    return Scores(kept["logits"], kept["unseen"])


def at_f1(images: Images, logits: Floats, heads: tuple[str, ...]) -> Said:
    """Return row -> what is said at the points that today's pairs are made with."""
    points: OperatingPoints = operating_points(images, logits, heads)
    say = {
        **dict.fromkeys(statements.ADULTS, teacher.adult),
        **dict.fromkeys(statements.CHILDREN, teacher.child),
    }
    return {
        index: say[row.source](dict(zip(heads, logits[index].tolist(), strict=True)), points)
        for index, row in enumerate(images.rows)
        if row.source in say
    }


def print_said(what: str, images: Images, said: Said, of: Scores | None = None) -> None:
    """Print how precise the statements are, and what films without a finding are told; of the films
    of one encoder, or of all."""
    print(f"\n{what}")
    films = [i for i in said if of is None or of.unseen[i]]
    adults = [i for i in films if images.rows[i].source in statements.ADULTS]
    print(json.dumps({"adults": adult_figures(images, said, adults)}))
    print(json.dumps({"opacity as read": opacity_figures(images, said, adults)}))
    children = [i for i in films if images.rows[i].source in statements.CHILDREN]
    print(json.dumps({"children": child_figures(images, said, children)}))


def adult_figures(images: Images, said: Said, where: Sequence[int]) -> dict[str, Any]:
    """Return the figures of adults' films: 14 mined labels, what a radiologist contradicts left
    out."""
    answers = {i: images.rows[i].answers for i in where}
    positive = [(i, code) for i in where for code in FINDINGS if _there(said[i], code)]
    known = [(i, code) for i, code in positive if code in answers[i]]
    hits = sum(answers[i][code] for i, code in known)
    true = sum(answers[i].get(code, False) for i in where for code in FINDINGS)
    denied = [
        answers[i][code]
        for i in where
        for code in FINDINGS
        if said[i].get(code) is Seen.ABSENT and code in answers[i]
    ]
    normal = [i for i in where if answers[i].get(NORMAL)]
    told = [sum(_there(said[i], code) for code in (*FINDINGS, OPACITY)) for i in normal]
    called_normal = [i for i in where if said[i].get(NORMAL) in (Seen.STATED, Seen.SUGGESTED)]
    return {
        "films": len(where),
        "statements": len(known),
        "precision": _share(hits, len(known)),
        "recall": _share(hits, true),
        "present": sum(said[i][code] is Seen.STATED for i, code in known),
        "denials": len(denied),
        "denials_wrong": _share(sum(denied), len(denied)),
        "normal_films": len(normal),
        "findings_told_a_normal_film": round(float(np.mean(told)), 3) if told else None,
        "normal_films_told_none": _share(sum(not n for n in told), len(told)),
        "called_normal": len(called_normal),
        "called_normal_right": _share(
            sum(answers[i].get(NORMAL, False) for i in called_normal), len(called_normal)
        ),
        "nothing_said_of_it": sum(UNASSESSED in said[i] for i in where),
    }


def opacity_figures(images: Images, said: Said, where: Sequence[int]) -> dict[str, Any]:
    """Return the figures of films that radiologists read for an opacity."""
    read = {i: images.rows[i].answers for i in where}
    right = {i: answers[OPACITY] for i, answers in read.items() if OPACITY in answers}
    stated = [i for i in right if _there(said[i], OPACITY)]
    return {
        "films": len(right),
        "said": len(stated),
        "present": sum(said[i][OPACITY] is Seen.STATED for i in stated),
        "precision": _share(sum(right[i] for i in stated), len(stated)),
        "recall": _share(sum(right[i] for i in stated), sum(right.values())),
    }


def child_figures(images: Images, said: Said, where: Sequence[int]) -> dict[str, Any]:
    """Return the figures of children's films: pneumonia or none."""
    right = {i: images.rows[i].answers[CHILD] for i in where}
    stated = [i for i in where if _there(said[i], "pneumonia")]
    denied = [i for i in where if said[i].get("pneumonia") is Seen.ABSENT]
    return {
        "films": len(where),
        "pneumonia_said": len(stated),
        "precision": _share(sum(right[i] for i in stated), len(stated)),
        "recall": _share(sum(right[i] for i in stated), sum(right.values())),
        "denied": len(denied),
        "denied_wrong": _share(sum(right[i] for i in denied), len(denied)),
        "nothing_said_of_it": len(where) - len(stated) - len(denied),
    }


def print_points(images: Images, found: Sequence[Scores], heads: tuple[str, ...]) -> None:
    """Print the points chosen on all films: what pairs would be made with."""
    points = statements.chosen_points(images, found, heads)
    print("\nquestion: least chance stated, called possible; largest denied")
    named = {**points.findings, NORMAL: points.normal, CHILD: points.child}
    for name, point in named.items():
        print(f"  {name}: {point.present}, {point.possible}; {point.denied}")


def print_calibration(
    images: Images, found: Scores, heads: tuple[str, ...], out: Path | None
) -> None:
    """Print each set's scale and calibration error out of fold, and write the plot."""
    sets = {
        "adults, 14 findings": (FINDINGS, statements.ADULTS),
        "adults, no finding": ((NORMAL,), statements.ADULTS),
        "children, pneumonia": ((CHILD,), statements.CHILDREN),
    }
    print("\nexpected calibration error (10 bins), out of fold")
    plots = {}
    for name, (codes, sources) in sets.items():
        asked = [statements.known(images, found, heads, code, sources) for code in codes]
        chances = calibration.out_of_fold(asked)
        raw = [1 / (1 + np.exp(-known.logits)) for known in asked]
        right = np.concatenate([known.right for known in asked])
        pooled = np.concatenate(chances)
        before = calibration.calibration_error(np.concatenate(raw), right)
        after = calibration.calibration_error(pooled, right)
        scale = calibration.set_scale(asked)
        print(
            f"  {name}: {len(right)} answers, {int(right.sum())} yes; sigmoid {before:.3f},"
            f" calibrated {after:.3f}; slope {scale.slope:.2f} shift {scale.shift:.2f}"
        )
        for known, own in zip(asked, chances, strict=True):
            if len(asked) > 1 and known.right.sum() >= statement_points.LEAST_STATEMENTS:
                error = calibration.calibration_error(own, known.right)
                print(f"    {known.head}: {int(known.right.sum())} yes, {error:.3f}")
        plots[name] = calibration.reliability(pooled, right)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "reliability.svg").write_text(reliability_svg(plots), encoding="utf-8")


def reliability_svg(plots: Mapping[str, Sequence[calibration.Reliability]]) -> str:
    """Return the plot: share with the finding against chance, a point's size by its films."""
    import io

    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "reliability"}):
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        for axes, (name, bins) in zip(figure.subplots(1, len(plots)), plots.items(), strict=True):
            axes.plot([0, 1], [0, 1], color="#d9dfe5")
            sizes = [4 + 60 * b.count / max(b.count for b in bins) for b in bins]
            chances, shares = [b.chance for b in bins], [b.share for b in bins]
            axes.scatter(chances, shares, s=sizes, color="#17648a")
            axes.set_title(name, loc="left", fontsize=10)
            axes.set_xlabel("chance")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _there(said: Mapping[str, Seen], code: str) -> bool:
    return said.get(code) in (Seen.STATED, Seen.SUGGESTED)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 3) if whole else None


if __name__ == "__main__":
    main()
