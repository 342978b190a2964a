"""`docs/flywheel.md` with its curve, rendered from `docs/flywheel.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from radraft.bench.rehearsal.goals import goals, shown
from radraft.bench.rehearsal.poison import Poison
from radraft.eval.report.markdown import table
from radraft.ui.pages.charts import Curve, curves

COLOURS = ("#17648a", "#b86a1e", "#3f7d4e", "#8a4a7d")
FIRST = "starter"
"""The profile whose page has no other name."""
Values = Mapping[str, Any]


def name_of(profile: str) -> str:
    """Return what the page of a profile and its JSON are called, without their endings."""
    return "flywheel" if profile == FIRST else f"flywheel-{profile}"


def _curve_of(profile: str) -> str:
    return f"{name_of(profile)}-curve.svg"


def write(result: Values, out: Path) -> None:
    """The page and its curve in `out`."""
    profile = _profile(result)
    (out / _curve_of(profile)).write_text(curve(result), encoding="utf-8", newline="\n")
    (out / f"{name_of(profile)}.md").write_text(render(result), encoding="utf-8", newline="\n")


def _profile(result: Values) -> str:
    # What was rehearsed before there was a choice names none.
    return str(result.get("profile", FIRST))


def render(result: Values) -> str:
    """The page's text. It holds no figure that `result` does not."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    template = environment.from_string(
        files("radraft.bench.rehearsal").joinpath("page.md.jinja").read_text(encoding="utf-8")
    )
    facts, first = result["facts"], next(iter(result["final"].values()))
    return template.render(
        **{name: result[name] for name in ("made", "minutes", "machine", "tiny", "poisoned")},
        **{name: facts[name] for name in ("sizes", "seed", "patients", "sides", "most_of_one")},
        profile=_profile(result),
        name=name_of(_profile(result)),
        curve=_curve_of(_profile(result)),
        resamples=first["resamples"],
        bootstrap_seed=first["seed"],
        goals=goal_table(result),
        final=_final(result),
        changes=_changes(result),
        rounds=_rounds(result),
        decisions=_decisions(result),
        poisons=_poisons(result),
        films=_films(facts),
        houses=_houses(facts),
    )


def goal_table(result: Values) -> str:
    """Every goal, what was wanted and what was found."""
    rows = [[goal.what, goal.wanted, goal.found, goal.met.value] for goal in goals(result)]
    return table(["goal", "wanted", "found", "met"], rows)


def curve(result: Values) -> str:
    """Return an SVG: distance by round with intervals, own adapters and the other site's last,
    each site."""
    sites = list(result["final"])
    drawn = []
    for number, (site, colour) in enumerate(zip(sites, COLOURS, strict=False)):
        values = result["final"][site]["values"]["distance"]
        shift = 0.06 * (number - (len(sites) - 1) / 2)
        own = [
            _point(place + shift, found)
            for place, found in enumerate(v for name, v in values.items() if name != "other")
        ]
        other = _point(len(own) - 1 + 3 * shift, values["other"])
        drawn += [
            Curve(colour, own, f"{site}: own adapters"),
            Curve(colour, [other], f"{site}: the other's", "x"),
        ]
    rounds = int(result["facts"]["sizes"]["rounds"])
    ticks = ["base", *(f"round {n + 1}" for n in range(rounds))]
    return curves(drawn, "", "edit distance to the signed report", ticks=ticks)


def _point(place: float, found: Values) -> tuple[float, float, float | None, float | None]:
    return place, found["value"], found["low"], found["high"]


def _final(result: Values) -> str:
    rows = []
    for site, final in result["final"].items():
        values = final["values"]
        for name in values["distance"]:
            figures = [shown(values[what][name]) for what in ("distance", "f1_zh", "f1_en")]
            rows.append([site, _system(name), *figures, str(final["failed"][name])])
    head = ["site", "drafted by", "edit distance", "F1 zh", "F1 en", "not drafted"]
    return table(head, rows)


def _changes(result: Values) -> str:
    said = {
        "fall_distance": "fall of the distance, base to last own",
        "fall_distance_zh": "the same, Chinese",
        "fall_distance_en": "the same, English",
        "other_worse_distance": "distance, the other site's adapter less own",
        "rise_f1_zh": "F1 zh, last own less base",
        "rise_f1_en": "F1 en, last own less base",
    }
    rows = [
        [
            words,
            *(shown(f["changes"][key], key.startswith("fall")) for f in result["final"].values()),
        ]
        for key, words in said.items()
    ]
    return table(["change", *result["final"]], rows)


def _rounds(result: Values) -> str:
    rows = []
    for round_ in result["rounds"]:
        signed, sentences = round_["signed"], round_["signed"]["sentences"]
        kinds = [str(sentences.get(kind, 0)) for kind in _KINDS]
        drafters = ", ".join(f"{name} {count}" for name, count in round_["drafted"].items())
        distances = [f"{signed[f'distance_{lang}']:.3f}" for lang in ("zh", "en")]
        where = [round_["site"], str(round_["round"] or "frozen"), str(signed["signed"]), drafters]
        rows.append([*where, *distances, *kinds])
    head = ["site", "round", "signed", "drafted by", "distance zh", "distance en", *_KINDS]
    return table(head, rows)


def _decisions(result: Values) -> str:
    rows = []
    for round_ in result["rounds"]:
        if round_["round"] == 0:
            continue
        adapted, gated = round_["adapted"], round_["gated"]
        stopped = adapted.get("record") or (gated if gated and not gated["passed"] else None)
        failed = ", ".join(map(_failure, _failed(stopped))) if stopped else "-"
        counts = adapted.get("counts", {})
        learnt = f"{counts.get('new', 0)} + {counts.get('replay', 0)}"
        minutes = [f"{round_['seconds'][name] / 60:.1f}" for name in ("adapted", "gated")]
        what = adapted["adapter"] or "none"
        verdict = "stopped" if stopped else "serves"
        rows.append([round_["site"], str(round_["round"]), learnt, what, verdict, failed, *minutes])
    head = ["site", "round", "pairs new + again", "candidate", "gate", "failed checks"]
    return table([*head, "min to adapt", "min to gate"], rows)


def _poisons(result: Values) -> str:
    missing = [how.value for how in Poison if how.value not in result["poisons"]]
    rows = []
    for name, one in result["poisons"].items():
        changed = f"{one['changed']} of {one['reports']}" if "changed" in one else ""
        cells = [_decision(one[stage]) for stage in ("batch", "gate")]
        if "left_out_by_selection" in one:
            cells[0] = f"selection leaves out {one['left_out_by_selection']} of {one['reports']}"
        rows.append([name, changed or str(one["reports"]), *cells])
    parts = [table(["poison", "reports", "before training", "gate"], rows)] if rows else []
    if missing:
        parts.append(f"Not run: {', '.join(missing)}.")
    return "\n".join(parts)


def _decision(decision: Values | None) -> str:
    if decision is None:
        return "not asked"
    if decision["passed"]:
        return "passed"
    return "stopped: " + "; ".join(map(_failure, _failed(decision)))


def _failed(decision: Values) -> Iterator[Values]:
    return (check for check in decision["checks"] if not check["passed"])


def _failure(check: Values) -> str:
    limit = check["limit"]
    held = "none" if limit is None else f"{limit:.3f}"
    return f"{check['code']} {shown(check)}, limit {held}"


def _films(facts: Values) -> str:
    rows = [
        [site, *(f"{part['child']} + {part['adult']}" for part in parts.values())]
        for site, parts in facts["films"].items()
    ]
    head = ["site (children + adults)", *next(iter(facts["films"].values()))]
    return table(head, rows)


def _houses(facts: Values) -> str:
    parts = [
        f"`{name}` words {one['sentences']} statements, {one['mined']} of them with real sentences"
        for name, one in facts["houses"].items()
    ]
    return "Counting each language, " + " and ".join(parts) + "."


def _system(name: str) -> str:
    known = {"base": "base", "other": "the other site's last"}
    return known.get(name) or f"own, round {name.removeprefix('own-')}"


_KINDS: Sequence[str] = ("kept", "reworded", "corrected", "deleted", "added")
