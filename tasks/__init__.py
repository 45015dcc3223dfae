"""Prefect tasks and everything that talks to MLflow, in rooms: tests/test_floors.py lists which may import which.

May import models and shards, never flows.
"""
