"""Breaks the running system on a seeded schedule and balances the books afterwards."""
