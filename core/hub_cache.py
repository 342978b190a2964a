"""Models that were downloaded from a hub, where they lie on this machine. Asks no network."""

from __future__ import annotations

from pathlib import Path


def snapshot(repo_id: str, revision: str | None = None) -> Path | None:
    """Return the folder of `repo_id` (`owner/name`) at `revision`, a commit, branch or tag (`main`
    where None), in the hub's cache (`HF_HOME`); None where it was not downloaded, or where
    huggingface_hub is not installed.

    A download that was broken off has a folder too: whoever reads it must look for its files.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        found = snapshot_download(repo_id, revision=revision, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    return Path(str(found))
