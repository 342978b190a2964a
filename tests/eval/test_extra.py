"""What the eval extra declares is enough: no torch, and a file scored with no network.

`tests/stress/test_eval_extra.py` installs the extra into a fresh environment.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

HEAVY = {"torch", "vllm", "transformers", "open-clip-torch", "gradio"}
SCRIPT = """
import json, socket, sys
forbidden = frozenset(json.loads(sys.argv.pop(1)))

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in forbidden:
            raise ModuleNotFoundError(f"not in the extra: {name}", name=name)

def refused(*_):
    raise OSError("no network")

sys.meta_path.insert(0, Finder)
socket.socket.connect = refused
from radraft.cli import main
main()
"""
"""`radraft` where nothing can be imported that the extra does not bring, and nothing reached."""


def extra() -> set[str]:
    """The distributions that `radraft[eval]` brings."""
    found: set[str] = set()
    waiting = [("radraft", "eval")]
    while waiting:
        name, wanted = waiting.pop()
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": wanted}):
                brought = _normal(needed.name)
                if brought not in found:
                    found.add(brought)
                    waiting.append((brought, ""))
                waiting += [(brought, one) for one in needed.extras if brought != "radraft"]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def forbidden() -> list[str]:
    """Top-level modules of everything else that is installed here."""
    brought = extra() | {"radraft"}
    return sorted(
        module
        for module, names in metadata.packages_distributions().items()
        if not brought & {_normal(name) for name in names}
    )


@pytest.mark.slow
def test_the_eval_extra_alone_scores_a_file_offline(tmp_path: Path) -> None:
    assert not HEAVY & extra()
    refs, hyps = tmp_path / "refs.jsonl", tmp_path / "hyps.jsonl"
    refs.write_text(json.dumps({"id": "1", "report": "Small left pleural effusion. No edema."}))
    hyps.write_text(json.dumps({"id": "1", "report": "Left pleural effusion. No edema."}))
    blocked = forbidden()
    assert {"torch", "gradio", "transformers"} <= set(blocked)
    score = ["eval", "score", "--refs", refs, "--hyps", hyps, "--lang", "en", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(blocked), *score],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"finding_f1_micro", "meteor"} <= set(re.findall(r'"name": "(\w+)"', done.stdout))
