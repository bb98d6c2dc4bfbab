"""What a home is made of: walls, air, and the wires that come in."""
