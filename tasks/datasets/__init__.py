"""Prefect tasks that create dataset versions: sharding, screening of incoming images, generation.

May import registry and the rooms below it, not training, evaluation or service.
"""

__all__ = ["compression", "config", "costs", "drift", "early", "generation", "requests", "screening", "sharding"]
