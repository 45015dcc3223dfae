"""Decisions of people about champions: approval of a version that waits, promotion by hand, rollback.

May import what the registry may import, and from the registry champion and versions.
"""
