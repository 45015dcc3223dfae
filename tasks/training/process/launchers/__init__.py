"""How the other nodes of a training are started: by hand, as a Kubernetes job, or as Slurm jobs.

May import what tasks/training may import.
"""
