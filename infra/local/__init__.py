"""The exchange on this machine: ten background processes, declared to the same engine as the clouds."""
