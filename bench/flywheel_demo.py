"""`make flywheel-demo`: the whole flywheel on real films and wording, with a simulated reader.

    python bench/flywheel_demo.py [--data ../shared/data] [--work .radraft/flywheel] [--out docs]
        [--tiny] [--rounds 3] [--cases 60] [--frozen 60] [--final 60] [--seed 0]
        [--no-poisons] [--page] [--profile starter]

Every stage is kept in the work folder, so a run that was stopped goes on where it was; another
seed, size or profile needs another folder. OUT gets flywheel.json, flywheel.md and the curve; of
another profile than the starter with its name (flywheel-starter2.md). --tiny tries the machinery
with a few films; give it its own --work and --out. --page only renders the JSON in OUT.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radraft.bench.rehearsal import page
from radraft.bench.rehearsal.course import Course, Tell, expected
from radraft.bench.rehearsal.films import MOST_OF_ONE
from radraft.bench.rehearsal.poison import Poison
from radraft.bench.rehearsal.rehearse import POISONED, SITES, Plan, facts, opened
from radraft.bench.rehearsal.values import TINY, Sizes
from radraft.bench.starter_card.speed import machine
from radraft.cli.output import Output
from radraft.core.errors import RadraftError, TrainingError
from radraft.core.settings import load as load_settings
from radraft.llm.profiles import load_profile
from radraft.llm.server import connect
from radraft.pipeline.draft_batch import load_vision_model

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Rehearse, write, print the learning curve and what was reached."""
    arguments = _arguments()
    say = Output(json=False)
    name = page.name_of(arguments.profile)
    path = arguments.out / f"{name}.json"
    try:
        if not arguments.page:
            result = _rehearsed(arguments, say)
            arguments.out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(result, ensure_ascii=False, indent=1)
            path.write_text(text + "\n", encoding="utf-8")
        result = json.loads(path.read_text(encoding="utf-8"))
        page.write(result, arguments.out)
    except RadraftError as error:
        say.error(error)
        raise SystemExit(1) from None
    _print_curve(result)
    print(page.goal_table(result))
    print(f"\n{arguments.out / name}.md")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    whole = Sizes()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=ROOT / ".radraft" / "flywheel")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--tiny", action="store_true", help="a few films, to try the machinery")
    parser.add_argument("--rounds", type=int, default=whole.rounds)
    parser.add_argument("--cases", type=int, default=whole.cases, help="a round and site")
    parser.add_argument("--frozen", type=int, default=whole.frozen, help="a site")
    parser.add_argument("--final", type=int, default=whole.final, help="a site")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-poisons", action="store_true")
    parser.add_argument("--profile", default=page.FIRST, help="whose drafts are corrected")
    parser.add_argument("--page", action="store_true", help="only render again")
    return parser.parse_args()


def _rehearsed(arguments: argparse.Namespace, say: Output) -> dict[str, Any]:
    sizes = Sizes(arguments.rounds, arguments.cases, arguments.frozen, arguments.final)
    plan = Plan(
        arguments.data,
        arguments.work.resolve(),
        TINY if arguments.tiny else sizes,
        arguments.seed,
        arguments.profile,
    )
    plan.begin()
    poisons = [] if arguments.no_poisons else [how.value for how in Poison]
    settings, profile = plan.settings(load_settings()), load_profile(plan.profile)
    vision = load_vision_model(profile)
    assert vision is not None
    with _telling(say) as tell:
        tell("films", 0.0, 0.0)
        course = Course(plan.work / "stages", expected(plan.sizes, SITES, poisons), tell)
        with (
            connect(
                settings, profile, lambda step, part: tell(f"vLLM: {step}", 0.0, 0.0)
            ) as served,
            opened(plan, course, settings, profile, served, vision) as rehearsal,
        ):
            rehearsal.rounds()
            rehearsal.final()
            if poisons:
                rehearsal.poisons()
            found = facts(plan, rehearsal.truths) | {"most_of_one": MOST_OF_ONE}
    return _result(course, plan, found, poisons) | {"tiny": plan.sizes.cases < Sizes().cases}


@contextmanager
def _telling(say: Output) -> Iterator[Tell]:
    """One bar for the whole rehearsal, with what is left."""
    with say.progress() as progress:
        bar = progress.add_task("Flywheel", total=1.0)

        def tell(name: str, part: float, left: float) -> None:
            minutes = f", {left / 60:.0f} min left" if left else ""
            progress.update(bar, description=f"{name}{minutes}", completed=part)

        yield tell


def _result(
    course: Course, plan: Plan, found: dict[str, Any], poisons: list[str]
) -> dict[str, Any]:
    """All figures of the stages. TrainingError `rehearsal_incomplete`."""
    names = [*expected(plan.sizes, SITES, poisons)]
    missing = course.missing(names)
    if missing:
        raise TrainingError("rehearsal_incomplete", stages=", ".join(missing))
    kept = {name: course.read(name) or {} for name in names}
    return {
        "format": "radraft-flywheel-1",
        "profile": plan.profile,
        "made": datetime.now(UTC).date().isoformat(),
        "minutes": round(sum(part["seconds"] for part in kept.values()) / 60),
        "machine": machine(),
        "facts": found,
        "poisoned": POISONED,
        "rounds": [
            _round(kept, site, number) for number in range(plan.sizes.rounds + 1) for site in SITES
        ],
        "final": {site: kept[f"{site}-final"]["values"] for site in SITES},
        "poisons": {name: kept[f"poison-{name}"]["values"] for name in poisons},
    }


def _round(kept: dict[str, dict[str, Any]], site: str, number: int) -> dict[str, Any]:
    parts = ["taken", "drafted", "signed"] + (["adapted", "gated", "served"] if number else [])
    stages = {part: kept[f"{site}-{number}-{part}"] for part in parts}
    # The mapping from films to cases stays in the work folder.
    values = {part: one["values"] for part, one in stages.items() if part != "taken"}
    seconds = {part: one["seconds"] for part, one in stages.items()}
    return {"site": site, "round": number, "seconds": seconds, **values}


def _print_curve(result: dict[str, Any]) -> None:
    for site, final in result["final"].items():
        values = final["values"]["distance"]
        steps = "  ".join(f"{name} {one['value']:.3f}" for name, one in values.items())
        print(f"{site}: edit distance  {steps}")
    print()


if __name__ == "__main__":
    main()
