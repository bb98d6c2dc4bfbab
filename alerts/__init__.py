"""Rules to alarms to the outbox to people."""
