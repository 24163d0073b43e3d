"""Engines: where units of work are done. An engine hands work out and brings results back; it does none of it."""
