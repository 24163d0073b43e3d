"""Exit codes of the command, in one place."""

FAILED = 1
"""The ledger cannot be read or written, nothing could be read, the law of conservation does not hold, or
Grafana cannot be used or has changes that a push would overwrite."""

MISTAKE = 2
"""The command line or the settings are wrong."""

UNCLEAN = 3
"""With `--strict`: a capture was damaged or refused; dashboards differ from their source."""
