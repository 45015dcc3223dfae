"""Every family of networks on the same images, with the same number of images seen."""
