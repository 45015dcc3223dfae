"""What a home holds: datasets, runs and registered versions, how they depend on each other, and the trash.

Reads files and the registry's tables. Listing and showing import neither MLflow, Prefect nor torch.
"""
