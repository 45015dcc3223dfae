"""Atomic file writes, locks, local and remote URIs, and checks on untrusted tar headers.

May import shards.errors only.
"""

__all__ = ["files", "tar_headers", "uris"]
