"""The page of a run: what was found, what it cost, and how far it can be trusted."""
