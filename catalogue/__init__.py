"""What exists: metrics, device types, event types, rule packs and the wire contract. Data first."""
