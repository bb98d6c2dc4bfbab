"""Whether a message is sent now: a list of stages, each a pure decision with a named reason (`stages.py`)."""
