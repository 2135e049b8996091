"""aex-settlement: the ledger, the balances that follow from it, and the executions that are billed."""
