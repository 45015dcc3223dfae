"""Networks of each family, and presets for them.

May import nothing else of models.
"""

__all__ = ["choice", "dcgan", "families", "names", "presets", "projected_heads", "scaling", "spec"]
