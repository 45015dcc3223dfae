"""Approval of a promotion by a person: the question and the decision, and the flow runs that wait for an answer.

May import what the registry may import, and from the registry champion and versions.
"""
