"""Settings: read once from the environment (`RADRAFT_*`), checked, and passed as arguments."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

import radraft
from radraft.errors import SettingsError

CHECKOUT = Path(radraft.__file__).resolve().parents[2]
"""Root of the source checkout, where radraft runs from one."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """Everything that differs between two installations.

    Each field is an environment variable: `data_dir` is `RADRAFT_DATA_DIR`, and so on.
    """

    model_config = SettingsConfigDict(env_prefix="RADRAFT_", extra="forbid", frozen=True)

    data_dir: Path = Path("~/.local/share/radraft")
    """Database, images, embeddings, the site secret and the logs. Patient data: mode 0700."""
    cache_dir: Path = Path("~/.cache/radraft")
    """What can be built again: the starter checkpoint."""
    database_url: str = ""
    """SQLAlchemy URL (`postgresql+psycopg://...`); empty means SQLite in `data_dir`."""
    objects_url: str = ""
    """obstore URL for pixels and embeddings; empty means a folder in `data_dir`."""
    site: str = "local"
    """Short name of this hospital or branch; written into every training pair."""
    profile: str = "starter"
    """Name of a model profile in `llm/profiles/`, or a path to one's YAML file."""
    llm_url: str = ""
    """Base URL of a running vLLM (`http://host:port`); empty means radraft starts its own."""
    llm_key: SecretStr = SecretStr("")
    """API key of the vLLM at `llm_url`."""
    vllm_python: Path = Path(".venv-vllm/bin/python")
    """Python of the virtual environment that holds vLLM. A relative path starts at the working
    directory, then at the source checkout."""
    radeval_python: Path = Path(".venv-radeval/bin/python")
    """Python of the virtual environment that holds RadEval; relative as `vllm_python`."""
    draft_timeout_s: float = 300.0
    """Longest wait for one drafted report, in seconds."""
    start_timeout_s: float = 600.0
    """Longest wait for a starting vLLM, in seconds."""
    host: str = "127.0.0.1"
    """Address of the workstation. Loopback only: this version has no log-in of its own."""
    port: int = 7860

    @property
    def adapters_dir(self) -> Path:
        """The one root under which adapters lie."""
        return self.data_dir / "adapters"

    @field_validator("data_dir", "cache_dir", "vllm_python", "radeval_python")
    @classmethod
    def _expand(cls, path: Path) -> Path:
        return path.expanduser()

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        if host not in LOOPBACK:
            raise ValueError("only a loopback address: put a proxy with log-in in front")
        return host

    @field_validator("llm_url")
    @classmethod
    def _http(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/")


def program(wanted: Path) -> Path | None:
    """`wanted` from the working directory, else from the source checkout; None where neither can
    be run."""
    # Not resolved: the link in a virtual environment is what makes Python use it.
    for path in (Path.cwd() / wanted, CHECKOUT / wanted):
        if os.access(path, os.X_OK):
            return path
    return None


def load() -> Settings:
    """Settings from the environment. SettingsError names the variables that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(
            sorted({f"RADRAFT_{str(item['loc'][0]).upper()}" for item in error.errors()})
        )
        raise SettingsError("settings_invalid", variables=names) from None
