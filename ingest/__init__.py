"""Captured packets in, a ledger out: the only room that parses packets and the only one that writes."""
