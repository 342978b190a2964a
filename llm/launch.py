"""How vLLM is started: its Python, command line and environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from radraft.core.errors import DraftingError
from radraft.core.settings import Settings, program
from radraft.llm import checkpoint, llava_form, native_layers
from radraft.llm.profiles import HubCheckpoint, LocalCheckpoint, Profile, StarterCheckpoint

# Enough of the parent's environment for a process to work, and nothing of ours.
KEPT = re.compile(
    r"^(PATH|HOME|USER|LANG|LC_\w+|TMPDIR|TZ|HF_HOME|HF_TOKEN|CUDA_\w+|NVIDIA_\w+|LD_LIBRARY_PATH|\w+_proxy|\w+_PROXY)$"
)

ENGINE = Path(__file__).resolve().parent / "engine"
"""What vLLM's own Python imports."""
CPU_LORA = "cpu_lora.GroupedLora"


def command(profile: Profile, *, python: Path, model: str, port: int) -> list[str]:
    """Return vLLM's command line. It carries no secret: the key goes by the environment."""
    engine = profile.vllm
    words = [
        str(python),
        *("-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model),
        *("--served-model-name", profile.name),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--dtype", engine.dtype),
        *("--max-model-len", str(profile.context_tokens)),
        # One more than radraft drafts: a new adapter is tried without waiting for a full batch.
        *("--max-num-seqs", str(engine.max_num_seqs + 1)),
        "--enable-lora",
        *("--max-loras", str(engine.max_loras)),
        *("--max-lora-rank", str(engine.max_lora_rank)),
        # A small model would otherwise write white space for ever.
        *("--structured-outputs-config", _json(backend="xgrammar", disable_any_whitespace=True)),
        # The checkpoint's own sampling defaults must not change a profile's.
        *("--generation-config", "vllm"),
        *("--chat-template-content-format", "openai"),
        "--disable-uvicorn-access-log",
    ]
    if profile.image_way == "embeds":
        # No request goes through the vision tower, so it is not loaded.
        words += ["--enable-mm-embeds", "--limit-mm-per-prompt", _json(image=0)]
    else:
        words += ["--limit-mm-per-prompt", _json(image=engine.max_images)]
        if native_layers.beyond_language(profile.lora_targets or ()):
            # Without it vLLM leaves the tensors of these layers out and says nothing.
            words.append("--enable-tower-connector-lora")
    # What is built for a language model of any kind brings its own.
    if profile.chat_format == "plain" and profile.projector is None:
        words += ["--chat-template", str(checkpoint.CHAT_TEMPLATE)]
    if isinstance(profile.checkpoint, HubCheckpoint) and profile.projector is None:
        words += ["--revision", profile.checkpoint.revision]
    if has_gpu():
        words += ["--gpu-memory-utilization", str(engine.gpu_memory_utilization)]
    else:
        # Compiling takes two minutes at each start and gains a tenth on a CPU.
        words.append("--enforce-eager")
        # vLLM's own LoRA on a CPU mixes adapters up, and is slow.
        words += ["--worker-extension-cls", CPU_LORA]
    return words


def environment(
    profile: Profile, key: str, *, python: Path, base: Mapping[str, str]
) -> dict[str, str]:
    """Return vLLM's environment: what it needs of `base`, the API key, and no telemetry."""
    env = {name: value for name, value in base.items() if KEPT.match(name)}
    env |= {
        "VLLM_API_KEY": key,
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "VLLM_LOGGING_COLOR": "0",
        "VLLM_LOG_STATS_INTERVAL": "300",
        "PYTHONUNBUFFERED": "1",
    }
    if not isinstance(profile.checkpoint, HubCheckpoint) or profile.projector is not None:
        env["HF_HUB_OFFLINE"] = "1"
    if not has_gpu():
        env["PYTHONPATH"] = str(ENGINE)
        env["VLLM_CPU_OMP_THREADS_BIND"] = cpu_ranges(os.sched_getaffinity(0))
        env["VLLM_CPU_KVCACHE_SPACE"] = str(profile.vllm.cpu_kv_cache_gib)
        openmp = python.parent.parent / "lib" / "libiomp5.so"
        if openmp.exists():
            env["LD_PRELOAD"] = str(openmp)
    return env


def model_path(profile: Profile, cache_dir: Path, on_progress: checkpoint.Progress | None) -> str:
    """Return what vLLM is told to load; the starter, or the form in which a language model takes
    images, is built when it is not there yet.

    DraftingError `starter_weights_changed` where the shipped weights are not the profile's,
    SettingsError `checkpoint_changed` where the base is not the one that it pins, and as
    `llava_form.of_profile` and `build`.
    """
    profile.check_weights()
    if profile.projector is not None:
        form = llava_form.of_profile(profile, with_lora=True)
        return str(llava_form.build(form, cache_dir, on_progress))
    match profile.checkpoint:
        case StarterCheckpoint():
            return str(checkpoint.build(cache_dir, on_progress, edition=profile.edition))
        case LocalCheckpoint(path=path):
            return str(Path(path).expanduser())
        case HubCheckpoint(id=name):
            return name


def vllm_python(settings: Settings) -> Path:
    """Return the Python of vLLM's virtual environment. DraftingError `llm_not_installed` without
    one."""
    python = program(settings.vllm_python)
    if python is None:
        raise DraftingError("llm_not_installed")
    return python


def shares_cpu(settings: Settings) -> bool:
    """Return whether vLLM is our own child and computes on this machine's processor."""
    return not settings.llm_url and not has_gpu()


def has_gpu() -> bool:
    """Return whether an NVIDIA driver is loaded on this machine."""
    return Path("/dev/nvidiactl").exists()


def cpu_ranges(cpus: Collection[int]) -> str:
    """`{0, 1, 2, 5}` as `0-2,5`, the form vLLM binds its threads by."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(f"{a}-{b}" if a != b else str(a) for a, b in ranges)


def _json(**values: object) -> str:
    return json.dumps(values, separators=(",", ":"))
