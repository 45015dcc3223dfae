"""Collections of images that packages bring, fetched through package managers into folders that git ignores."""
