"""Who is told of what: the contacts of a place, who is on duty, organisations, relatives."""
