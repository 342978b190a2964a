"""Runs that are killed at a chosen moment: every file that is opened to write, renamed or removed
in the data folder is one.

`attempt` runs in a process that has imported what adapting needs and never used it, and forks.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from radraft.core.settings import Settings
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.values import Base

MOMENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def load() -> None:
    """Heavy imports, once for all attempts."""
    import accelerate  # noqa: F401
    import peft  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401


def attempt(
    settings: Settings,
    base: Base,
    run: Path,
    how: AdaptRecipe,
    at: int | None,
    archive: Path | None = None,
) -> int:
    """Adapts in a child that is killed at moment `at`: how many moments there were, -1 where it
    was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            counted = _count(settings.data_dir, at)
            from tests.finetune.adapt.world import go

            go(settings, base, run, how, archive=archive)
            os.write(writing, str(counted[0]).encode())
            status = 0
        except BaseException:  # noqa: BLE001 - the child ends here whatever it is
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        moments = told.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return -1
    assert os.WEXITSTATUS(status) == 0
    return int(moments)


def _count(root: Path, at: int | None) -> list[int]:
    counted = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in MOMENTS or not str(arguments[0]).startswith(str(root)):
            return
        if event == "open" and not (arguments[2] & WRITING):
            return
        counted[0] += 1
        if counted[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return counted
