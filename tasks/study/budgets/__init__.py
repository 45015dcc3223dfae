"""Quality per byte: as many images of each codec as a budget of bytes affords, and generators that learn from them."""

__all__ = ["arms", "config", "costs", "publishing", "scoring"]
