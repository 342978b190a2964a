from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.errors import DraftingError
from radraft.core.settings import Settings
from radraft.llm.launch import CPU_LORA, command, cpu_ranges, environment, has_gpu, vllm_python
from radraft.llm.profiles import load_profile

PYTHON = Path("/venv/bin/python")


def words(name: str) -> str:
    profile = load_profile(name)
    return " ".join(command(profile, python=PYTHON, model="/weights", port=4321))


def test_loopback_lora_and_bounded_white_space_always() -> None:
    for name in ("starter", "medgemma-4b-it"):
        line = words(name)
        assert "--host 127.0.0.1 --port 4321" in line
        assert "--enable-lora" in line
        assert '"disable_any_whitespace":true' in line
        assert "log-requests" not in line
        assert "trust-remote-code" not in line
        assert "api-key" not in line


def test_embeddings_are_taken_only_where_the_profile_sends_them() -> None:
    assert "--enable-mm-embeds" in words("starter")
    assert "--enable-mm-embeds" not in words("medgemma-4b-it")
    assert "--revision main" in words("medgemma-4b-it")
    assert "--revision" not in words("starter")


def test_the_towers_layers_are_asked_for_only_where_the_profile_names_some() -> None:
    profile = load_profile("lingshu-7b")
    told = []
    for targets in (None, ("q_proj",), ("q_proj", "vision.qkv"), ("connector.mlp.0",)):
        given = profile.model_copy(update={"lora_targets": targets})
        line = command(given, python=PYTHON, model="/weights", port=4321)
        told.append("--enable-tower-connector-lora" in line)
    assert told == [False, False, True, True]


def test_environment_has_the_key_and_no_telemetry_and_nothing_of_ours() -> None:
    base = {"PATH": "/bin", "HOME": "/h", "RADRAFT_LLM_KEY": "s", "PYTHONPATH": "/x", "SECRET": "s"}
    env = environment(load_profile("starter"), "key-1", python=PYTHON, base=base)
    assert env["VLLM_API_KEY"] == "key-1"
    assert env["VLLM_NO_USAGE_STATS"] == env["DO_NOT_TRACK"] == env["HF_HUB_OFFLINE"] == "1"
    assert env["PATH"] == "/bin"
    assert not {"RADRAFT_LLM_KEY", "SECRET"} & set(env)
    assert env.get("PYTHONPATH") != "/x"
    hub = environment(load_profile("medgemma-4b-it"), "key-1", python=PYTHON, base=base)
    assert "HF_HUB_OFFLINE" not in hub


@pytest.mark.skipif(has_gpu(), reason="the CPU's settings are for machines without a GPU")
def test_on_a_cpu_every_core_and_the_fast_openmp(tmp_path: Path) -> None:
    openmp = tmp_path / "lib" / "libiomp5.so"
    openmp.parent.mkdir()
    openmp.touch()
    python = tmp_path / "bin" / "python"
    env = environment(load_profile("starter"), "k", python=python, base={})
    assert env["VLLM_CPU_OMP_THREADS_BIND"]
    assert env["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert env["LD_PRELOAD"] == str(openmp)
    assert "LD_PRELOAD" not in environment(load_profile("starter"), "k", python=PYTHON, base={})
    assert "--enforce-eager" in words("starter")
    module, _, name = CPU_LORA.partition(".")
    assert f"--worker-extension-cls {CPU_LORA}" in words("starter")
    assert f"class {name}" in (Path(env["PYTHONPATH"]) / f"{module}.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("cpus", "text"),
    [({0}, "0"), ({0, 1}, "0-1"), ({0, 1, 2, 5, 7, 8}, "0-2,5,7-8"), ({3, 1}, "1,3")],
)
def test_cpu_ranges(cpus: set[int], text: str) -> None:
    assert cpu_ranges(cpus) == text


def test_vllm_python_is_looked_for_from_here_then_from_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    settings = Settings(vllm_python=Path("venv/bin/python"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DraftingError):
        vllm_python(settings)
    python.touch(0o755)
    assert vllm_python(settings) == python
