"""Questions in, answers out. Reads the ledger, never writes it."""
