"""Units of simulated time, in microseconds."""

MILLISECOND = 1_000
SECOND = 1_000_000
HOUR = 3_600 * SECOND
