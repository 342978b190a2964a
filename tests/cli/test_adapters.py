"""`radraft adapters` as a person or a script runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.store import adapters, audit
from radraft.store.database import open_store
from tests.cli.test_commands import answer, radraft
from tests.store.adapter_builders import candidate, decision, installed

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RADRAFT_SITE", "site-a")
    monkeypatch.setenv("RADRAFT_PROFILE", "qwen3-vl-8b-instruct")
    return tmp_path / "data"


def shadows(data: Path, scratch: Path, *numbers: int) -> list[str]:
    """Adapters of `site-a`; each that passes retires the one before it, so the last is shadow."""
    settings = Settings(data_dir=data)
    store = open_store(settings)
    base = load_profile("qwen3-vl-8b-instruct").model_id
    ids = []
    with store.begin() as session:
        for number in numbers:
            ids.append(installed(session, settings.adapters_dir, scratch, number, base=base))
            adapters.record(session, decision(session, ids[-1]))
    store.close()
    return ids


def audited(data: Path) -> list[dict[str, str]]:
    """What the audit says of adapters, first to newest."""
    store = open_store(Settings(data_dir=data))
    with store.read() as session:
        found = audit.search(session, AuditQuery(kinds=frozenset({AuditKind.ADAPTER})), 100)
    store.close()
    return [dict(entry.event.details) for entry in reversed(found.entries)]


def test_from_shadow_to_serving_and_back(data: Path, tmp_path: Path) -> None:
    assert answer(data, "adapters", "list") == {"site": "site-a", "adapters": []}
    (first,) = shadows(data, tmp_path, 1)
    assert answer(data, "adapters", "canary", first, "0.2")["canary"] == 0.2
    assert audited(data) == [{"move": "canary", "adapter": first, "share": "0->0.2"}]
    promoted = answer(data, "adapters", "promote", first, "--by", "Dr. Li")
    assert (promoted["state"], promoted["canary"]) == ("serving", 0)
    (second,) = shadows(data, tmp_path, 2)
    answer(data, "adapters", "promote", second, "--by", "Dr. Li")
    listed = answer(data, "adapters", "list")["adapters"]
    assert {row["adapter_id"]: row["state"] for row in listed} == {
        first: "retired",
        second: "serving",
    }
    assert {"site", "rank", "made_at", "canary", "parent"} <= set(listed[0])
    for now in (first, None):
        back = answer(data, "adapters", "rollback", "--by", "Dr. Li", "--reason", "worse")
        assert (back["site"], back["serving"]) == ("site-a", now)
        assert back["seconds"] > 0
    refused = answer(data, "adapters", "rollback", "--by", "Dr. Li", "--reason", "worse", code=1)
    assert refused["error"]["code"] == "adapter_nothing_to_roll_back"


def test_show_has_the_card_the_moves_and_what_stopped_it(data: Path) -> None:
    store = open_store(Settings(data_dir=data))
    with store.begin() as session:
        adapter_id = candidate(session, 1)
        adapters.record(session, decision(session, adapter_id, passed=False))
    store.close()
    shown = answer(data, "adapters", "show", adapter_id)
    assert shown["card"] == {"kind": "adapted"}
    assert [move["after"] for move in shown["moves"]] == ["candidate", "retired"]
    (said,) = shown["gate"]
    assert (said["passed"], said["failed"], said["confirmed_by"]) == (
        False,
        ["distance_better"],
        "Dr. Li",
    )
    assert [one["cases"] for one in shown["compared"]] == [0, 0]
    text = radraft(data, "adapters", "show", adapter_id).stdout
    assert "stopped by distance_better" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "a-0000000000000000"), "adapter_unknown"),
        (("promote", "a-0000000000000000", "--by", "Dr. Li"), "adapter_unknown"),
        (("canary", "a-0000000000000000", "0.5"), "adapter_unknown"),
        (("discard", "../../etc", "--by", "Dr. Li", "--reason", "wrong"), "adapter_unknown"),
        (("discard", "a-0000000000000000", "--by", " ", "--reason", "x"), "adapter_by_missing"),
    ],
)
def test_refusals_have_a_code(data: Path, words: tuple[str, ...], code: str) -> None:
    assert answer(data, "adapters", *words, code=1)["error"]["code"] == code


def test_a_person_must_be_named(data: Path) -> None:
    done = radraft(data, "adapters", "promote", "a-0000000000000000")
    assert done.returncode == 2
    assert "--by" in done.stderr


def test_a_discarded_shadow_no_longer_drafts(data: Path, tmp_path: Path) -> None:
    (only,) = shadows(data, tmp_path, 1)
    gone = answer(data, "adapters", "discard", only, "--by", "Dr. Li", "--reason", "wrong data")
    assert gone["state"] == "retired"
    back = answer(data, "adapters", "reopen", only, "--by", "Dr. Li", "--reason", "a mistake")
    assert back["state"] == "candidate"
    answer(data, "adapters", "discard", only, "--by", "Dr. Li", "--reason", "wrong data")
    said = [(event["move"], event["adapter"], event["typed"]) for event in audited(data)]
    moves = ("discarded", "reopened", "discarded")
    assert said == [(move, only, "Dr. Li") for move in moves]
    listed = radraft(data, "adapters", "list").stdout
    assert "retired" in listed
    assert "base model" in listed
