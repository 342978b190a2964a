"""`radraft adapters merge`, `export`, `import`, `key` and `trust`: what comes from other sites."""

from __future__ import annotations

from collections.abc import Sequence
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.core import settings as settings_module

if TYPE_CHECKING:
    from radraft.llm.adapter import Adapter


def merge(
    adapter_ids: Sequence[str],
    weights: Sequence[float] | None,
    site: str | None,
    by: str | None,
    out: Output,
) -> None:
    """Merge adapters into a candidate of `site`; all weigh the same where no weights are given."""
    from radraft.finetune.adapt.merge import merge as merged

    known = list(weights) if weights else [1 / max(1, len(adapter_ids))] * len(adapter_ids)
    with opened() as context, out.waiting("Merging adapters"):
        made = merged(
            adapter_ids,
            known,
            site=site or context.settings.site,
            store=context.store,
            settings=context.settings,
            profile=context.profile,
            by=by or getuser(),
        )
    _candidate(made, out)


def export_file(adapter_id: str, path: Path, out: Output) -> None:
    """Write an adapter with its card into one signed file."""
    from radraft.finetune.adapt import keys, travel

    with opened() as context:
        made = travel.export(adapter_id, path, store=context.store, settings=context.settings)
        key = keys.public(context.settings.data_dir)
    out.result({"file": str(made), "key": key}, f"{made}\nSigned with the key {key}")


def import_file(path: Path, site: str | None, by: str | None, out: Output) -> None:
    """Take an adapter in from such a file, as a candidate of `site`."""
    from radraft.finetune.adapt import travel

    with opened() as context:
        made = travel.bring_in(
            path,
            site=site or context.settings.site,
            store=context.store,
            settings=context.settings,
            profile=context.profile,
            by=by or getuser(),
        )
    _candidate(made, out)


def key(out: Output) -> None:
    """Print the public key that this site signs its adapters with; made at the first time."""
    from radraft.finetune.adapt import keys

    settings = settings_module.load()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = keys.public(settings.data_dir)
    out.result({"key": public}, public)


def trust(name: str, public: str, out: Output) -> None:
    """Take in adapters that are signed with this key from now on."""
    from radraft.finetune.adapt import keys

    settings = settings_module.load()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys.trust(settings.data_dir, name, public)
    out.result({"name": name, "key": public}, f"{name}: {public}")


def _candidate(made: Adapter, out: Output) -> None:
    kind = str(made.card["kind"])
    out.result(
        {
            "adapter_id": made.adapter_id,
            "site": made.site,
            "kind": kind,
            "state": made.state,
            "rank": made.rank,
            "card": dict(made.card),
        },
        f"Adapter: {made.adapter_id} ({made.state.value}), site {made.site}, {kind},"
        f" rank {made.rank}\nnext: radraft adapters gate {made.adapter_id}",
    )
