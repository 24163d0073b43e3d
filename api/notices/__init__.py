"""Notices: lists of sources for those who can act, and the formats that their tools take."""
