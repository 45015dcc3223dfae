"""Quick scores during a training: the child process that computes them, and the trainer's side of it.

May import what tasks/trainer may import.
"""
