"""Hold what an evaluation harness finds through `textgen serve` against textgen's own scores.

    python benchmarks/serving_harness.py

EleutherAI's lm-evaluation-harness reads lines of the fables through `local-completions`, and gets
the tokenizer from the server. It is installed into an environment of its own, under
benchmarks/.environments, on the first run.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import textgen

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".environments" / "harness"
PACKAGES = ("lm_eval[api]==0.4.13", "setuptools<81")
PORT, RUN, LINES = 8799, "harness", 40
TASK = """task: lines
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list:
  - metric: bits_per_byte
"""


def install() -> Path:
    """Return the harness's command; it is installed if it is missing."""
    command = ENVIRONMENT / "bin" / "lm_eval"
    if not command.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        pip = [ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES]
        subprocess.run(pip, check=True)
    return command


@contextmanager
def served() -> Iterator[None]:
    """Serve the run until the context ends."""
    command = [sys.executable, "-m", "textgen", "serve", RUN, "--port", str(PORT), "--quiet"]
    process = subprocess.Popen(command)
    try:
        for _ in range(120):
            time.sleep(0.5)
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health").close()
                break
            except OSError:
                continue
        yield
    finally:
        process.terminate()
        process.wait()


def bits_by_harness(harness: Path, lines: list[str]) -> float:
    """Return the bits per byte of lines, as the harness finds them."""
    Path("lines.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    Path("tasks").mkdir()
    Path("tasks/lines.yaml").write_text(TASK.format(data=Path("lines.jsonl").absolute()))
    model = f"model={RUN},base_url=http://127.0.0.1:{PORT}/v1/completions,tokenizer_backend=remote"
    command = [harness, "--model", "local-completions", "--tasks", "lines", "--include_path"]
    command += ["tasks", "--batch_size", "8", "--model_args", model]
    offline = os.environ | {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=offline, capture_output=True, text=True, check=True)
    found = re.search(r"bits_per_byte\s*\|[^|]*\|\s*([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def main() -> None:
    """Compare, and print one line."""
    harness = install()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shape = ["--hidden-size", "64", "--num-layers", "2", "--steps", "150"]
        train = [sys.executable, "-m", "textgen", "train", "fables", *shape, "--run", RUN]
        subprocess.run([*train, "--quiet"], check=True)
        text = (HERE.parent / "corpora" / "fables.txt").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line][-LINES:]
        bits = sum(float(textgen.load(RUN).score(line).sum()) for line in lines)
        own = bits / sum(len(line.encode()) for line in lines)
        with served():
            found = bits_by_harness(harness, lines)
    same = "the same" if math.isclose(found, own, abs_tol=1e-4) else "ANOTHER RESULT"
    print(f"{LINES} lines: harness {found:.4f} bits per byte, textgen {own:.4f}: {same}")


if __name__ == "__main__":
    main()
