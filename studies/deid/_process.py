"""The process that opens untrusted files for de-identification: `_worker` with other work."""

from __future__ import annotations

from typing import Any

from radraft.studies import _worker
from radraft.studies._child import Worker


def deid_worker() -> Worker:
    """Return a killable subprocess with the work of `_work`. Use as a context manager."""
    return Worker(__name__)


def _import_all() -> None:
    _worker.import_all()
    import radraft.studies.deid._work  # noqa: F401


def _answer(request: dict[str, Any]) -> _worker.Answer:
    from radraft.studies.deid import _work

    if request["op"] not in _work.OPS:
        return _worker.answer(request)
    _worker.limit_request(request["op"], request["seconds"])
    try:
        return _work.answer(request)
    except MemoryError:
        return {"code": "needs_too_much_memory"}, b""
    except PermissionError:
        return {"code": "unreadable_file"}, b""


if __name__ == "__main__":
    _worker.serve(_answer, _import_all)
