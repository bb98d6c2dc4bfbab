"""The ways to run a county: live, as months of history, as a replay."""
