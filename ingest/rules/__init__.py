"""Small pure rules that judge one packet: its class and its tool."""

RULES_VERSION = "2026-11-30"
"""Date of the last change that makes a packet or a source come out differently, or in a table more; kept with every
capture."""
