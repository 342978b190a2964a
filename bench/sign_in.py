"""What somebody gets who guesses passwords, and what the time of a refusal tells him.

    python -m radraft.bench.sign_in [--tries 10000] [--rounds 300] [--flood-s 20]

Guesses come from many addresses by a clock of their own, so that hours of an attack take minutes.
Times are taken where the password is checked: a network adds only noise to them. All people are
made up, in a folder that ends with the run.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from radraft.core import passwords
from radraft.core.errors import SignInError
from radraft.core.settings import Settings
from radraft.pipeline.sign_in import SignIn, session_terms
from radraft.reports.accounts import MOST_OF_LOGIN
from radraft.reports.roles import Membership, Role
from radraft.store import accounts
from radraft.store.database import Store, open_store

PASSWORD = "a made-up password of the benchmark"
DESK, NEW_DESK = "10.0.0.7", "10.0.0.8"
PER_SECOND = 10
"""Tries of an attack, of all its addresses together."""
UNKNOWN, KNOWN, DISABLED, DISABLED_RIGHT, NO_PASSWORD, LOCKED, LOCKED_UNKNOWN = (
    "unknown name",
    "wrong password",
    "disabled, wrong password",
    "disabled, right password",
    "no password yet",
    "known name that waits",
    "unknown name that waits",
)


@dataclass
class Clock:
    """The time as it is in an attack."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        """Return it."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Guessing:
    """What became of an attack on one person's account."""

    tries: int
    heard: int
    """Tries whose password was looked at."""
    let_in: int
    desk: int
    """How often the person signed in at his own desk meanwhile, of `desk_tries`."""
    desk_tries: int
    new_desk_s: float
    """After the attack: until he is heard at a desk where he never was."""
    shared_desk_s: float
    """After an attack from his own desk's address: until he is heard there."""


@dataclass(frozen=True)
class Separation:
    """How well two kinds of refusals are told apart by their times (Mann and Whitney 1947)."""

    chance: float
    """That a time of the second kind is longer than one of the first; 0.5: nothing is told."""
    z: float
    p: float
    """Two-sided, by the normal approximation."""


@dataclass(frozen=True)
class Flood:
    """What a flood of sign-ins does to the machine."""

    seconds: float
    heard: int
    processor: float
    """Share of all cores that the process took."""
    person_s: float
    """Median time until a person with the right password was in, meanwhile."""


def people(store: Store, clock: Clock) -> SignIn:
    """Add the people that are guessed at: who can sign in, who is disabled, who has no password."""
    kept = passwords.hashed(PASSWORD)
    with store.begin() as session:
        for login, password, disabled in (
            ("lin", kept, False),
            ("gone", kept, True),
            ("new", None, False),
        ):
            account = accounts.add(
                session,
                login=login,
                name=f"made up, {login}",
                memberships=[Membership("north", Role.ATTENDING)],
                now=clock.now,
                password_hash=password,
            )
            if disabled:
                accounts.set_disabled(session, account.account_id, clock.now)
    return SignIn(store, session_terms(Settings()), clock)


def refusal(sign_in: SignIn, login: str, password: str, address: str) -> str:
    """Return the code with which a sign-in is refused; empty where somebody was let in."""
    try:
        sign_in.by_password(login, password, address=address)
    except SignInError as error:
        return error.code
    return ""


def guess(sign_in: SignIn, clock: Clock, tries: int, addresses: Sequence[str]) -> Guessing:
    """Guess at one person's password from `addresses` in turns, and then from his own."""
    assert refusal(sign_in, "lin", PASSWORD, DESK) == ""
    heard = let_in = desk = desk_tries = 0
    for number in range(tries):
        address = addresses[number % len(addresses)]
        code = refusal(sign_in, "lin", f"guess {number}", address)
        let_in += code == ""
        heard += code == "sign_in_refused"
        clock.forward(1 / PER_SECOND)
        if number % (60 * PER_SECOND) == 0:
            desk_tries += 1
            desk += refusal(sign_in, "lin", PASSWORD, DESK) == ""
    new_desk_s = _until_in(sign_in, clock, NEW_DESK)
    clock.forward(24 * 3600)
    for number in range(min(tries, 600)):
        let_in += refusal(sign_in, "lin", f"guess {number}", DESK) == ""
        clock.forward(1 / PER_SECOND)
    shared_desk_s = _until_in(sign_in, clock, DESK)
    return Guessing(tries, heard, let_in, desk, desk_tries, new_desk_s, shared_desk_s)


def _until_in(sign_in: SignIn, clock: Clock, address: str) -> float:
    """Seconds until the person is let in, who tries once a second."""
    waited = 0.0
    while refusal(sign_in, "lin", PASSWORD, address):
        clock.forward(1)
        waited += 1
        if waited > 24 * 3600:
            return math.inf
    return waited


def times(
    sign_in: SignIn, clock: Clock, rounds: int, chance: random.Random
) -> Mapping[str, list[float]]:
    """Return the seconds that refusals of each kind took, `rounds` of each, in an order of
    `chance`."""
    asked = {
        UNKNOWN: ("nobody", "wrong"),
        KNOWN: ("lin", "wrong"),
        DISABLED: ("gone", "wrong"),
        DISABLED_RIGHT: ("gone", PASSWORD),
        NO_PASSWORD: ("new", "wrong"),
        LOCKED: ("lin", "wrong"),
        LOCKED_UNKNOWN: ("nobody", "wrong"),
    }
    taken: dict[str, list[float]] = {kind: [] for kind in asked}
    refusal(sign_in, "nobody", "wrong", "192.0.2.1")
    for number in range(rounds):
        # By then nothing that was refused before makes anybody wait.
        clock.forward(2 * 3600)
        heard = [kind for kind in asked if kind not in (LOCKED, LOCKED_UNKNOWN)]
        chance.shuffle(heard)
        for place, kind in enumerate(heard):
            _take(sign_in, taken[kind], *asked[kind], f"198.51.{number % 250}.{place}")
    shut = "203.0.113.250"
    for login in ("lin", "nobody"):
        while refusal(sign_in, login, "wrong", shut) != "sign_in_wait":
            pass
    for _ in range(rounds):
        for kind in chance.sample((LOCKED, LOCKED_UNKNOWN), 2):
            _take(sign_in, taken[kind], *asked[kind], shut)
    return taken


def _take(sign_in: SignIn, times: list[float], login: str, password: str, address: str) -> None:
    # The last wrong password's rest is over: what is taken is one refusal's own time.
    time.sleep(passwords.resting())
    began = time.perf_counter()
    refusal(sign_in, login, password, address)
    times.append(time.perf_counter() - began)


def separation(first: Sequence[float], second: Sequence[float]) -> Separation:
    """Return how well the times of two kinds are told apart."""
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank_sum = sum(rank for rank, (_, kind) in enumerate(ordered, start=1) if kind == 1)
    n, m = len(first), len(second)
    above = rank_sum - m * (m + 1) / 2
    z = (above - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return Separation(above / (n * m), z, math.erfc(abs(z) / math.sqrt(2)))


def flood(sign_in: SignIn, seconds: float, askers: int = 4) -> Flood:
    """Guess at names that nobody has, from ever other addresses, as fast as it goes."""
    ending = threading.Event()
    heard = [0] * askers

    def ask(asker: int) -> None:
        while not ending.is_set():
            address = f"2001:db8:{asker}::{heard[asker] + 1:x}"
            refusal(sign_in, f"nobody-{asker}-{heard[asker]}", "wrong", address)
            heard[asker] += 1

    threads = [threading.Thread(target=ask, args=(asker,)) for asker in range(askers)]
    began, processor = time.monotonic(), time.process_time()
    for thread in threads:
        thread.start()
    person: list[float] = []
    while time.monotonic() - began < seconds:
        asked = time.monotonic()
        assert refusal(sign_in, "lin", PASSWORD, DESK) == ""
        person.append(time.monotonic() - asked)
        ending.wait(1.0)
    ending.set()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    cores = len(os.sched_getaffinity(0))
    share = (time.process_time() - processor) / (took * cores)
    return Flood(took, sum(heard), share, statistics.median(person))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--flood-s", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=20261129)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Settings(data_dir=Path(folder)))
        clock = Clock()
        sign_in = people(store, clock)
        addresses = [f"203.0.113.{number}" for number in range(10)]
        print_guessing(guess(sign_in, clock, asked.tries, addresses))
        clock.forward(48 * 3600)
        print_times(times(sign_in, clock, asked.rounds, random.Random(asked.seed)))
        clock.forward(48 * 3600)
        print_flood(flood(sign_in, asked.flood_s))
        store.close()


def print_guessing(found: Guessing) -> None:
    """Print what became of an attack."""
    print(f"guesses {found.tries}, heard {found.heard}, let in {found.let_in}")
    print(f"the person at his own desk meanwhile: in {found.desk} of {found.desk_tries} times")
    print(f"after the attack, at a desk where he never was: in after {found.new_desk_s:.0f} s")
    print(f"after an attack from his own desk's address: in after {found.shared_desk_s:.0f} s")


def print_times(taken: Mapping[str, Sequence[float]]) -> None:
    """Print how long refusals took, and what their times tell of an account. An attacker gets at
    most `MOST_OF_LOGIN` refusals of one name in an hour."""
    print(f"refusals, milliseconds ({len(taken[UNKNOWN])} of each; {MOST_OF_LOGIN} an hour heard)")
    for kind, seconds in taken.items():
        cuts = statistics.quantiles(seconds, n=20)
        low, middle, high = (cuts[place] * 1000 for place in (0, 9, 18))
        than = LOCKED_UNKNOWN if kind in (LOCKED, LOCKED_UNKNOWN) else UNKNOWN
        told = separation(taken[than], seconds)
        against = "" if kind == than else f" chance {told.chance:.3f} p {told.p:.2f} ({than})"
        print(f"  {kind:26} p5 {low:7.1f} median {middle:7.1f} p95 {high:7.1f}{against}")


def print_flood(found: Flood) -> None:
    """Print what a flood does to the machine."""
    print(
        f"flood of {found.seconds:.0f} s from ever other addresses: {found.heard} heard "
        f"({found.heard / found.seconds:.1f}/s), {found.processor:.0%} of the processor, "
        f"the right person in after {found.person_s * 1000:.0f} ms (median)"
    )


if __name__ == "__main__":
    main()
