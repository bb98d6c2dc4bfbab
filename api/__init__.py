"""REST for operators, programs and the carriers' callbacks."""
