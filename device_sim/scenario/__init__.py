"""Scenarios: what goes wrong in a run and when, written as YAML, laid over a fleet."""
