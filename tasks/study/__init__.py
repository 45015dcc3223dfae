"""The compression study: what codecs and preprocessing do to a collection, and to a generator that learns from it."""

__all__ = ["budgets", "config", "costs", "preprocessing", "publishing", "record", "scoring", "variants"]
