"""The files of `deploy/` that an administrator copies: each is taken by the program it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from radraft.core import settings
from radraft.core.settings import LogFormat, LogTarget, Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
ROOT = DEPLOY.parent


def loaded(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Settings:
    """The settings that an environment gives."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return settings.load()


def assignments(lines: list[str]) -> dict[str, str]:
    found = [line.split("=", 1) for line in lines if re.match(r"RADRAFT_\w+=", line)]
    return {line[0]: line[1] for line in found}


def unit() -> dict[str, list[str]]:
    """The directives of the unit file, by name."""
    lines = (DEPLOY / "systemd" / "radraft.service").read_text(encoding="utf-8").splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("#") and "=" in line:
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def test_systemd_takes_the_unit_file(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    program = tmp_path / ".venv" / "bin" / "radraft"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (DEPLOY / "systemd" / "radraft.service").read_text(encoding="utf-8")
    assert "/opt/radraft/.venv/bin/radraft serve" in text
    installed = tmp_path / "radraft.service"
    installed.write_text(text.replace("/opt/radraft", str(tmp_path)), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", installed], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


UNITS = {
    "radraft-server@.service": "serve --no-worker",
    "radraft-worker.service": "worker",
    "radraft-receiver.service": "listen",
}


def test_systemd_takes_the_units_of_a_department(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    program = tmp_path / ".venv" / "bin" / "radraft"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    shared = tmp_path / "radraft-.service.d" / "shared.conf"
    shared.parent.mkdir()
    for name in (*UNITS, "radraft-.service.d/shared.conf"):
        text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
        # An instance is verified under a name of its own.
        (tmp_path / name.replace("@.", "@7860.")).write_text(
            text.replace("/opt/radraft", str(tmp_path)), encoding="utf-8"
        )
    for name, command in UNITS.items():
        installed = tmp_path / name.replace("@.", "@7860.")
        assert f"ExecStart={program} {command}\n" in installed.read_text(encoding="utf-8")
        done = subprocess.run(
            ["systemd-analyze", "verify", installed], capture_output=True, text=True, check=False
        )
        assert (name, done.returncode, done.stdout + done.stderr) == (name, 0, "")


def test_units_of_a_department_wait_longer_than_an_end_with_a_drain_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from radraft.cli.shutdown import LIMIT_S

    shared = (DEPLOY / "systemd" / "radraft-.service.d" / "shared.conf").read_text("utf-8")
    server = (DEPLOY / "systemd" / "radraft-server@.service").read_text("utf-8")
    [(names)] = re.findall(r"^Environment=(.*)$", server, re.MULTILINE)
    found = loaded(monkeypatch, assignments(names.replace("%i", "7861").split()))
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", shared, re.MULTILINE)
    assert found.port == 7861
    assert int(seconds) > LIMIT_S + 2 * found.drain_s


def test_a_proxy_forgets_idle_connections_before_a_server_that_drains_closes_them() -> None:
    nginx = (DEPLOY / "nginx" / "radraft.conf").read_text("utf-8")
    server = (DEPLOY / "systemd" / "radraft-server@.service").read_text("utf-8")
    [kept] = re.findall(r"^    keepalive_timeout (\d+)s;$", nginx, re.MULTILINE)
    [drained] = re.findall(r"RADRAFT_DRAIN_S=(\d+)", server)
    assert int(kept) < int(drained)


def test_systemd_waits_longer_than_radraft_needs_to_end() -> None:
    from radraft.cli.shutdown import LIMIT_S

    assert float(unit()["TimeoutStopSec"][0]) > LIMIT_S


def test_the_settings_behind_nginx_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (DEPLOY / "systemd" / "radraft.env").read_text(encoding="utf-8").splitlines()
    found = loaded(monkeypatch, assignments(lines))
    assert found.url == "https://radraft.hospital.example"
    assert [str(proxy) for proxy in found.proxies] == ["127.0.0.1/32"]
    assert (found.log_format, found.log_to) == (LogFormat.JSON, LogTarget.STDERR)
    # Where systemd makes the folders.
    assert found.data_dir == Path("/var/lib") / unit()["StateDirectory"][0]
    assert found.cache_dir == Path("/var/cache") / unit()["CacheDirectory"][0]


def test_the_settings_with_an_own_certificate_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DEPLOY / "systemd" / "radraft.env").read_text(encoding="utf-8")
    _, own = text.split("# Without a proxy")
    uncommented = [line.removeprefix("#") for line in own.splitlines()]
    chosen = {
        name: value
        for name, value in assignments(uncommented).items()
        if not name.startswith("RADRAFT_METRICS")
    }
    found = loaded(monkeypatch, chosen)
    assert found.url == "https://radraft.hospital.example"
    assert found.tls_cert is not None
    assert found.proxies == ()


def composed() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def test_the_composed_workstation_is_reached_through_its_proxy_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = composed()["services"]
    radraft = services["radraft"]
    assert radraft["network_mode"] == "service:proxy"
    assert "ports" not in radraft
    assert "ports" not in services["database"]
    given = {"RADRAFT_HOSTS": "radraft.example", "POSTGRES_PASSWORD": "made-up"}
    filled = {
        name: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: given[match[1]], value)
        for name, value in radraft["environment"].items()
    }
    found = loaded(monkeypatch, filled)
    assert found.url == "https://radraft.example"
    assert found.database_url.endswith("@database/radraft")


def test_the_composed_department_has_two_servers_and_a_worker_behind_its_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (DEPLOY / "compose.department.yaml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)["services"]
    assert [services[name]["command"] for name in ("server-1", "server-2", "worker")] == [
        ["serve", "--no-worker"],
        ["serve", "--no-worker"],
        ["worker"],
    ]
    given = {"RADRAFT_HOSTS": "radraft.example", "POSTGRES_PASSWORD": "made-up"}
    ports = []
    for name in ("server-1", "server-2", "worker"):
        assert services[name]["network_mode"] == "service:proxy"
        assert "ports" not in services[name]
        filled = {
            key: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: given[match[1]], value)
            for key, value in services[name]["environment"].items()
        }
        with monkeypatch.context() as own:
            found = loaded(own, filled)
        ports.append(found.worker_port or found.port)
        assert found.database_url.endswith("@database/radraft")
    assert ports == [7860, 7861, 7870]


def test_what_the_image_and_the_composition_copy_is_there() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    copied = [
        name
        for line in text.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    for choice in ("cpu", "gpu"):
        assert (ROOT / "requirements" / f"vllm-{choice}.txt").exists()
    build = composed()["services"]["radraft"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Containerfile"


def test_no_image_is_built_from_data_or_from_git() -> None:
    for name in (".containerignore", ".dockerignore"):
        ignored = (ROOT / name).read_text(encoding="utf-8").splitlines()
        assert {".git", ".radraft", ".venv*"} <= set(ignored)
