"""Measure the speed of a search on worker processes behind a simulated network with delay and packet loss.

All connections between the scheduler and the workers pass through relays in this process, which delay data in each direction. A lost
packet blocks its connection, as in TCP, for a round trip plus the shortest retransmission timer. The relays need neither root rights
nor a kernel with netem.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

sys.path.insert(0, str(Path(__file__).parent))

from cluster_speed import SEED, rate

from azdsl.cluster.connect import connect
from azdsl.syntax import load_experiment

CHUNK, PACKET = 1 << 16, 1448
"""Bytes read at a time, and bytes of a packet."""

TIMER_SECONDS = 0.2
"""TCP's shortest retransmission timer on Linux."""


class Relay:
    """Forwards connections from ``port`` to another port. ``delay`` (seconds) and ``loss`` (share of packets) may be changed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int, seed: int) -> None:
        self.delay, self.loss, self.passed = 0.0, 0.0, 0
        self._target, self._random = target, random.Random(seed)
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connect, "127.0.0.1", 0), loop).result()
        self.port = int(server.sockets[0].getsockname()[1])

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sending = asyncio.ensure_future(self._send(waiting, writer))
        try:
            while data := await reader.read(CHUNK):
                waiting.put_nowait((time.monotonic() + self.delay + self._blocked(len(data)), data))
        except OSError:
            pass  # the connection was closed
        waiting.put_nowait((0.0, b""))
        await sending

    async def _send(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        try:
            while (item := await waiting.get())[1]:
                await asyncio.sleep(max(0.0, item[0] - time.monotonic()))
                self.passed += len(item[1])
                writer.write(item[1])
                await writer.drain()
        except OSError:
            pass  # as above
        writer.close()

    def _blocked(self, size: int) -> float:
        """Seconds for which ``size`` bytes block the connection through packet loss; 0 without a loss."""
        lost = self._random.random() >= (1.0 - self.loss) ** -(-size // PACKET)
        return 2.0 * self.delay + TIMER_SECONDS if lost else 0.0


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def free_port() -> int:
    """A free port of this machine."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def far_workers(count: int) -> Iterator[tuple[str, list[Relay]]]:
    """The address of a scheduler, and the relays between it and ``count`` worker processes."""
    with ExitStack() as stack:
        settings: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": ":0", "silence_logs": logging.CRITICAL}
        cluster = stack.enter_context(LocalCluster(n_workers=0, processes=True, **settings))  # type: ignore[no-untyped-call]  # Dask is typed in part
        loop, relays = stack.enter_context(event_loop()), []
        scheduler = int(cluster.scheduler_address.rpartition(":")[2])
        for number in range(count):
            port = free_port()
            there, back = Relay(loop, scheduler, 2 * number), Relay(loop, port, 2 * number + 1)
            relays += [there, back]
            command = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{there.port}"]
            command += [
                "--listen-address",
                f"tcp://127.0.0.1:{port}",
                "--contact-address",
                f"tcp://127.0.0.1:{back.port}",
            ]
            command += ["--no-nanny", "--nthreads", "1", "--no-dashboard"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        with Client(cluster.scheduler_address, set_as_default=False) as client:  # type: ignore[no-untyped-call]  # as above
            client.wait_for_workers(count, timeout=120)
        yield cluster.scheduler_address, relays


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    parser.add_argument("--islands", type=int, nargs="+", default=[2, 4], help="islands of the searches (default: 2 4)")
    parser.add_argument(
        "--epoch", type=int, default=600_000, help="candidates of an epoch, about a second's (default: %(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each island (default: %(default)s)")
    parser.add_argument(
        "--delays",
        type=float,
        nargs="+",
        default=[0.0, 10.0, 50.0, 200.0],
        help="delays in each direction, in milliseconds (default: 0 10 50 200)",
    )
    parser.add_argument(
        "--losses", type=float, nargs="+", default=[0.0, 0.1, 1.0], help="lost packets, in per cent (default: 0 0.1 1)"
    )
    parser.add_argument(
        "--delay-of-losses", type=float, default=10.0, help="delay with lost packets, in milliseconds (default: 10)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    lines = [(delay, 0.0) for delay in arguments.delays] + [
        (arguments.delay_of_losses, loss) for loss in arguments.losses if loss
    ]
    found: list[dict[str, float]] = []
    with far_workers(arguments.workers) as (address, relays), connect(address) as placement:
        for delay, loss in lines:
            for relay in relays:
                relay.delay, relay.loss = delay / 1e3, loss / 1e2
            for islands in arguments.islands:
                experiment = load_experiment(SEED)
                total = islands * arguments.epoch * arguments.epochs
                search = replace(experiment.search, islands=islands, epoch=arguments.epoch, max_evals=total, target=2.0)
                before = sum(relay.passed for relay in relays)
                pace = rate(replace(experiment, search=search), placement)
                passed = (sum(relay.passed for relay in relays) - before) / (islands * arguments.epochs)
                found.append(
                    {"delay_ms": delay, "loss_%": loss, "islands": islands, "rate": pace, "bytes_an_epoch": passed}
                )
    if arguments.json:
        print(json.dumps(found))
        return 0
    print(
        "| delay in each direction | packets lost | islands | candidates/s | relative to no delay | bytes per epoch |\n|--:|--:|--:|--:|--:|--:|"
    )
    for row in found:
        first = next(other["rate"] for other in found if other["islands"] == row["islands"])
        line = f"| {row['delay_ms']:g} ms | {row['loss_%']:g} % | {row['islands']:g} | {row['rate']:,.0f} |"
        print(f"{line} {row['rate'] / first:.0%} | {row['bytes_an_epoch']:,.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
