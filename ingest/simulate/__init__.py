"""Simulated captures, as sensors would write them. Whatever shows them says that they are simulated."""
