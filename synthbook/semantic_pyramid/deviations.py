"""What the small setting does otherwise than the paper, as far as the paper could be verified."""

from synthbook.semantic_pyramid.losses import QUIET
from synthbook.semantic_pyramid.masks import Sampling
from synthbook.semantic_pyramid.recipe import FINE, WIDTHS, Weights


def deviations(w: Weights = Weights(), s: Sampling = Sampling()
               ) -> tuple[tuple[str, str, str, str], ...]:
    """Part, paper, here, why. `code`: not in the paper, or not verified there, but in independent
    re-implementations; the paper's own code is not released."""
    widths = ", ".join(map(str, WIDTHS[32][0]))
    least = min(s.frequency)
    many = " : ".join(f"{share:g}" for share in w.emphasis)
    often = " : ".join(f"{share / least:g}" for share in s.frequency)
    return (
        ("data", "photographs of 365 kinds of place: Places365",
         "drawn scenes of sixty categories", "the renderer knows the right category"),
        ("image size", "224 × 224", "64 × 64 or 32 × 32", "trains on a laptop, runs in the page"),
        ("classifier", "VGG-16", "five stages of two narrow convolutions with batch norm",
         "cost; trains from scratch"),
        ("fourth stage at 32 pixels", "every stage halves", "keeps its size",
         "conv5 keeps places, 2 × 2 of them"),
        ("labels of the classifier", "one category", "smoothed by 0.1",
         "else fc8 is a label, not a feature"),
        ("generator", "code: 512 to 64 channels, spectral norm",
         f"{widths} channels from fine to coarse, no spectral norm", "cost"),
        ("before features are added", "the residual block as it is; code: under spectral norm",
         "its output, scaled to deviation 1", "else what grows from noise drowns fine features"),
        ("last features", "code: of half the size, doubled, then one convolution to colours",
         f"one more convolution of {FINE} channels at full size",
         "at 32 pixels the missing half is seen"),
        ("normalisation", "code: conditional batch norm", "conditional group norm",
         "a batch holds samples of many levels; their statistics stay apart"),
        ("discriminator", "SAGAN-like; code: six blocks, to 1024 channels",
         "four blocks or five, to 128 channels", "cost"),
        ("latents", "128 numbers", "64 numbers", "cost"),
        ("frequency of levels", "each alike", f"{often}, from conv1 to fc8",
         "one is learnt soon, another late"),
        ("region", "a crop, its distribution not known",
         f"a rectangle, sides {s.least:g} to {s.most:g} of the picture's", "one rule for all"),
        ("co-normalisation", "real and generated features jointly, form not known",
         f"a channel's deviation over both, no less than {QUIET:g} of the level's; no gradient",
         "the mean cancels; nothing is inflated; fc7's silent channels do not drown others"),
        ("before features are compared", "a max-pool of 2 × 2", "the same" if w.pool else "none",
         "at 32 pixels its cells at conv2 have a quarter of the picture's side"),
        ("weight of features", "code: 0.1", f"{w.reconstruction:g}", "short runs"),
        ("levels in the features' term", "each alike", f"{many}, from conv1 to fc8",
         "fine ones hold more; all at ten made grids that have the features and no scene"),
        ("weight of diversity", "code: 0.1", f"{w.diversity:g}", "as there"),
        ("bound of diversity", "none known", f"at most {w.limit:g}, with gradient",
         "the ratio has no bound where z is ignored"),
        ("pairs for diversity", "the whole batch", f"{w.pairs:.0%} of it", "cost"),
        ("discriminator's images", "code: of fresh masks and latents",
         "those of the generator's step", "saves a pass of the generator"),
        ("optimiser", "code: Adam, 0.0001", f"Adam, {w.rate_g:g} and {w.rate_d:g}, falling",
         "short runs of small networks"),
        ("averaged weights", "not known; code: decay 0.999 without buffers",
         "decay 0.999, buffers copied", "steadier samples"),
        ("mirrored images", "code: half of them", "none; the classifier's are",
         "more scenes are drawn instead"),
    )


DEVIATIONS = deviations()
