"""aex-bid-evaluator: ranks bids by the work's own budget and constraints, and by what is known of the bidders."""
