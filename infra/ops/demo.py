"""`make demo`: tells one whole trade, as it happens, from what the services answer."""

import argparse
import secrets
import sys
from collections.abc import Callable
from typing import cast

from rich.console import Console
from rich.table import Table

from infra.ops.client import Client, ExchangeError, Json
from infra.ops.stack import Exchange, StackError, default_stack, exchange
from infra.ops.trade import Trade

Teller = Callable[[Console, Json, Trade], None]
"""Writes one step of the trade from what the exchange answered."""


def main() -> int:
    """The command line; returns the exit code (1: the trade failed, 2: there is no exchange to trade on)."""
    parser = argparse.ArgumentParser(prog="make demo", description="One whole trade through the gateway.")
    parser.add_argument(
        "--stack", default=default_stack(), help="the stack whose exchange to use (default: %(default)s)"
    )
    parser.add_argument("--url", help="a gateway to use instead of a stack's; needs --key")
    parser.add_argument("--key", help="the operator's API key for --url")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    try:
        place = Exchange(arguments.url, arguments.key) if arguments.url and arguments.key else exchange(arguments.stack)
    except StackError as error:
        console.print(f"[red]{error}[/]")
        return 2
    try:
        tell(place, console)
    except ExchangeError as error:
        console.print(f"[red]The trade stopped: {error}[/]")
        return 1
    return 0


def tell(place: Exchange, console: Console) -> None:
    """Does the trade on `place` and writes the account of it. Raises `ExchangeError` when a step fails."""
    console.print(f"\n[bold]A trade on the Agent Exchange[/]  [dim]{place.gateway_url}[/]\n")
    with Client(place.gateway_url, key=place.api_key) as operator:
        trade = Trade(operator, mark=secrets.token_hex(3))
        snapshots: dict[str, Json] = {}
        try:
            for step, answer in trade.steps():
                if step in {"before", "after"}:
                    snapshots[step] = answer
                else:
                    _TELLERS[step](console, answer, trade)
        finally:
            trade.close()
    console.print()
    console.print(_ledger(snapshots["after"]))
    console.print(_standing(snapshots["before"], snapshots["after"]))


def _tenant(role: str) -> Teller:
    def tell_it(console: Console, answer: Json, _trade: Trade) -> None:
        console.print(f"  {role} joins as [cyan]{_short(answer['tenant_id'])}[/]")

    return tell_it


def _deposit(console: Console, answer: Json, _trade: Trade) -> None:
    console.print(f"  The consumer deposits [green]{answer['amount']}[/] [dim]{_short(answer['id'])}[/]")


def _provider(console: Console, answer: Json, _trade: Trade) -> None:
    tier, identifier = str(answer["trust_tier"]).lower(), _short(answer["provider_id"])
    console.print(f"  [bold]{answer['name']}[/], {tier}, subscribes to legal.* [dim]{identifier}[/]")


def _work(console: Console, answer: Json, _trade: Trade) -> None:
    notified, identifier = answer["providers_notified"], _short(answer["work_id"])
    console.print(f"  The consumer publishes work, {notified} providers notified [dim]{identifier}[/]")


def _bid(console: Console, answer: Json, _trade: Trade) -> None:
    console.print(f"  [bold]{answer['name']}[/] bids [green]{answer['price']}[/] [dim]{_short(answer['bid_id'])}[/]")


def _evaluation(console: Console, answer: Json, trade: Trade) -> None:
    table = Table(title="Evaluation", title_justify="left", title_style="bold", box=None, padding=(0, 2))
    for heading in ("rank", "provider", "score", "price", "trust", "confidence", "sla"):
        table.add_column(heading, justify="left" if heading == "provider" else "right")
    for ranked in cast(list[Json], answer["ranked_bids"]):
        scores = cast(Json, ranked["scores"])
        cells = [f"{cast(float, scores[part]):.2f}" for part in ("price", "trust", "confidence", "sla")]
        name = str(trade.bids[str(ranked["bid_id"])]["name"])
        table.add_row(str(ranked["rank"]), name, f"{cast(float, ranked['total_score']):.3f}", *cells)
    console.print()
    console.print(table)
    for refused in cast(list[Json], answer["disqualified_bids"] or []):
        console.print(f"  out: [bold]{trade.bids[str(refused['bid_id'])]['name']}[/], {refused['reason']}")
    console.print()


def _award(console: Console, answer: Json, trade: Trade) -> None:
    winner = next(name for name, one in trade.providers.items() if one["provider_id"] == answer["provider_id"])
    price, contract = answer["agreed_price"], _short(answer["contract_id"])
    console.print(f"  The consumer awards to [bold]{winner}[/] at [green]{price}[/] [dim]{contract}[/]")


def _progress(console: Console, _answer: Json, _trade: Trade) -> None:
    console.print("  The provider reports progress, 40 % and 90 %")


def _completed(console: Console, answer: Json, _trade: Trade) -> None:
    outcome = cast(Json, answer["outcome"])
    console.print(f"  The contract is [bold]{str(answer['status']).lower()}[/]: {outcome['result_summary']}")


def _ledger(after: Json) -> Table:
    table = Table(title="Ledger", title_justify="left", title_style="bold", box=None, padding=(0, 2))
    for heading in ("account", "entry", "amount", "balance after", "what for"):
        table.add_column(heading, justify="right" if heading in {"amount", "balance after"} else "left")
    rows = [("consumer", row) for row in reversed(cast(list[Json], after["ledger"]))]
    for provider in cast(list[Json], after["providers"]):
        rows += [(str(provider["name"]), row) for row in reversed(cast(list[Json], provider["ledger"]))]
    for account, row in rows:
        sign = "-" if row["entry_type"] == "DEBIT" else "+"
        what = " ".join(_short(word) for word in str(row["description"]).replace(" contract ", " ").split(" "))
        cells = (str(row["entry_type"]).lower(), f"{sign}{row['amount']}", str(row.get("balance_after", "")), what)
        table.add_row(account, *cells)
    return table


def _standing(before: Json, after: Json) -> Table:
    table = Table(title="\nBefore and after", title_justify="left", title_style="bold", box=None, padding=(0, 2))
    for heading in ("", "balance", "trust", "tier", "contracts"):
        table.add_column(heading, justify="left" if heading in {"", "tier"} else "right")
    table.add_row("consumer", f"{before['consumer']} → {after['consumer']}", "", "", "")
    earlier = {str(one["name"]): one for one in cast(list[Json], before["providers"])}
    for now in cast(list[Json], after["providers"]):
        then = earlier[str(now["name"])]
        money = f"{then['balance']} → {now['balance']}"
        trust = f"{cast(float, then['trust_score']):.2f} → {cast(float, now['trust_score']):.2f}"
        table.add_row(str(now["name"]), money, trust, str(now["trust_tier"]).lower(), str(now["total_contracts"]))
    return table


def _short(identifier: object) -> str:
    """An identifier as people can tell it apart; anything else as it is."""
    prefix, separator, rest = str(identifier).rpartition("_")
    return f"{prefix}_{rest[:8]}…" if separator and len(rest) > 8 else str(identifier)


_TELLERS: dict[str, Teller] = {
    "consumer": _tenant("Northwind Research, a consumer,"),
    "seller": _tenant("Agents & Partners, with three agents to offer,"),
    "deposit": _deposit,
    "provider": _provider,
    "work": _work,
    "bid": _bid,
    "evaluation": _evaluation,
    "award": _award,
    "progress": _progress,
    "completed": _completed,
}

if __name__ == "__main__":
    sys.exit(main())
