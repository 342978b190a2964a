"""Values that are costly to make and never change: made once in a process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

T = TypeVar("T")


def once(make: Callable[[], T]) -> Callable[[], T]:
    """Have `make` called once, whoever else asks meanwhile: `functools.cache` has each thread that
    comes before the first has ended make a value of its own, all of them slowed by one another.

    Those others wait. What raises is tried again by the next.
    """
    lock = threading.Lock()
    made: list[T] = []

    @wraps(make)
    def held() -> T:
        if not made:
            with lock:
                if not made:
                    made.append(make())
        return made[0]

    return held
