"""One class per kind of heater; its arrays hold all units of the county."""
