"""Child processes that handle untrusted input: their limits, and the messages they exchange with their parent.

May import nothing else of shards.
"""

__all__ = ["children", "wire"]
