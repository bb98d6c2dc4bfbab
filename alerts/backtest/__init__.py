"""The back-test: stored readings through a rule pack again, and what it would have raised and told."""
