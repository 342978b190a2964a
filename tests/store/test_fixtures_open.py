"""Stores, adapters and the checkpoint as earlier versions made them (tests/fixtures) are read."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from radraft.core import canonical
from radraft.core.errors import AdapterError
from radraft.core.settings import Settings
from radraft.finetune import export
from radraft.finetune.adapt import keys, peft_files, travel
from radraft.llm import checkpoint, weights_hash
from radraft.llm.profiles import load_profile
from radraft.reports import sign
from radraft.reports.people import Person, PersonKind, typed_person
from radraft.reports.training_pair import make_pair
from radraft.reports.values import LANGS, ConfirmedLanguage, Report
from radraft.store import (
    adapter_files,
    adapters,
    arrivals,
    cases,
    choices,
    drafts,
    images,
    pairs,
    priors,
    quality,
    questions,
    report_steps,
    reports,
    shadow,
    signatures,
)
from radraft.store.database import Store, open_store
from radraft.store.signature_check import examine, extent
from radraft.store.tables import Base
from tests import children
from tests.builders import person
from tests.postgres import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.always]

FIXTURES = Path(__file__).parents[1] / "fixtures"
STORES = ("1588ca4-first", "dc31f9e-kept", "3adb275-flywheel", "e340048-empty-migrations",
          "b9e49d5-today")  # fmt: skip
POSTGRESQL = "b9e49d5-postgresql"
ADAPTERS = FIXTURES / "adapters" / "b9e49d5"


@dataclass(frozen=True)
class Made:
    """A copy of a fixture, opened and so migrated."""

    store: Store
    settings: Settings
    expected: dict[str, Any]


@pytest.fixture(scope="module")
def brought_up(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the data folder of a fixture that was opened and so migrated, once for all tests: to
    copy."""

    @cache
    def of(name: str) -> Path:
        folder = tmp_path_factory.mktemp("brought-up") / "data"
        shutil.copytree(FIXTURES / "stores" / name, folder)
        open_store(Settings(data_dir=folder)).close()
        return folder

    return of


@pytest.fixture(params=[*STORES, pytest.param(POSTGRESQL, marks=pytest.mark.postgres)])
def made(
    request: pytest.FixtureRequest, tmp_path: Path, brought_up: Callable[[str], Path]
) -> Iterator[Made]:
    name: str = request.param
    source = FIXTURES / "stores" / name if name == POSTGRESQL else brought_up(name)
    folder = shutil.copytree(source, tmp_path / "data")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    if name != POSTGRESQL:
        settings = Settings(data_dir=folder)
        store = open_store(settings)
        yield Made(store, settings, expected)
        store.close()
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    database = f"fixture_{tmp_path.name}"
    cluster.create(database)
    url = cluster.url(database)
    plain = url.replace("postgresql+psycopg", "postgresql")
    load = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    subprocess.run([*load, f"--dbname={plain}", f"--file={folder / 'store.sql'}"], check=True)
    settings = Settings(data_dir=folder, database_url=url)
    store = open_store(settings)
    yield Made(store, settings, expected)
    store.close()
    cluster.drop(database)


def today(state: str | None) -> str | None:
    """What an earlier name of a report's state is called now."""
    return "writing" if state == "in_review" else state


def test_every_case_stands_where_it_stood(made: Made) -> None:
    with made.store.read() as session:
        rows = {row.case_id: row for row in cases.worklist(session).rows}
        assert rows.keys() == made.expected["cases"].keys()
        for case_id, wanted in made.expected["cases"].items():
            row, case = rows[case_id], cases.get_case(session, case_id)
            # What was being drafted waits again: of that time nobody holds a lease.
            state = "received" if wanted["state"] == "drafting" else wanted["state"]
            assert (row.state, row.report_state) == (state, today(wanted["report_state"]))
            assert row.patient_name == wanted["patient_name"]
            assert (case.patient_ref, case.site) == (wanted["patient_ref"], wanted["site"])
            assert list(case.issues) == wanted["issues"]


@pytest.mark.parametrize(
    "made",
    [*STORES, pytest.param(POSTGRESQL, marks=pytest.mark.postgres)],
    indirect=True,
)
def test_every_key_image_is_read(made: Made) -> None:
    with made.store.read() as session:
        for case_id, wanted in made.expected["cases"].items():
            held = [image.image_id for image in cases.key_images(session, case_id)]
            assert sorted(held) == sorted(wanted["images"])
            for image_id, length in wanted["images"].items():
                assert len(images.png(made.store.objects, image_id)) == length
            assert len(images.load(session, made.store.objects, case_id).images) == len(held)


def test_every_draft_and_working_report_is_read(made: Made) -> None:
    with made.store.read() as session:
        for case_id, wanted in made.expected["cases"].items():
            for stored, kept in (
                (drafts.latest(session, case_id), wanted["draft"]),
                (drafts.basis(session, case_id), wanted["basis"]),
            ):
                assert (stored is None) == (kept is None)
                if stored is not None:
                    found = canonical.plain(stored.draft)
                    assert texts(stored.draft.report) == kept.pop("texts")
                    assert {name: found[name] for name in kept} == kept
            if wanted["working"] is not None:
                current = reports.current(session, case_id)
                working = canonical.plain(current)
                working["editor"] = typed_name(current.editor)
                assert texts(current.report) == wanted["working"].pop("texts")
                assert {name: working[name] for name in wanted["working"]} == wanted["working"]


def test_every_signed_version_is_read(made: Made) -> None:
    whole = ("case_id", "version", "author", "reviewer", "signed_at", "draft_sha", "supersedes",
             "content_sha")  # fmt: skip
    with made.store.read() as session:
        for case_id, wanted in made.expected["cases"].items():
            versions = signatures.versions(session, case_id)
            found = [
                canonical.plain(signed)
                | {"author": typed_name(signed.author), "reviewer": typed_name(signed.reviewer)}
                for signed in versions
            ]
            sealed = [json.loads(content) for content in wanted["signed"]]
            assert [{name: one[name] for name in whole} for one in found] == [
                {name: one[name] for name in whole} for one in sealed
            ]
            assert [texts(version.report) for version in versions] == [
                plain_texts(one["report"]) for one in sealed
            ]
            for one in versions:
                assert one.confirmed == tuple(ConfirmedLanguage(lang, one.author) for lang in LANGS)
            turns = questions.turns(session, case_id)
            assert [[turn.question, turn.answer] for turn in turns] == wanted["turns"]
            assert {turn.basis for turn in turns} <= {None}


@pytest.mark.parametrize("name", STORES)
def test_the_signed_reports_kept_are_those_their_version_sealed(name: str) -> None:
    folder = FIXTURES / "stores" / name
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    with sqlite3.connect(f"file:{folder / 'radraft.db'}?immutable=1", uri=True) as database:
        rows = database.execute("SELECT content FROM signed_reports ORDER BY case_id, version")
        stored = [content for (content,) in rows]
    database.close()
    wanted = sorted(expected["cases"].items())
    assert stored == [content for _, case in wanted for content in case["signed"]]
    assert len(stored) >= 5
    for content in stored:
        fields = json.loads(content)
        content_sha = fields.pop("content_sha")
        assert canonical.sha256(fields) == content_sha
    assert all(all(case["verified"]) for _, case in wanted)


@pytest.mark.parametrize("name", STORES)
def test_a_report_signed_by_any_earlier_version_verifies(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(FIXTURES / "stores" / name, tmp_path / "data")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    store = open_store(Settings(data_dir=folder))
    with store.read() as session:
        every = [
            content for case in expected["cases"] for content in signatures.contents(session, case)
        ]
    store.close()
    assert len(every) >= 5
    assert [sign.verify(content) for content in every] == [True] * len(every)


def test_what_was_signed_before_is_sealed_into_the_chain_once_and_holds(made: Made) -> None:
    signed = sum(len(case["signed"]) for case in made.expected["cases"].values())
    with made.store.read() as session:
        before = extent(session)
        assert [finding for examined in examine(session) for finding in examined.findings] == []
    assert (before.links, before.signatures, before.inherited) == (signed, signed, signed)
    assert before.sealed_at is not None
    open_store(made.settings).close()
    with made.store.read() as session:
        assert extent(session) == before


def test_processes_that_open_a_store_made_before_at_once_seal_it_once(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=shutil.copytree(FIXTURES / "stores" / "b9e49d5-today", tmp_path / "data")
    )
    children.together(children.open_once, settings, processes=3)
    store = open_store(settings)
    with store.read() as session:
        assert [finding for examined in examine(session) for finding in examined.findings] == []
        assert extent(session).links == extent(session).signatures > 0
    store.close()


def test_a_next_version_is_signed_in_a_store_made_before(made: Made) -> None:
    case_id = made.expected["roles"]["signed_twice"]
    before = json.loads(made.expected["cases"][case_id]["signed"][-1])
    with made.store.begin() as session:
        now = report_steps.amend(
            session, case_id, editor=person("李复核"), reason="更正", now=datetime.now(UTC)
        )
        signed = signatures.sign(
            session,
            case_id,
            base_revision=now.revision,
            signer=person("李复核"),
            now=datetime(2027, 1, 2, tzinfo=UTC),
        )
        contents = signatures.contents(session, case_id)
    assert (signed.version, signed.supersedes) == (3, before["content_sha"])
    assert texts(signed.report) == plain_texts(before["report"])
    assert [sign.verify(content) for content in contents] == [True, True, True]


def test_what_was_signed_before_is_edited_signed_and_learned_from_and_never_rewritten(
    made: Made, tmp_path: Path
) -> None:
    case_id = made.expected["roles"]["signed_twice"]
    wanted = made.expected["cases"][case_id]["signed"]
    reader = typed_person("李复核")
    with made.store.begin() as session:
        now = report_steps.amend(
            session, case_id, editor=reader, reason="更正", now=datetime.now(UTC)
        )
        first, *others = now.report.findings
        edited = replace(now.report, findings=(first.reworded(zh="两肺纹理增强。"), *others))
        saved = reports.save(session, case_id, edited, base_revision=now.revision, editor=reader)
        signed, basis = signatures.sign_with_basis(
            session,
            case_id,
            base_revision=saved.revision,
            signer=reader,
            now=datetime(2027, 1, 2, tzinfo=UTC),
        )
        assert basis is not None
        patient_ref = made.expected["cases"][case_id]["patient_ref"]
        pairs.save_pair(session, make_pair(basis, signed, site="site-a", patient_ref=patient_ref))
    with made.store.read() as session:
        assert list(signatures.contents(session, case_id)[:-1]) == wanted
        count = export.export(session, tmp_path / "pairs.jsonl")
    assert count.examples >= 1
    lines = (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    (line,) = [one for one in map(json.loads, lines)
               if one["metadata"]["content_sha"] == signed.content_sha]  # fmt: skip
    answer = json.loads(line["messages"][-1]["content"][0]["text"])
    assert answer["findings"][0] == {"zh": "两肺纹理增强。", "en": first.en}
    assert [one["en"] for one in answer["findings"]] == [finding.en for finding in edited.findings]


def test_what_was_signed_cannot_be_changed_in_a_store_made_before(made: Made) -> None:
    for table in ("signed_reports", "training_pairs", "report_revisions"):
        for change in (f"UPDATE {table} SET case_id = case_id", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), made.store.begin() as session:
                session.execute(text(change))


def test_every_training_pair_is_read(made: Made) -> None:
    with made.store.read() as session:
        every = list(pairs.pairs(session))
    wanted = made.expected["pairs"]
    assert [pair.pair_id for pair in every] == [one["pair_id"] for one in wanted]
    assert len(every) >= 5
    for pair, one in zip(every, wanted, strict=True):
        found = canonical.plain(pair)
        same = ("case_id", "site", "request_sha", "template_sha", "image_ids", "encoder_id",
                "split")  # fmt: skip
        assert {name: found[name] for name in same} == {name: one[name] for name in same}
        assert found["seconds"] == one.get("seconds")
        assert (pair.signed.version, pair.signed.content_sha) == (
            one["version"],
            one["signed_sha"],
        )
        assert texts(pair.draft.report) == one["drafted"]
        assert len(pair.request) == one["request_length"]
        edits = [[edit["sentence_id"], edit["edit"], edit["moved"]]
                 for edit in found["stats"]["sentences"]]  # fmt: skip
        assert edits == one["edits"]
        assert [pair.stats.distance_zh, pair.stats.distance_en] == one["distances"]


def test_every_adapter_and_what_became_of_it_is_read(made: Made) -> None:
    with made.store.read() as session:
        every = adapters.adapters(session)
        found = {
            "adapters": [canonical.plain(adapter) for adapter in every],
            "moves": [canonical.plain(move) for move in adapters.moves(session)],
            "gate_records": [canonical.plain(record) for record in adapters.records(session)],
            "shadow_drafts": [
                [draft.case_id, draft.adapter_id, texts(draft.report)]
                for adapter in every
                for draft in shadow.of_adapter(session, adapter.adapter_id)
            ],
        }
    assert found == {name: made.expected.get(name, []) for name in found}
    for adapter in every:
        assert adapter_files.verified(made.settings.adapters_dir, adapter).is_dir()


@pytest.mark.parametrize("name", STORES)
def test_every_table_and_column_is_there_once_a_store_was_opened(name: str, tmp_path: Path) -> None:
    store = open_store(
        Settings(data_dir=shutil.copytree(FIXTURES / "stores" / name, tmp_path / "data"))
    )
    schema = inspect(store.engine)
    there = {
        (table, column["name"])
        for table in schema.get_table_names()
        for column in schema.get_columns(table)
    }
    store.close()
    wanted = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
    }
    assert wanted - there == set()


@pytest.mark.parametrize(
    "made",
    ["b9e49d5-today", pytest.param(POSTGRESQL, marks=pytest.mark.postgres)],
    indirect=True,
)
def test_what_the_intake_knew_is_read(made: Made) -> None:
    expected = made.expected
    with made.store.read() as session:
        for case_id in expected["cases"]:
            verdict = quality.verdict(session, case_id)
            assert verdict == expected["quality"].get(case_id)
            choice = choices.latest(session, case_id)
            chosen = choice and [
                choice.revision,
                typed_name(choice.by),
                canonical.plain(choice.images),
            ]
            assert chosen == expected["choices"].get(case_id)
            linked = priors.find(session, case_id)
            kinds = {
                kind: [prior.case_id for prior in getattr(linked, kind)]
                for kind in ("priors", "to_confirm", "rejected")
            }
            assert kinds == expected["priors"].get(case_id, {kind: [] for kind in kinds})
        judged = [
            [study.verdict, [reason.code for reason in study.reasons]]
            for study in quality.judged(session)
        ]
        assert judged == expected["judged"]
        assert arrivals.counts(session) == expected["arrivals"]
        refused = arrivals.listing(session, limit=100)
        assert [[one.code, one.file] for one in refused] == expected["refused_arrivals"]
    for _, file in expected["refused_arrivals"]:
        assert (made.settings.data_dir / "quarantine" / file).is_file()


def test_adapters_over_the_starter_load_and_travel(tmp_path: Path) -> None:
    expected = json.loads((ADAPTERS / "expected.json").read_text(encoding="utf-8"))
    home = Settings(data_dir=shutil.copytree(ADAPTERS, tmp_path / "home"))
    profile = load_profile("starter")
    assert profile.model_id == expected["profile"]
    store = open_store(home)
    with store.read() as session:
        every = adapters.adapters(session)
    store.close()
    assert [canonical.plain(adapter) for adapter in every] == expected["adapters"]
    assert {adapter.card["kind"] for adapter in every} == {"adapted", "merged"}
    for adapter in every:
        assert peft_files.state(adapter_files.verified(home.adapters_dir, adapter))
    parcel = home.data_dir / "exported.radapter"
    assert hashlib.sha256(parcel.read_bytes()).hexdigest() == expected["exported"]
    assert keys.public(home.data_dir) == expected["key"]
    away = Settings(data_dir=tmp_path / "away")
    store = open_store(away)
    keys.trust(away.data_dir, "home", expected["key"])
    second = load_profile("starter2")
    with pytest.raises(AdapterError) as caught:
        travel.bring_in(
            parcel, site="site-b", store=store, settings=away, profile=second, by="test"
        )
    assert caught.value.code == "adapter_import_base"
    assert caught.value.details["base"] == expected["profile"]
    assert caught.value.details["running"] == second.model_id
    got = travel.bring_in(
        parcel, site="site-b", store=store, settings=away, profile=profile, by="test"
    )
    store.close()
    origin = next(one for one in every if one.adapter_id == got.card["origin"]["adapter_id"])
    assert got.files == origin.files


def test_the_checkpoint_built_before_is_found_and_not_built_again(tmp_path: Path) -> None:
    expected = json.loads((FIXTURES / "checkpoint.json").read_text(encoding="utf-8"))
    there = tmp_path / expected["folder"]
    there.mkdir()
    assert checkpoint.folder(tmp_path) == there
    assert checkpoint.build(tmp_path) == there
    assert list(there.iterdir()) == []


@pytest.mark.slow
def test_the_checkpoint_built_here_is_the_one_built_before() -> None:
    expected = json.loads((FIXTURES / "checkpoint.json").read_text(encoding="utf-8"))
    built = checkpoint.folder(Settings().cache_dir)
    if not built.is_dir():
        pytest.skip("no checkpoint in the cache: radraft starter build")
    found = {}
    for path in sorted(built.iterdir()):
        # Whoever served it may have left its remembered hash there: no part of the checkpoint.
        if path.name.startswith(weights_hash.NOTE):
            continue
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        found[path.name] = {"size": path.stat().st_size, "sha256": sha256}
    assert found == expected["files"]


def texts(report: Report) -> list[list[str]]:
    """Id, both texts and origin of each sentence of a report, in reading order."""
    return [
        [sentence.id, sentence.zh, sentence.en, sentence.origin.value]
        for sentence in report.sentences
    ]


def plain_texts(report: Any) -> list[list[str]]:
    """The same of a report as schema 1 has it."""
    every = [*report["findings"], *report["impression"]]
    return [[sentence[name] for name in ("id", "zh", "en", "origin")] for sentence in every]


def typed_name(person: Person | None) -> str | None:
    """The name; of somebody whose name was typed."""
    if person is None:
        return None
    assert (person.kind, person.id) == (PersonKind.TYPED, None)
    return person.name
