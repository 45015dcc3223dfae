"""Mutation testing: small changes are put into a module one by one, and its tests must notice each of them."""
