"""Stand-ins for the phone companies, on loopback: their wire format, their rules, their bad days."""
