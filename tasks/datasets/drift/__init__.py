"""Compares new files of a source with the champion's dataset, and says whether they are worth a training.

May import what tasks/datasets may import. decision knows plain values only.
"""
