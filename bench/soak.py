"""Memory over a long run: `.venv/bin/python -m bench.soak` sends a million requests and watches every service's memory.

The requests are those that leave nothing in memory behind: reads through the gateway, key checks, refusals, unknown
paths; and a trade now and then, whose data is on disk. Growth is told over the second half: caches fill in the first.
Writes `bench/results/soak.json`. A shorter run says so in its result.
"""

import argparse
import json
import secrets
from pathlib import Path

import uvloop

from bench.client import drive, request
from bench.machine import description, rss_kib
from bench.measure import measure_trades
from bench.services import Running, Scene, own, stage

REQUESTS = 1_000_000
_SAMPLES = 20
_SETTLED_KIB = 2048
"""Growth of a service over the second half that is put down to its allocator."""
RESULTS = Path(__file__).with_name("results")


def _requests(at: Running, scene: Scene) -> list[tuple[str, list[bytes]]]:
    gateway, key = at.url("gateway"), {"X-API-Key": scene.key}
    return [
        (
            gateway,
            [
                request("GET", f"{gateway}/v1/work/{scene.work_ids[0]}", None, key),
                request("GET", f"{gateway}/v1/providers/{scene.provider_ids[0]}", None, key),
                request("GET", f"{gateway}/v1/balance", None, key),
                request("GET", f"{gateway}/v1/nothing/{secrets.token_hex(4)}", None, key),
                request("GET", f"{gateway}/v1/work/work_{secrets.token_hex(4)}", None, key),
            ],
        ),
        (
            at.url("identity"),
            [request("POST", at.url("identity", "/internal/v1/apikeys/validate"), {"api_key": scene.key})],
        ),
    ]


async def main(options: argparse.Namespace) -> None:
    """Sends, watches, prints, writes."""
    samples: list[dict[str, int]] = []
    sent = 0
    async with own() as at:
        scene = await stage(at, works=1)
        for _ in range(_SAMPLES):
            until = sent + options.requests // _SAMPLES
            while sent < until:
                for url, prepared in _requests(at, scene):
                    load = await drive(
                        url,
                        lambda number, prepared=prepared: prepared[number % len(prepared)],
                        connections=32,
                        seconds=1.0,
                        expected=frozenset({200, 404}),
                    )
                    sent += len(load.latencies)
            await measure_trades(at, connections=4, trades=8, closes_itself=True)
            samples.append({name: rss_kib(pid) for name, pid in at.pids.items()})
            print(f"{sent} requests: {sum(samples[-1].values()) // 1024} MiB in all", flush=True)
    half = samples[len(samples) // 2]
    for name, last in samples[-1].items():
        grown = last - half[name]
        print(
            f"{name:24} {samples[0][name] // 1024:4} -> {half[name] // 1024:4} -> {last // 1024:4} MiB  {grown:+} KiB"
        )
    grew = [name for name, last in samples[-1].items() if last - half[name] > _SETTLED_KIB]
    print(f"grew in the second half: {', '.join(grew) or 'none'}")
    RESULTS.mkdir(exist_ok=True)
    told = {"machine": description(), "requests": sent, "meant": REQUESTS, "rss_kib": samples, "grew": grew}
    (RESULTS / "soak.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=REQUESTS)
    uvloop.run(main(parser.parse_args()))
