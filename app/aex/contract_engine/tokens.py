"""The bearer tokens of a contract: derived, never stored, compared in constant time.

A token is an HMAC over (kind, contract id) with the pepper that was newest when the contract was made; the contract
keeps that pepper's version, so that a rotation does not void the tokens that are out. Two parties, two kinds: the
provider proves itself with the execution token, the consumer with the consumer token.
"""

import hmac
from enum import StrEnum, unique
from typing import Final

from aex.core.keys import Pepper


@unique
class Party(StrEnum):
    """Who a token belongs to."""

    PROVIDER = "provider"
    CONSUMER = "consumer"


_PREFIX: Final = {Party.PROVIDER: "exec_", Party.CONSUMER: "cons_"}


class Tokens:
    """Makes and recognises the tokens of contracts."""

    def __init__(self, pepper: Pepper) -> None:
        self._pepper = pepper

    @property
    def version(self) -> str:
        """What a new contract keeps: the version of the pepper that its tokens are made with."""
        return self._pepper.newest

    def token(self, party: Party, contract_id: str, version: str) -> str:
        """The token of `party`; empty when the pepper of that version is gone, so that nothing matches it."""
        digest = self._pepper.derive(version, "contract-token", party.value, contract_id)
        return _PREFIX[party] + digest if digest else ""

    def party_of(self, authorization: str | None, contract_id: str, version: str) -> Party | None:
        """Whose token an `Authorization` header carries for this contract; None when it is nobody's."""
        shown = bearer(authorization)
        if not shown:
            return None
        found: Party | None = None
        for party in Party:
            token = self.token(party, contract_id, version)
            if token and hmac.compare_digest(token.encode(), shown.encode()):
                found = party
        return found


def bearer(authorization: str | None) -> str:
    """The bearer token of an `Authorization` header, empty when there is none."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


__all__ = ["Party", "Tokens", "bearer"]
