"""Flows by which a person decides which version is champion: approve, decline, promote, roll back, and the question.

May import flows.configs, flows.forms and tasks.
"""

__all__: list[str] = []
