"""Registered versions side by side, in words and as an HTML page.

side_by_side reads what is recorded and is imported at once; page loads the versions, and needs torch and MLflow.
"""
