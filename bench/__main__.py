"""What the exchange costs, beside the public Go implementation: `.venv/bin/python -m bench` (or `make bench`).

Starts ten services of its own (SQLite on disk, logs, metrics and duties on, service auth off as the peer has none),
measures every row and the whole trade, and writes `bench/results/exchange.json` and `.svg`. With `--gateway` and
`--ports` it measures services that run on this machine already, such as those of `make up`.
"""

import argparse
import json
from pathlib import Path

import uvloop

from bench.machine import description
from bench.measure import Figure, measure_rows, measure_trades
from bench.report import document, lines, picture, table
from bench.services import Running, given, own
from bench.startup import measure_starts
from bench.yardstick import measure as measure_yardstick

RESULTS = Path(__file__).with_name("results")


async def main(options: argparse.Namespace) -> None:
    """Measures, prints, writes."""
    yardstick = await measure_yardstick(min(2.0, options.seconds))
    if options.gateway:
        figures = await _measured(given(options.gateway, options.ports, options.operator_key), options)
    else:
        async with own() as at:
            figures = await _measured(at, options)
    starts = [] if options.only else await measure_starts(options.starts)
    compared = lines(figures, yardstick)
    print(table(compared, starts))
    if not options.only:
        RESULTS.mkdir(exist_ok=True)
        told = document(description(), compared, starts, yardstick)
        (RESULTS / "exchange.json").write_text(json.dumps(told, indent=1) + "\n")
        (RESULTS / "exchange.svg").write_text(picture(compared))


async def _measured(at: Running, options: argparse.Namespace) -> list[Figure]:
    figures = await measure_rows(at, seconds=options.seconds, only=options.only)
    if not options.only:
        for connections, trades in ((1, options.trades), (16, options.trades * 2)):
            for closes_itself in (False, True):
                figures.append(
                    await measure_trades(at, connections=connections, trades=trades, closes_itself=closes_itself)
                )
    return figures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each row at each concurrency")
    parser.add_argument("--trades", type=int, default=200, help="one after the other; twice as many at 16")
    parser.add_argument("--starts", type=int, default=3, help="of each service")
    parser.add_argument("--only", default="", help="rows whose name has this in it; writes nothing")
    parser.add_argument("--gateway", help="URL of a gateway that runs already, on this machine")
    parser.add_argument("--ports", type=int, nargs=10, help="of the ten services, in the catalog's order")
    parser.add_argument("--operator-key", default="", help="of that exchange (`make key`)")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main(_options()))
