"""Who lives where with which devices."""
