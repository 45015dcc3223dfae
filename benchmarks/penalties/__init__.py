"""Family r3 with penalties in every step, in each fourth step, and by finite differences."""
