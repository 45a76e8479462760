"""Measure exported pages in a browser: size, time to the first character, characters a second.

    python benchmarks/page.py --sizes 1x128 2x192 2x512

The networks are trained on the fables for one step, and write as fast as any. A page is opened from
its file. Its first character is timed from the event `load` of the page, with the start of the
worker and the unpacking of the weights in it. The measurement needs chromium and playwright.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, get_args

from playwright.sync_api import sync_playwright

from textgen.export.weights import Precision
from textgen.workflows.export import PageOrder, export_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Characters that are timed, after as many that are not.
LENGTH = 2000
# Writes once the page is loaded: the time of the first character, then the speed.
SCRIPT = """async ({ length }) => {
  const { app } = textgen, settings = { temperature: 0.8 };
  const write = async (length) => {
    const begun = performance.now();
    let first = 0;
    await app.job("write", { text: "", settings, length, seed: 1 }, ({ text }) => {
      if (text) first ||= performance.now();
    }).done;
    return { first, seconds: (performance.now() - begun) / 1000 };
  };
  const { first } = await write(1);
  const { loadEventStart } = performance.getEntriesByType("navigation")[0];
  await write(length);
  return { wait: first - loadEventStart, speed: length / (await write(length)).seconds };
}"""


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="times that each page is opened")
    parser.add_argument("--sizes", nargs="+", default=["1x128", "2x192", "2x512"])
    return parser.parse_args()


def train(size: str) -> str:
    """Train a network of a size such as `2x192` for one step; return the name of its run."""
    layers, units = size.split("x")
    shape = ["--num-layers", layers, "--hidden-size", units, "--steps", "1", "--run", size]
    command = [sys.executable, "-m", "textgen", "train", "fables", *shape, "--quiet"]
    subprocess.run(command, check=True)
    return size


def measure(browser: Any, path: Path) -> tuple[float, float]:
    """Open a page; return the milliseconds to the first character and the characters a second."""
    page = browser.new_page()
    page.goto(path.as_uri())
    found = page.evaluate(SCRIPT, {"length": LENGTH})
    page.close()
    return found["wait"], found["speed"]


def main() -> None:
    """Measure and print the table."""
    arguments = parse_arguments()
    program = next(filter(None, map(shutil.which, BROWSERS)))
    print(
        "| size | weights | page | first character | characters a second |\n|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.chdir(folder)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for size in arguments.sizes:
            run = train(size)
            for precision in get_args(Precision):
                order = PageOrder(runs=[run], precision=precision)
                path = Path(f"{size}-{precision}.html").absolute()
                page = export_page(path, order, is_forced=True, tell=lambda _: None)
                found = [measure(browser, path) for _ in range(arguments.rounds)]
                wait, speed = (median(values) for values in zip(*found, strict=True))
                print(
                    f"| {size} | {precision} | {page.size / 1e6:.2f} MB | {wait:.0f} ms "
                    f"| {speed:,.0f} |",
                    flush=True,
                )
        browser.close()


if __name__ == "__main__":
    main()
