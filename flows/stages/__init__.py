"""Flows that do one stage: build a dataset, train, evaluate, generate images, screen images.

May import flows.configs, flows.forms and tasks.
"""

__all__ = ["build_dataset", "evaluate_gan", "train_gan"]
