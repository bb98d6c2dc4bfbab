"""The weather over the county."""
