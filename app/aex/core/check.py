"""`python -m aex check`: asks settlement to recompute every balance from the ledger, and says what differs.

Exit code 0 when the ledger balances, 1 when it does not, 2 when it could not be asked.
"""

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from aex.core.errors import ApiError
from aex.core.http import HttpPeer
from aex.core.metrics import Metrics
from aex.core.peers import Reply
from aex.core.service_auth import NoProof
from aex.core.service_tokens import TokenProof
from aex.store import JsonValue

DEFAULT_URL = "http://127.0.0.1:8088"
"""Where settlement listens on a developer's machine (contract 1.1)."""
OPERATOR = "operator"
"""Who asks, as the catalog names it."""
_SECONDS = 300.0
"""A large ledger takes a while."""


async def check(url: str | None, environment: Mapping[str, str] = os.environ) -> int:
    """Runs the check against settlement at `url` (else SETTLEMENT_URL, else this machine); returns the exit code.

    Where services must prove themselves, AEX_SERVICE_SEED holds the operator's seed.
    """
    where = url or environment.get("SETTLEMENT_URL") or DEFAULT_URL
    seed = environment.get("AEX_SERVICE_SEED")
    try:
        proof = TokenProof(OPERATOR, seed) if seed else NoProof()
        peer = HttpPeer("aex-settlement", where, proof=proof, metrics=Metrics(OPERATOR))
        reply = await peer.call("GET", "/internal/v1/ledger/check", deadline=_SECONDS)
        return _report(where, reply)
    except (ApiError, ValueError) as error:
        _say(f"the ledger could not be checked at {where}: {error}", sys.stderr)
        return 2


def _report(where: str, reply: Reply) -> int:
    if not reply.ok:
        hint = " (set AEX_SERVICE_SEED to the operator's seed)" if reply.status == 401 else ""
        _say(f"settlement at {where} refused the check with status {reply.status} {reply.code()}{hint}", sys.stderr)
        return 2
    report = reply.object()
    differences = report.get("differences")
    wrong = differences if isinstance(differences, list) else []
    _say(
        f"{report.get('entries')} entries, {report.get('accounts')} accounts, "
        f"deposited {_negated(report.get('external'))}, earned in fees {report.get('platform:fees')}"
    )
    if report.get("sum_micro") == 0 and not wrong:
        _say("the ledger balances: the sum over all accounts is 0")
        return 0
    for difference in wrong:
        _say(_line(difference))
    _say(f"the ledger does NOT balance: the sum is {report.get('sum_micro')} micro-units, {len(wrong)} differences")
    _say("what balances must be follows from the entries: POST /internal/v1/balances/rebuild sets them right")
    return 1


def _line(difference: JsonValue) -> str:
    if not isinstance(difference, dict):
        return f"  {difference}"
    if "entry" in difference:
        return f"  entry {difference['entry']} {difference.get('problem')}"
    return (
        f"  account {difference.get('account')}: the balance is {difference.get('balance')}, "
        f"the ledger says {difference.get('ledger')}"
    )


def _negated(amount: JsonValue) -> str:
    text = str(amount)
    return text.removeprefix("-") if text.startswith("-") or text == "0" else f"-{text}"


def _say(text: str, stream: TextIO | None = None) -> None:
    print(text, file=stream or sys.stdout)


__all__ = ["DEFAULT_URL", "check"]
