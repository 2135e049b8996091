"""aex-contract-engine: awards work to a bid, follows the contract to its end, and has it settled and remembered."""
