"""How fast a generator of emoji gets from nothing to a fixed score of the second judge."""
