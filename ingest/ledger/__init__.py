"""The ledger: Delta tables, one writer, one sequence of plans."""
