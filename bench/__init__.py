"""Measures the system as it runs, in ratios of one run."""
