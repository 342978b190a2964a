"""How far a test goes: a small number in `make test`, the full one in `make stress`."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable

import pytest

from tests import costs

FULL = os.environ.get("RADRAFT_TEST_SCALE") == "full"
"""Whether tests marked `scaled`, and hypothesis's, run at full scale: in `make stress`."""


def scaled(quick: int, *, full: int) -> int:
    """How many of something a test makes; its mark `scaled` has `make stress` find it."""
    return full if FULL else quick


def rows(*ids: str) -> pytest.MarkDecorator:
    """Mark a parametrised test of whose rows these show in `make test` what all of them show; the
    others are in `make stress` alone. `ids`: as they stand between brackets."""
    return pytest.mark.rows(*ids)


def on_both(*tests: str) -> pytest.MarkDecorator:
    """Mark a file whose tests of `store` run on both databases in `make stress`, and in `make test`
    on PostgreSQL only where these: one of each kind of what PostgreSQL might do otherwise."""
    return pytest.mark.on_both(*tests)


def leave_to_stress(items: Iterable[pytest.Item]) -> None:
    """Mark `stress` what `rows`, `on_both` and the tests' costs leave to it.

    pytest.UsageError where a mark names what there is not.
    """
    leave_what_costs(items)
    tests: defaultdict[str, list[tuple[str, pytest.Item]]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("rows"):
            name, _, row = item.nodeid.partition("[")
            tests[name].append((row.removesuffix("]"), item))
        if (both := item.get_closest_marker("on_both")) is not None:
            _leave_database(item, both.args)
    for name, found in tests.items():
        mark = found[0][1].get_closest_marker("rows")
        assert mark is not None
        if len(found) > len(mark.args) and not {row for row, _ in found} >= set(mark.args):
            raise pytest.UsageError(f"{name} has no such rows: {mark.args}")
        for row, item in found:
            if row not in mark.args:
                item.add_marker(pytest.mark.stress)


def leave_what_costs(items: Iterable[pytest.Item]) -> None:
    """Mark `stress` what `tests/costs.py` has no time for in `make test`."""
    free = [
        item
        for item in items
        if item.get_closest_marker("stress") is None and item.get_closest_marker("always") is None
    ]
    tests = {item: item.nodeid.partition("[")[0] for item in free}
    left = costs.too_many(tests.values(), costs.read())
    for item, test in tests.items():
        if test in left:
            item.add_marker(pytest.mark.stress)


def _leave_database(item: pytest.Item, tests: tuple[str, ...]) -> None:
    assert isinstance(item, pytest.Function)
    if unknown := [name for name in tests if not hasattr(item.module, name)]:
        raise pytest.UsageError(f"{item.nodeid}: its file has no such tests: {unknown}")
    of = item.callspec.params.get("store_settings") if hasattr(item, "callspec") else None
    if of == "postgresql" and item.originalname not in tests:
        item.add_marker(pytest.mark.stress)
