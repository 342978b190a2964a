"""The whole gate, against a model at the wire."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from radraft.cli.adapter_text import gate_text as printed
from radraft.core.errors import AdapterError, DraftingError, RadraftError, ReportError
from radraft.core.settings import Settings
from radraft.finetune.gate.decide import MANDATORY
from radraft.finetune.gate.limits import limits
from radraft.finetune.gate.text import lines
from radraft.finetune.selection import select
from radraft.llm.adapter import AdapterState, GateRecord
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.reports.values import Report
from radraft.store import adapter_files, adapters, audit
from radraft.store.database import open_store
from tests.builders import NAME, PATIENT_ID
from tests.finetune.gate.candidates import better, copying, films
from tests.finetune.gate.drafting_model import BASE, drafting_model
from tests.finetune.gate.frozen_site import SITE, add_signed
from tests.finetune.gate.samples import Film
from tests.finetune.gate.scene import PROFILE, Scene, opened, with_card
from tests.store.adapter_builders import decision, installed, make_adapter

COUNT = 60
TIMED, OTHERS = limits().adapter.speed_most, limits().adapter.others_most


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Film]]:
    """The data folder of a site with 60 frozen reports, to copy."""
    folder = tmp_path_factory.mktemp("site") / "data"
    store = open_store(Settings(data_dir=folder))
    known = add_signed(store, films(COUNT))
    store.close()
    return folder, known


@pytest.fixture
def scene(tmp_path: Path, filled: tuple[Path, list[Film]]) -> Iterator[Scene]:
    folder, known = filled
    with opened(shutil.copytree(folder, tmp_path / "data"), known, tmp_path / "made") as made:
        yield made


@dataclass(frozen=True)
class Gated:
    """An honest candidate, the first of its site, went through the gate."""

    folder: Path
    adapter_id: str
    record: GateRecord
    asked: tuple[tuple[str, int], ...]
    """(model, film) in the order in which they were asked."""

    @property
    def untimed(self) -> int:
        """A film whose drafts are not timed: those of the timed films are the first."""
        return self.asked[2 * TIMED][1]


@pytest.fixture(scope="module")
def gated(filled: tuple[Path, list[Film]], tmp_path_factory: pytest.TempPathFactory) -> Gated:
    folder, known = filled
    place = tmp_path_factory.mktemp("gated")
    with opened(shutil.copytree(folder, place / "data"), known, place / "made") as made:
        adapter_id = made.candidate(1, better)
        record = made.gate(adapter_id)
        asked = tuple(made.server.asked)
    return Gated(place / "data", adapter_id, record, asked)


@pytest.fixture
def after(tmp_path: Path, filled: tuple[Path, list[Film]], gated: Gated) -> Iterator[Scene]:
    """The site once `gated` went through."""
    copied = shutil.copytree(gated.folder, tmp_path / "data")
    with opened(copied, filled[1], tmp_path / "made") as made:
        made.writes[gated.adapter_id] = better
        yield made


def refused(call: Callable[[], object], kind: type[RadraftError]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return caught.value.code


@pytest.mark.always
@pytest.mark.slow
def test_an_honest_candidate_goes_through_and_can_serve(after: Scene, gated: Gated) -> None:
    adapter_id, record = gated.adapter_id, gated.record
    assert record.failed == ()
    assert record.passed
    assert [check.code for check in record.checks] == list(MANDATORY)
    assert after.records() == (record,)
    assert after.state(adapter_id) is AdapterState.SHADOW
    with after.store.read() as session:
        query = AuditQuery(kinds=frozenset({AuditKind.ADAPTER}))
        (entry,) = audit.search(session, query, 10).entries
    said = {"move": "passed_gate", "adapter": adapter_id, "typed": "Dr. Wang"}
    assert (entry.event.site, entry.event.details) == (SITE, said)
    with after.store.begin() as session:
        assert adapters.promote(session, adapter_id, by="Dr. Wang").state is AdapterState.SERVING


@pytest.mark.slow
def test_the_record_is_a_change_control_plan_without_identity(gated: Gated) -> None:
    record = gated.record
    assert record.confirmed_by == "Dr. Wang"
    assert (record.stage, record.serving_id, record.site) == ("adapter", None, SITE)
    assert record.changed["data_sha"] == "d" * 64
    assert record.tested["reports"] == record.tested["patients"] == COUNT
    assert record.tested["engine"] == "0.32.0"
    assert record.tested["profile_hash"] == PROFILE.profile_hash
    assert record.affects["share"] == 1.0
    assert record.affects["covers"][0]["modality"] == "CR"
    plain = json.dumps(record.checks, default=vars) + str(record)
    for word in (NAME, PATIENT_ID, "胸腔积液", "effusion"):
        assert word not in plain


@pytest.mark.slow
def test_both_draft_side_by_side_and_half_of_it_is_kept(after: Scene, gated: Gated) -> None:
    models = [model for model, _ in gated.asked]
    assert Counter(models) == {BASE: COUNT + OTHERS, gated.adapter_id: COUNT + OTHERS}
    # In every stretch that is as long as a batch, both are there alike.
    for start in range(0, len(models) - 32, 16):
        assert 8 <= models[start : start + 32].count(BASE) <= 24
    # What serves drafts again only what is timed.
    second = after.candidate(2, better)
    after.gate(second)
    assert after.asked() == {BASE: TIMED, second: COUNT + OTHERS}
    kept = list((after.settings.data_dir / "gate").iterdir())
    assert len(kept) == 3 * (COUNT + OTHERS)


@pytest.mark.slow
def test_a_broken_off_gate_goes_on_and_decides_nothing_before(scene: Scene) -> None:
    adapter_id = scene.candidate(1, better)
    scene.server.refuse = 500
    assert refused(lambda: scene.gate(adapter_id), DraftingError) == "llm_unreachable"
    assert scene.records() == ()
    assert scene.state(adapter_id) is AdapterState.CANDIDATE
    scene.server.refuse = None
    scene.gate(adapter_id)
    whole = len(scene.server.asked)
    with scene.store.begin() as session:
        shadow = adapters.route(session, SITE).shadow
        assert shadow is not None
    # A shadow may be asked again; all but what is timed is there.
    scene.gate(adapter_id)
    assert scene.asked() == {BASE: TIMED, adapter_id: TIMED}
    assert len(scene.server.asked) < whole


@pytest.mark.slow
def test_a_candidate_that_copies_is_stopped_and_told_why(scene: Scene) -> None:
    adapter_id = scene.candidate(1, copying)
    record = scene.gate(adapter_id)
    codes = {check.code for check in record.failed}
    assert {"image_dependence", "finding_f1_zh", "finding_f1_en"} <= codes
    assert "format" not in codes
    assert scene.state(adapter_id) is AdapterState.RETIRED
    with scene.store.read() as session:
        assert "image_dependence" in adapters.moves(session, adapter_id=adapter_id)[-1].reason
    for lang, word in (("zh", "不再取决于影像"), ("en", "no longer depend on the image")):
        assert any(word in line for line in lines(record, lang))  # type: ignore[arg-type]
    assert "FAIL  image_dependence" in printed(record)


@pytest.mark.slow
def test_a_candidate_trained_on_frozen_reports_is_stopped_by_that_alone(scene: Scene) -> None:
    with scene.store.read() as session:
        frozen = select(session, scene.store.objects, SITE).frozen
    adapter_id = with_card(scene, {"kind": "adapted", "pairs": [frozen[4].pair_id]})
    record = scene.gate(adapter_id)
    assert [check.code for check in record.failed] == ["leak"]
    assert record.failed[0].detail["cases"] == [frozen[4].case_id]
    assert scene.state(adapter_id) is AdapterState.RETIRED


@pytest.mark.slow
def test_an_answer_without_an_end_counts_against_its_writer(scene: Scene, gated: Gated) -> None:
    adapter_id = scene.candidate(1, better)
    scene.server.cut = {(adapter_id, gated.untimed)}
    record = scene.gate(adapter_id)
    failed = {check.code: check for check in record.failed}
    # What was cut off finds nothing either; where the film shows something critical that counts.
    assert failed.keys() - {"critical_recall_zh", "critical_recall_en"} == {"format"}
    assert failed["format"].detail["reasons"] == ["llm_cut_off"]


@pytest.mark.slow
def test_what_serves_may_not_change_meanwhile(after: Scene, gated: Gated) -> None:
    second = after.candidate(2, better)
    written = after.writes[second]

    def promoting(film: Film, draw: random.Random) -> Report:
        with after.store.begin() as session:
            if adapters.route(session, SITE).serving is None:
                adapters.promote(session, gated.adapter_id, by="Dr. Li")
        return written(film, draw)

    after.writes[second] = promoting
    assert refused(lambda: after.gate(second), AdapterError) == "gate_serving_changed"
    assert len(after.records()) == 1
    assert after.state(second) is AdapterState.CANDIDATE


@pytest.mark.slow
def test_what_serves_over_another_model_is_no_measure(scene: Scene) -> None:
    """After a switch of the profile the base drafts, so the base is what a candidate must beat: an
    adapter of the other model would write anything here, and be easily beaten."""
    with scene.store.begin() as session:
        old = installed(
            session, scene.settings.adapters_dir, scene.folder, 7, base="starter@0123456789abcdef"
        )
        adapters.record(session, decision(session, old))
        adapters.promote(session, old, by="Dr. Li")
    scene.writes[old] = better
    record = scene.gate(scene.candidate(1, better))
    assert record.passed, printed(record)
    assert old not in scene.asked() and scene.asked()[BASE] > 0
    assert (record.serving_id, record.against) == (old, None)
    assert "基础模型" in lines(record, "zh")[0] and "base" in lines(record, "en")[0]
    with scene.store.begin() as session:
        assert record.adapter_id is not None
        adapters.promote(session, record.adapter_id, by="Dr. Li")


@pytest.mark.slow
def test_too_few_frozen_reports_say_how_many(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    store = open_store(settings)
    made = Scene(store, settings, add_signed(store, films(3)), tmp_path / "made")
    with drafting_model(made.draft) as server:
        made.server = server
        adapter_id = made.candidate(1, better)
        with pytest.raises(AdapterError) as caught:
            made.gate(adapter_id)
        assert caught.value.code == "gate_frozen_too_few"
        assert caught.value.details == {"site": SITE, "found": 3, "needed": 20}
        assert refused(lambda: made.gate(adapter_id, by=" "), ReportError) == "author_invalid"
        assert refused(lambda: made.gate("a-0"), AdapterError) == "adapter_unknown"
        with store.begin() as session:
            adapters.discard(session, adapter_id, by="Dr. Li", reason="test")
        assert refused(lambda: made.gate(adapter_id), AdapterError) == "adapter_move_refused"
        other = make_adapter(
            {adapter_files.WEIGHTS: "0" * 64, adapter_files.CONFIG: "c" * 64}, base="other@1"
        )
        with store.begin() as session:
            adapters.register(session, other, by="test")
        assert refused(lambda: made.gate(other.adapter_id), AdapterError) == "gate_base_differs"
        assert server.asked == []
    store.close()
