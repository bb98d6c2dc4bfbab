"""Telling what endangers life while the database is away: heard from ingest over the broker, judged and told from here.

A folder of its own holds what that needs (who lives where, who is told, which alarms are open) and what was done. When
the database is back, what was told is written into it before the courier sends anything, so that nothing is told twice.
"""
