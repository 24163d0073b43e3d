"""The HTTP interface: endpoints that ask one question each, over the same pure functions as the commands."""
