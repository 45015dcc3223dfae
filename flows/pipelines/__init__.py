"""Flows that run several stages: from source to champion, training on drift, and the comparison of codecs.

May import flows.stages, flows.configs, flows.forms and tasks.
"""

__all__: list[str] = []
