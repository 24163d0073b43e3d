"""Frames in, columns out. Pure: no clock, no network, no log. No other room parses protocols."""
