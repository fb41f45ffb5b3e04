# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constant HTTP traffic from one machine: a new connection every INTERVAL seconds, whatever became of the ones before.

Runs on the lab's client (standard library only): `python3 traffic.py ADDRESS PORT INTERVAL TIMEOUT MAXIMUM`, all in
seconds. It ends when its standard input is closed, or after MAXIMUM, and prints one line of JSON:
`requests`, `failed`, `gap` (longest time between the starts of two successful requests that follow each other),
`answers` (who answered how often) and `errors` (what went wrong how often).
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import json
import sys
import time


async def request(address: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await reader.read()
    finally:
        writer.close()
    head, body = answer.split(b"\r\n\r\n", 1)
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ValueError("no HTTP 200")
    return body.decode().strip()


async def traffic(address: str, port: int, interval: float, timeout: float, maximum: float) -> dict[str, object]:
    begin = time.monotonic()
    good: list[float] = []
    answers: collections.Counter[str] = collections.Counter()
    errors: collections.Counter[str] = collections.Counter()

    async def one() -> None:
        start = time.monotonic()
        try:
            answers[await asyncio.wait_for(request(address, port), timeout)] += 1
            good.append(start)
        except (TimeoutError, OSError, ValueError) as error:
            errors[type(error).__name__] += 1

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stopped.set)
    tasks: set[asyncio.Task[None]] = set()
    number = 0
    print("started", flush=True)
    while not stopped.is_set() and time.monotonic() - begin < maximum:
        task = asyncio.create_task(one())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
        await asyncio.sleep(max(0.0, begin + number * interval - time.monotonic()))
    await asyncio.gather(*tasks)
    good.sort()
    gap = max((later - earlier for earlier, later in itertools.pairwise(good)), default=0.0)
    return {
        "requests": number,
        "failed": sum(errors.values()),
        "gap": round(gap, 3),
        "answers": dict(sorted(answers.items())),
        "errors": dict(errors),
    }


if __name__ == "__main__":
    given = sys.argv[1:]
    print(json.dumps(asyncio.run(traffic(given[0], int(given[1]), *map(float, given[2:])))))
