"""Models that papers compare themselves with, trained by the same game as the papers' own."""
