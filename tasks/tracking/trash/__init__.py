"""Deleting with a day to change one's mind: things are moved to trash/ in the home, and emptied from there.

Plans are made from the inventory. Only what marks, restores or removes a registered version imports MLflow.
"""
