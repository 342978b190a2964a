"""`make bench-adapt`: how long `radraft adapt` takes on 300 signed reports of real films.

    python bench/adapt.py [--data ../shared/data] [--pairs 300]

The films are the rehearsal's; each is drafted in one house's words and signed in the other's, so
that every pair has something to learn and to prefer. No language model drafts them: training takes
as long whoever wrote the draft.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radraft.bench.rehearsal import films, houses, mine
from radraft.bench.rehearsal.desk import desk
from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.reader import read
from radraft.bench.rehearsal.values import Film, Part, Sizes, Truth
from radraft.bench.starter_card.speed import machine
from radraft.cli.output import Output
from radraft.core.settings import Settings, load as load_settings
from radraft.llm.profiles import Profile, load_profile
from radraft.pipeline import draft as draft_steps
from radraft.pipeline.draft_batch import load_vision_model
from radraft.pipeline.draft_store import store_draft
from radraft.pipeline.eligibility import Barred
from radraft.pipeline.ingest import ingest
from radraft.pipeline.service import Service
from radraft.reports.draft import Draft
from radraft.reports.skeleton import skeleton
from radraft.reports.values import Coverage
from radraft.store.database import Store, open_store

ROOT = Path(__file__).resolve().parents[1]
SITE, FROZEN, SPARE = "bench", 20, 1.06
"""`SPARE`: films whose picture another film has too are left out by `adapt`."""


def main() -> None:
    """Sign, adapt, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--pairs", type=int, default=300)
    arguments = parser.parse_args()
    say = Output(json=False)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), cache_dir=load_settings().cache_dir)
        with say.waiting("Signing") as move:
            store = open_store(settings)
            try:
                signed(arguments, settings, store, lambda part: move("Signing", part))
            finally:
                store.close()
        made = adapted(settings)
    counts = made["card"]["counts"]
    print(f"machine: {json.dumps(machine(), ensure_ascii=False)}")
    print(f"pairs: {counts}")
    print(f"radraft adapt: {made['minutes']:.1f} min (goal: under 30 for 300 pairs on 2 cores)")


def signed(arguments: argparse.Namespace, settings: Settings, store: Store, move: Any) -> None:
    """Takes in films, drafts in one house's words, signs in the other's."""
    sizes = Sizes(rounds=1, cases=round(arguments.pairs * SPARE), frozen=FROZEN, final=1)
    found = films.plan(
        arguments.data, settings.data_dir / "pictures", store.secret, (SITE,), sizes, 0
    )
    profile = load_profile("starter")
    vision = load_vision_model(profile)
    written = houses.build(mine.mine(arguments.data))
    wanted = [film for film in found if film.part is not Part.FINAL]
    for done, film in enumerate(wanted, 1):
        one(film, settings, store, profile, vision, written)
        move(done / len(wanted))


def one(
    film: Film,
    settings: Settings,
    store: Store,
    profile: Profile,
    vision: draft_steps.VisionModel | None,
    written: Mapping[str, House],
) -> None:
    """One film from file to signature."""
    drafting, signing = (written[name] for name in sorted(written))
    taken = ingest(
        film.item.study,
        store=store,
        profile=profile,
        site=SITE,
        scratch=settings.data_dir / "scratch",
    )
    if not taken.cases:
        return
    (case_id,) = taken.cases
    truth = Truth(film.group, film.present, {})
    request = draft_steps.prepare(case_id, store=store, profile=profile, vision=vision)
    assert not isinstance(request, Barred)
    report = read(skeleton(case_id), drafting, truth)
    draft = Draft(
        case_id, report, Coverage.DRAFTED, profile.model_id, None, request.request_sha, None
    )
    with store.begin() as session:
        store_draft(session, draft, request)
    service = Service(store, settings, profile)
    with desk(service, SITE) as here:
        here.opened(case_id, 120.0)
        working = service.case_view(case_id).working
        assert working is not None
        saved = here.save(case_id, read(working.report, signing, truth), working.revision)
        here.notify(case_id)
        here.sign(case_id, saved)


def adapted(settings: Settings) -> dict[str, Any]:
    """What the command prints, in its own process with its own progress bar."""
    radraft = Path(sys.executable).with_name("radraft")
    own = {"RADRAFT_DATA_DIR": settings.data_dir, "RADRAFT_CACHE_DIR": settings.cache_dir}
    done = subprocess.run(
        [radraft, "adapt", "--site", SITE, "--from", "base", "--json"],
        env=os.environ | {name: str(value) for name, value in own.items()},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout.decode())
    result: dict[str, Any] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    main()
