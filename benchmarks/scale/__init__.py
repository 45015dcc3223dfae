"""What a large collection and a large registry cost: time and memory of each stage, and how both grow."""
