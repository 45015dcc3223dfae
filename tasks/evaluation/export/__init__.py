"""Images of a registered version as files: single images, a grid and an animation.

config and request are imported at once; images and interpolation need torch and MLflow.
"""
