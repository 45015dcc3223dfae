"""The trainer's process: started when its run is known or before, supervised, and stopped.

May import what tasks/training may import.
"""
