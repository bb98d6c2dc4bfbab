"""What goes wrong with homes and heaters, as inputs of the physics."""
