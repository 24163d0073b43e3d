"""Captures: bytes of any container in, runs of frames out. Knows nothing of what is in a frame."""
