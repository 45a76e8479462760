"""`textgen serve` under load from clients in a process of their own, on loopback.

    python benchmarks/serving_clients.py                    speed, and time to the first character
    python benchmarks/serving_clients.py --hardships        memory, broken and stalling clients

The server runs in a second process. Each client streams one text after the other.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from serving import TEXTS, random_model, sampled

PROMPT = "ONCE UPON A TIME"
# Clients beside which others stall.
BESIDE = 16
STALLING = 1000


class Server(NamedTuple):
    """A server in a process of its own: its port, its process, and the speed of 64 samples."""

    port: int
    process: int
    sampled: float

    def memory(self) -> float:
        """Return the resident memory of the server in MB."""
        lines = Path(f"/proc/{self.process}/status").read_text(encoding="utf-8").splitlines()
        (line,) = (line for line in lines if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


class Heard(NamedTuple):
    """What a client got: its characters, and the seconds until the first ones came."""

    characters: int
    first: float


def serve(hidden_size: int, length: int) -> None:
    """Serve a network with random weights until standard input ends."""
    from textgen.runtime.environment import prepare_jax

    prepare_jax(one_kernel=True)
    from textgen.serve.http.app import make_app
    from textgen.serve.http.limits import Limits
    from textgen.serve.http.server import HttpServer, address_of, listen
    from textgen.serve.http.service import Service
    from textgen.serve.scheduler import Scheduler

    model = random_model(hidden_size)
    sampled(model, 200)
    speed = statistics.median(sampled(model, length) for _ in range(3))
    scheduler = Scheduler([model])
    scheduler.start()
    listener = listen("127.0.0.1", 0)
    service = Service(scheduler=scheduler, limits=Limits(max_length=10**6))
    server = HttpServer(make_app(service), listener)
    server.start()
    print(json.dumps({"port": address_of(listener)[1], "sampled": speed}), flush=True)
    sys.stdin.read()
    server.refuse_new()
    scheduler.close(0)
    server.stop()


@contextmanager
def serving(hidden_size: int, length: int) -> Iterator[Server]:
    """Run `serve` in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(hidden_size), "--length", str(length)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        try:
            yield Server(told["port"], process.pid, told["sampled"])
        finally:
            process.stdin.close()


async def stream(server: Server, length: int, seed: int) -> Heard:
    """Ask for a text and read it while it is written."""
    options = {"include_usage": True}
    content = {"prompt": PROMPT, "max_tokens": length, "seed": seed, "stream_options": options}
    body = json.dumps(content | {"stream": True}).encode()
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**20)
    writer.write(
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    first, last, characters = 0.0, b"", 0
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            first = first or time.perf_counter() - begun
            last = line
    writer.close()
    characters = json.loads(last.removeprefix(b"data: "))["usage"]["completion_tokens"]
    return Heard(characters, first)


async def load(server: Server, clients: int, length: int) -> tuple[float, list[float]]:
    """Let clients ask at the same time; return characters a second and the sorted first seconds."""
    begun = time.perf_counter()
    asked = (stream(server, length, seed) for seed in range(clients))
    heard = await asyncio.gather(*asked)
    seconds = time.perf_counter() - begun
    return sum(one.characters for one in heard) / seconds, sorted(one.first for one in heard)


def at(values: list[float], percent: int) -> float:
    """Return the value below which this share of sorted values lies."""
    return values[min(len(values) * percent // 100, len(values) - 1)]


def measure_speed(sizes: list[int], seconds: float, turns: int) -> None:
    """Print a table of the speeds of all numbers of clients."""
    print("| network | clients | characters/s | of `sample`, 64 | first p50, ms | first p95, ms |")
    print("|---|---|---|---|---|---|")
    for hidden_size in sizes:
        with serving(hidden_size, 2000) as server:
            name = f"2x{hidden_size}"
            print(f"| {name} | `sample`, 64 | {server.sampled:,.0f} | | | |")
            for clients in TEXTS:
                for _ in range(2):  # compile
                    asyncio.run(load(server, clients, 200))
                    time.sleep(3)
                speed, _ = asyncio.run(load(server, clients, 200))
                length = max(int(speed * seconds / clients), 50)
                found = [asyncio.run(load(server, clients, length)) for _ in range(turns)]
                speed = statistics.median(one for one, _ in found)
                p50, p95 = (statistics.median(at(one, p) for _, one in found) for p in (50, 95))
                print(
                    f"| {name} | {clients} | {speed:,.0f} | {speed / server.sampled:.0%} | "
                    f"{p50 * 1000:.0f} | {p95 * 1000:.0f} |",
                    flush=True,
                )


async def many(server: Server, count: int) -> None:
    """Send short requests, 16 at a time."""
    left = iter(range(count))

    async def client() -> None:
        for seed in left:
            await stream(server, 20, seed)

    await asyncio.gather(*(client() for _ in range(BESIDE)))


async def break_rules(server: Server, seed: int) -> int:
    """Do something that no client should; return 1 if the server blamed itself."""
    source = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = json.dumps({"prompt": PROMPT, "max_tokens": 10**5, "stream": True}).encode()
    whole = b"POST /v1/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    data = bytearray(whole)
    for _ in range(source.randrange(4)):
        data[source.randrange(len(data))] = source.randrange(256)
    writer.write(bytes(data[: source.randrange(len(data) + 1)]))
    answer = b""
    try:
        async with asyncio.timeout(source.choice([0.0, 0.01, 0.1])):
            answer = await reader.read(20)
    except (TimeoutError, ConnectionError):
        pass
    writer.transport.abort()
    return answer.startswith(b"HTTP/1.1 5")


async def stall(server: Server) -> tuple[float, float]:
    """Return the speeds of some clients alone, and beside a thousand connections that stall."""
    alone, _ = await load(server, BESIDE, 2000)
    stalling = []
    for number in range(STALLING):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST /v1/completions HT"[: number % 20])
        stalling.append(writer)
    beside, _ = await load(server, BESIDE, 2000)
    for writer in stalling:
        writer.transport.abort()
    return alone, beside


def measure_hardships(requests: int, broken: int) -> None:
    """Print what hard times do to the server."""
    with serving(128, 200) as server:
        for _ in range(3):
            asyncio.run(load(server, BESIDE, 200))
            time.sleep(3)
        asyncio.run(many(server, requests // 10))
        before = server.memory()
        for part in range(1, 5):
            asyncio.run(many(server, requests // 4))
            print(f"{server.memory() - before:+.1f} MB after {part * requests // 4:,} requests")

        async def rude() -> int:
            faults = 0
            for begin in range(0, broken, 50):
                every = (break_rules(server, begin + number) for number in range(50))
                faults += sum(await asyncio.gather(*every))
            return faults

        print(f"{asyncio.run(rude())} faults of the server in {broken:,} broken connections")
        print(f"{server.memory() - before:+.1f} MB after them")
        alone, beside = asyncio.run(stall(server))
        print(
            f"{BESIDE} clients: {alone:,.0f} characters/s alone, {beside:,.0f} beside {STALLING:,}"
        )
    measure_broken(broken)


def measure_broken(count: int) -> None:
    """Send requests that Hypothesis breaks to the application itself, and count its faults."""
    from broken_requests import REQUESTS, Asked, check, send
    from hypothesis import HealthCheck, given, settings

    from textgen.runtime.environment import prepare_jax

    prepare_jax(one_kernel=True)
    from textgen.serve.http.app import make_app
    from textgen.serve.http.limits import Limits
    from textgen.serve.http.service import Service
    from textgen.serve.scheduler import Scheduler

    scheduler = Scheduler([random_model(16)])
    scheduler.start()
    app = make_app(Service(scheduler=scheduler, limits=Limits(max_length=40, max_prompt=200)))
    with asyncio.Runner() as runner:

        @settings(
            max_examples=count, deadline=None, database=None, suppress_health_check=[*HealthCheck]
        )
        @given(REQUESTS)
        def ask(asked: Asked) -> None:
            check(runner.run(send(app, asked)))

        ask()
    scheduler.close(0)
    print(f"no fault of the server in {count:,} requests that Hypothesis broke")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--seconds", type=float, default=3.0, help="time of a measurement")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--hardships", action="store_true", help="measure what is hard instead")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--broken", type=int, default=10_000)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--length", type=int, default=2000, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.length)
    elif given.hardships:
        measure_hardships(given.requests, given.broken)
    else:
        measure_speed(given.sizes, given.seconds, given.turns)


if __name__ == "__main__":
    main()
