"""What a registered version is made of: the code that MLflow loads, and the exported graphs.

May import models, and from shards and tasks only errors; generator_pyfunc imports none of our packages.
"""
