"""Measurements of the product, one folder or file per question. Nothing of the product or the tests imports them."""
