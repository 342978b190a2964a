"""A costly value is made once, whoever asks for it at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from radraft.core.once import once


def test_threads_that_ask_together_get_one_value() -> None:
    together = threading.Barrier(4)
    begun: list[object] = []
    slow = threading.Event()

    @once
    def value() -> object:
        begun.append(object())
        slow.wait(0.2)
        return begun[-1]

    def ask() -> object:
        together.wait(10)
        return value()

    with ThreadPoolExecutor(4) as pool:
        got = [asked.result(10) for asked in [pool.submit(ask) for _ in range(4)]]
    assert len(begun) == 1
    assert all(each is begun[0] for each in got)
    assert value() is begun[0]


def test_what_failed_is_tried_again() -> None:
    tries: list[int] = []

    @once
    def value() -> int:
        tries.append(len(tries))
        if len(tries) == 1:
            raise OSError
        return tries[-1]

    with pytest.raises(OSError):
        value()
    assert value() == value() == 1
