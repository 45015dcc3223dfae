"""Atomic file writes, locks, local and remote URIs, the stores that they name, and checks on untrusted tar headers.

May import shards.errors only.
"""

__all__ = ["files", "stores", "tar_headers", "uris"]
