"""Measures the shield: how much poison passes the filter, and which forgeries the head detects."""
