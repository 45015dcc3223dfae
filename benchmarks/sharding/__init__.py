"""How fast images become shards: ours, a hand-written script, img2dataset and litdata, on the same images."""
