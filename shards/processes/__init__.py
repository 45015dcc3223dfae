"""Child processes that handle untrusted input: their limits, their end with their parent, and the messages
that both exchange.

May import nothing else of shards.
"""

__all__ = ["children", "lifetime", "wire"]
