"""The parts of an image file around its pixels: segments, chunks and metadata. No pixel is decoded here.

May import the standard library and this room only. A copy of marking.py lies beside the weights of registered versions.
"""
