"""`make bench-desk`: the reading desk in Chromium, as a reader waits for it.

    python -m radraft.bench.desk [--slices 60 1000] [--studies 1000] [--against REVISION]

A store of its own gets a CT of each number of slices and as many small studies as the list is to
have. A server in a process of its own serves them to Debian's Chromium: with a window system's
means of drawing, then with WebGL off and a line of 2 Mbit/s. Measured in the page, from the key or
the wheel to the frame in which the picture is there: the next study, its first image, the next
slice once all slices around are loaded. Pixels are those of real CTs (`--data`), else of pydicom's
own test file. `--against` measures the same steps, where they exist, in another revision of this
repository, from a worktree; `--json` prints figures for that.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import pydicom
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from radraft.core.errors import StudyRejected
from radraft.core.settings import Settings
from radraft.store.database import open_store
from radraft.studies.decode import Decoder
from radraft.studies.values import Patient

# Only tests know how to serve without a model and to sign somebody in.
from tests import builders as reports, children
from tests.studies import builders
from tests.ui import people, seed, serve
from tests.ui.chosen import take_in

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-quic", "--no-first-run")
WITHOUT_CARD = ("--disable-gpu", "--disable-3d-apis")
SLOW_LINE = 2_000_000 // 8
"""Bytes a second of 2 Mbit/s."""
LONGEST_S = 60
"""For one step; what takes longer is counted as that."""
UID = "1.2.826.0.1.3680043.10.2"

NEXT = """async (key) => {
    const { state } = await import("/ui/state.js");
    const before = state.caseId;
    const began = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    let opened = 0;
    while (performance.now() - began < LONGEST) {
        await new Promise(requestAnimationFrame);
        if (state.caseId === before || !state.view) continue;
        opened ||= performance.now() - began;
        const shown = document.querySelector(".rd-stage canvas")?.dataset.image;
        if (state.view.images.some((image) => image.image_id === shown)) break;
    }
    return [opened || LONGEST, performance.now() - began];
}""".replace("LONGEST", str(1000 * LONGEST_S))
WHEEL = """async (by) => {
    const stage = document.querySelector("[data-part=stage]");
    const canvas = stage.querySelector("canvas");
    const wanted = String(Number(canvas.dataset.slice) + by);
    const began = performance.now();
    const notch = { deltaY: 120 * by, bubbles: true, cancelable: true };
    stage.dispatchEvent(new WheelEvent("wheel", notch));
    while (performance.now() - began < LONGEST) {
        await new Promise(requestAnimationFrame);
        if (canvas.dataset.slice === wanted && canvas.dataset.image) break;
    }
    // The frame in which it is drawn.
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}""".replace("LONGEST", str(1000 * LONGEST_S))


@dataclass(frozen=True)
class Figures:
    """Milliseconds of one step, and MiB of who took part."""

    name: str
    waits: tuple[float, ...]

    def line(self) -> str:
        """Return median, 95th percentile and longest."""
        return (
            f"  {self.name:44} p50 {quantile(self.waits, 0.5):8.1f}  "
            f"p95 {quantile(self.waits, 0.95):8.1f}  most {max(self.waits):8.1f} ms"
            f"  ({len(self.waits)})"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--slices", type=int, nargs="+", default=[60, 1000])
    parser.add_argument("--studies", type=int, default=1000, help="in the list")
    parser.add_argument("--times", type=int, default=100, help="of each step")
    parser.add_argument("--openings", type=int, default=20, help="of each CT")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dicom")
    parser.add_argument("--against", default="", help="a revision of this repository")
    parser.add_argument("--json", action="store_true", help="only the steps of the list")
    asked = parser.parse_args()
    found = measure(asked)
    if asked.json:
        print(json.dumps({one.name: one.waits for one in found}))
    elif asked.against:
        compare(found, asked)


def measure(asked: argparse.Namespace) -> list[Figures]:
    """Fill a store, serve it, and take every step in each way of drawing."""
    found: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="radraft-desk-") as name:
        folder = Path(name)
        scans, film, secret = fill(folder, asked)
        with served(folder / "data") as (url, server), sync_playwright() as playwright:
            for title, arguments, line in (
                ("as Chromium draws here", (), None),
                ("WebGL off, 2 Mbit/s", WITHOUT_CARD, SLOW_LINE),
            ):
                browser = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments]
                )
                say(asked, f"\n{title}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
                context = opened(browser, url, secret)
                steps = walked(context, url, scans, film, line, asked)
                for step in steps:
                    say(asked, step.line())
                # While its page is there.
                say(asked, f"  {memory(browser, server)}")
                context.close()
                found += [Figures(f"{title}: {step.name}", step.waits) for step in steps]
                browser.close()
    return found


def say(asked: argparse.Namespace, text: str) -> None:
    """Print a line for people."""
    if not asked.json:
        print(text, flush=True)


def fill(folder: Path, asked: argparse.Namespace) -> tuple[dict[int, str], str, str]:
    """Make the store; return the case of each number of slices, that of a film, and a reader's
    session."""
    store = open_store(Settings(data_dir=folder / "data"))
    pictures = real_pictures(asked.data)
    scans = {}
    if not asked.json:
        for study, count in enumerate(asked.slices, 1):
            files = folder / f"ct{count}"
            write_scan(files, study, count, pictures)
            scans[count] = take_in(store, files)
            shutil.rmtree(files)
            with store.begin() as session:
                reports.save_draft(session, seed.made_draft(scans[count]))
    picture = seed.key_image(seed.phantom(1024), (1300.0, 2600.0))
    film = ""
    for number in range(asked.studies):
        who = Patient(f"DESK-{number}", "Desk^Planted=桌^试", None, "F")
        film = seed.add(store, 100_000 + number, patient=who, pictures=(picture,))
    secret = people.session_of(store, people.NAME)
    store.close()
    return scans, film, secret


def real_pictures(data: Path) -> list[npt.NDArray[np.int16]]:
    """Return CT slices of 512 x 512, in stored values with -1024 for air."""
    found: list[npt.NDArray[np.int16]] = []
    with Decoder() as decoder:
        for path in sorted(data.rglob("*.dcm")) if data.is_dir() else []:
            try:
                frame = decoder.full_frame(path, 0)
            except StudyRejected:
                # Some of these files are broken on purpose.
                continue
            if frame.unit == "HU" and frame.stored.shape == (512, 512):
                hu = frame.stored * frame.slope + frame.intercept
                found.append((hu + 1024).astype(np.int16))
            if len(found) == 8:
                break
    if found:
        return found
    from pydicom.data import get_testdata_file

    small = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False))).pixel_array
    return [np.tile(small, (4, 4)).astype(np.int16)]


def write_scan(
    folder: Path, study: int, count: int, pictures: Sequence[npt.NDArray[np.int16]]
) -> None:
    """Write a CT of `count` slices, each another picture."""
    for number, picture in zip(range(count), cycle(pictures), strict=False):
        dataset = builders.radiograph(
            np.roll(picture, number % 97, axis=0),
            number=study * 100_000 + number,
            SOPClassUID=builders.CT,
            Modality="CT",
            ViewPosition=None,
            BodyPartExamined="CHEST",
            StudyInstanceUID=f"{UID}.8{study}",
            SeriesInstanceUID=f"{UID}.8{study}.1",
            SeriesNumber=1,
            ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
            SliceThickness="1",
            ConvolutionKernel="B31f",
            ImageOrientationPatient=list(builders.AXIAL),
            ImagePositionPatient=[-180, -180, 500 - number],
            PixelSpacing=["0.7", "0.7"],
            RescaleSlope="1",
            RescaleIntercept="-1024",
            WindowCenter="40",
            WindowWidth="400",
        )
        builders.write(dataset, folder / f"{number:05d}.dcm")


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Serve the store in a process of its own; yield its address and that process."""
    ours, theirs = children.context.Pipe(duplex=False)
    process = children.context.Process(
        target=serve.main, args=(str(folder), "0", theirs), daemon=True
    )
    process.start()
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}", psutil.Process(process.pid)
    finally:
        process.kill()
        process.join()


def opened(browser: Browser, url: str, secret: str) -> BrowserContext:
    """Return a new profile in which the reader is signed in."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    context.add_cookies([{"name": "radraft-session", "value": secret, "url": url}])
    return context


def walked(
    context: BrowserContext,
    url: str,
    scans: dict[int, str],
    film: str,
    line: int | None,
    asked: argparse.Namespace,
) -> list[Figures]:
    """Take every step in a new page; the line is as slow as `line` bytes a second."""
    page = desk(context, url, line)
    steps = through_the_list(page, asked.times)
    for count, case_id in scans.items():
        firsts = [first_image(context, url, line, film, case_id) for _ in range(asked.openings)]
        steps.append(Figures(f"CT of {count} slices: first image", tuple(firsts)))
        wheel = through_slices(page, case_id, count, asked.times)
        steps.append(Figures(f"CT of {count} slices: wheel to the next", wheel))
    return steps


def desk(context: BrowserContext, url: str, line: int | None) -> Page:
    """Return a new page with the list on it; the line is slow from then on."""
    page = context.new_page()
    page.set_default_timeout(1000 * LONGEST_S * 5)
    page.goto(f"{url}/?lang=en")
    page.locator(".rd-row").first.wait_for()
    session = context.new_cdp_session(page)
    # A second opening must not find the first one's pictures.
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    if line is not None:
        slow_down(session, line)
    return page


def slow_down(session: CDPSession, line: int) -> None:
    """Let the page's line carry so many bytes a second, 20 ms away."""
    session.send("Network.enable")
    asked = {"offline": False, "latency": 20, "downloadThroughput": line, "uploadThroughput": line}
    session.send("Network.emulateNetworkConditions", asked)


def through_the_list(page: Page, times: int) -> list[Figures]:
    """Open study after study by J."""
    opened, pictured = zip(*(page.evaluate(NEXT, "j") for _ in range(times)), strict=True)
    return [
        Figures("open the next study", opened[1:]),
        Figures("its first image", pictured[1:]),
    ]


def first_image(
    context: BrowserContext, url: str, line: int | None, film: str, case_id: str
) -> float:
    """Open a CT in a page that shows a film; return the wait for its first image."""
    page = desk(context, url, line)
    shown(page, film)
    waited = shown(page, case_id)
    page.close()
    return waited


def shown(page: Page, case_id: str) -> float:
    """Open a study; return the milliseconds until one of its key images is drawn."""
    waited: float = page.evaluate(
        """async (caseId) => {
            const { state } = await import("/ui/state.js");
            const { open } = await import("/ui/study.js");
            const began = performance.now();
            open(caseId);
            while (performance.now() - began < 60000) {
                await new Promise(requestAnimationFrame);
                const shown = document.querySelector("[data-part=stage] canvas")?.dataset.image;
                if (state.caseId !== caseId || !state.view) continue;
                if (state.view.images.some((image) => image.image_id === shown)) break;
            }
            return performance.now() - began;
        }""",
        case_id,
    )
    return waited


def through_slices(page: Page, case_id: str, count: int, times: int) -> tuple[float, ...]:
    """Open a CT; return the waits for slices that are loaded."""
    shown(page, case_id)
    page.locator("[data-part=shown-series]").wait_for()
    page.locator("[data-part=shown-series]").select_option(index=0)
    stage = page.locator("[data-part=stage]")
    stage.focus()
    page.keyboard.press("Home")
    canvas = page.locator("[data-part=stage] canvas")
    there = min(count, times + 1)
    for _ in range(there - 1):
        page.evaluate(WHEEL, 1)
    page.wait_for_timeout(500)
    canvas.wait_for()
    waits = [page.evaluate(WHEEL, -1) for _ in range(there - 1)]
    return tuple(waits)


def memory(browser: Browser, server: psutil.Process) -> str:
    """Return what the page's process and the server with its decoders hold, in MiB."""
    session = browser.new_browser_cdp_session()
    processes: list[dict[str, Any]] = session.send("SystemInfo.getProcessInfo")["processInfo"]
    pages = [held(psutil.Process(one["id"])) for one in processes if one["type"] == "renderer"]
    decoders = sum(held(child) for child in server.children(recursive=True))
    return (
        f"memory: page {max(pages, default=0):.0f} MiB, server {held(server):.0f}, "
        f"its decoders {decoders:.0f}"
    )


def held(process: psutil.Process) -> float:
    """Resident MiB."""
    size: int = process.memory_info().rss
    return size / 2**20


def compare(found: Sequence[Figures], asked: argparse.Namespace) -> None:
    """Take the steps that there are in the other revision too, and print the ratios."""
    with tempfile.TemporaryDirectory(prefix="radraft-before-") as name:
        folder = Path(name) / "tree"
        subprocess.run(
            ["git", "worktree", "add", "--detach", "--quiet", folder, asked.against],
            cwd=ROOT,
            check=True,
        )
        try:
            shutil.copy(__file__, folder / "bench" / "desk.py")
            told = subprocess.run(
                [
                    *(sys.executable, "-m", "radraft.bench.desk", "--json"),
                    *("--studies", str(asked.studies), "--times", str(asked.times)),
                    *("--data", str(asked.data)),
                ],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": f"{folder / 'src'}:{folder}"},
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=True)
    before: dict[str, list[float]] = json.loads(told.splitlines()[-1])
    print(f"\nthe same steps in {asked.against}")
    for figures in found:
        old = before.get(figures.name)
        if old is None:
            print(f"  {figures.name}: no such step")
            continue
        now, then = (quantile(waits, 0.95) for waits in (figures.waits, old))
        ratio, low, high = times_as_long(figures.waits, old)
        told_as = f"{ratio:.2f} [{low:.2f}, {high:.2f}]"
        print(f"  {figures.name}: p95 {then:.1f} ms then, {now:.1f} now; medians {told_as}")


def times_as_long(
    now: Sequence[float], then: Sequence[float], resamples: int = 2000
) -> tuple[float, float, float]:
    """Return the ratio of the medians, and the 95% bootstrap interval of it."""
    random = np.random.default_rng(0)
    medians = [
        np.median(random.choice(waits, (resamples, len(waits))), axis=1) for waits in (now, then)
    ]
    low, high = np.quantile(medians[0] / medians[1], [0.025, 0.975])
    return statistics.median(now) / statistics.median(then), float(low), float(high)


def quantile(waits: Sequence[float], share: float) -> float:
    """Return the value below which that share lies."""
    if len(waits) < 2:
        return waits[0]
    return statistics.quantiles(waits, n=100, method="inclusive")[round(share * 100) - 1]


if __name__ == "__main__":
    main()
