"""Every command, given what is not there or not what it should be, ends in a code."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from radraft.cli.main import app
from radraft.core.errors import catalogue

CODES = {0, 1, 2, 3}
SERVERS = {("serve",), ("worker",), ("listen",), ("demo",)}
"""Commands that run until they are stopped; they are tried where they cannot begin."""
KINDS = ("missing", "folder", "empty", "binary", "wrong_json", "deep")
PATHLIKE = {"model", "set_name", "target", "recipe", "recipe_name"}
"""Text options that take a name or a file."""
GOOD = {
    "case": "c-0123456789abcdef",
    "case_id": "c-0123456789abcdef",
    "question": "Is there an effusion?",
    "author": "Ann Example",
    "by": "Ann Example",
    "reason": "a test",
    "login": "ann",
    "role": "attending@a-site",
    "adapter_id": "ad-0123456789ab",
    "adapter_ids": "ad-0123456789ab",
    "share": "0.5",
    "name": "elsewhere",
    "public": "not a key",
    "lang": "en",
    "site": "a-site",
    "patient": "P-1",
    "url": "http://127.0.0.1:9",
    "model": "starter",
    "set_name": "demo",
    "recipe": "adapt",
    "recipe_name": "starter",
    "target": "c-0123456789abcdef",
}


@dataclass(frozen=True)
class Command:
    """A command by the words that call it."""

    words: tuple[str, ...]
    parameters: tuple[Any, ...]
    """As Typer reads them: options and arguments."""
    paths: frozenset[str]
    """Names of the parameters that are a file or a folder."""


def commands(group: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[Command]:
    """Yield every command below `group`."""
    built: Any = typer.main.get_command(app)
    for word in words:
        built = built.commands[word]
    for info in group.registered_commands:
        assert info.callback is not None
        name = info.name or info.callback.__name__.replace("_", "-")
        hints = get_type_hints(inspect.unwrap(info.callback), include_extras=True)
        paths = {key for key, hint in hints.items() if "pathlib.Path" in str(hint)}
        parameters = tuple(built.commands[name].params)
        yield Command((*words, name), parameters, frozenset(paths))
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        assert inner.name is not None
        yield from commands(inner.typer_instance, (*words, inner.name))


COMMANDS = tuple(commands(app))


def inputs(command: Command) -> list[str]:
    """Name the parameters of `command` that take a file or folder, or a name in its place."""
    names = [parameter.name for parameter in command.parameters]
    return [name for name in names if name in command.paths | PATHLIKE]


# A language model of half a gigabyte is built before these are read.
SLOW = {(("adapt",), "run")}
BUILDS = {("starter", "build"), ("adapt",)}
"""Commands that build it where only the data folder or the profile is wrong."""
CASES = [
    (command, name, kind)
    for command in COMMANDS
    if command.words not in SERVERS
    for name in inputs(command)
    if (command.words, name) not in SLOW
    for kind in KINDS
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@pytest.fixture(autouse=True)
def settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(place / "data"))
    monkeypatch.setenv("RADRAFT_CACHE_DIR", str(place / "cache"))
    # Nothing answers there: no command starts a server of its own.
    monkeypatch.setenv("RADRAFT_LLM_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RADRAFT_START_TIMEOUT_S", "1")
    # A name without a folder is a file of where the command is called.
    monkeypatch.chdir(place)


def bad(kind: str, place: Path) -> Path:
    """Make what is not as it should be, and return where it is."""
    path = place / f"{kind}.thing"
    content = {
        "empty": b"",
        "binary": bytes(range(256)) * 8,
        "wrong_json": b'[{"unexpected": [1, null, {"id": 7}]}]\n',
        "deep": b"[" * 5_000,
    }
    if kind == "folder":
        path.mkdir(exist_ok=True)
    elif kind in content:
        path.write_bytes(content[kind])
    return path


def good(name: str, place: Path) -> str:
    """Return a value that `name` accepts."""
    if name in GOOD:
        return GOOD[name]
    if name in ("refs", "hyps"):
        reports = place / f"{name}.jsonl"
        reports.write_text('{"id": "1", "report": "No effusion."}\n', encoding="utf-8")
        return str(reports)
    return str(place / f"new-{name}")


def words_of(command: Command, place: Path, given: dict[str, str]) -> list[str]:
    """Return the words that call `command` with `given`, what else it needs filled in."""
    options: list[str] = []
    arguments: list[str] = []
    for parameter in command.parameters:
        name = parameter.name
        if name not in given and not parameter.required:
            continue
        value = given.get(name) or good(name, place)
        if parameter.param_type_name == "argument":
            arguments.append(value)
        else:
            options += [parameter.opts[0], value]
    return [*command.words, *options, "--json", "--", *arguments]


def check(called: list[str], *, fails: bool = False) -> None:
    """Call it, and hold it to a code of its own and an error of the catalogue."""
    result = CliRunner().invoke(app, called, input=b"")
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        called,
        repr(result.exception)[:500],
    )
    assert result.exit_code in CODES, (called, result.output)
    assert "Traceback" not in result.output
    if fails:
        assert result.exit_code, (called, result.output)
    if result.exit_code == 1 and '"error"' in result.stdout:
        error = json.loads(result.stdout.splitlines()[-1])["error"]
        assert error["code"] in catalogue(), error


def test_all_commands_are_walked() -> None:
    assert len(COMMANDS) > 30
    assert {command.words for command in COMMANDS} >= SERVERS | {("train", "language")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "name", "kind"),
    CASES,
    ids=[f"{' '.join(command.words)}-{name}-{kind}" for command, name, kind in CASES],
)
def test_what_is_not_as_it_should_be_ends_in_a_code(
    command: Command, name: str, kind: str, place: Path
) -> None:
    check(words_of(command, place, {name: str(bad(kind, place))}))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file_for_data", "file_for_cache", "no_profile", "bad_number"])
@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(one.words) for one in COMMANDS])
def test_broken_settings_end_in_a_code(
    command: Command, kind: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command.words in BUILDS and kind != "file_for_cache":
        pytest.skip("builds the language model")
    blocked = place / "blocked"
    blocked.write_text("a file where a folder should be", encoding="utf-8")
    if kind == "file_for_data" or command.words in SERVERS:
        monkeypatch.setenv("RADRAFT_DATA_DIR", str(blocked))
    if kind == "file_for_cache":
        monkeypatch.setenv("RADRAFT_CACHE_DIR", str(blocked))
    if kind == "no_profile":
        monkeypatch.setenv("RADRAFT_PROFILE", str(place / "no-such-profile.yaml"))
    if kind == "bad_number":
        monkeypatch.setenv("RADRAFT_PORT", "many")
    check(words_of(command, place, {}))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(one.words) for one in COMMANDS])
def test_an_unreadable_file_ends_in_a_code(command: Command, place: Path) -> None:
    locked = place / "locked"
    locked.write_text("{}", encoding="utf-8")
    locked.chmod(0)
    for name in inputs(command):
        check(words_of(command, place, {name: str(locked)}))
