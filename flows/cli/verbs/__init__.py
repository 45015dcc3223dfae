"""Verbs for what one has: list, show, compare, delete, undo and gc. No flow and no server is started for them.

Each imports what it needs when it runs, so that help comes at once.
"""
