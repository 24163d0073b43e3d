"""The quarterly report: what was found in a period, in words, tables and figures."""
