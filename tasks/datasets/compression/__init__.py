"""The compression of a collection: what its files say, what it costs a generator, and which setting to use.

May import shards and models. Imports neither Prefect nor MLflow, and torch only to look at pixels.
"""
