"""The chapter's own networks: a GAN on a ring of points, and the test of the washed-out class."""
