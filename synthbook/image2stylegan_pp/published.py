"""The published scale: a generator of 1024 pixels, and the settings that go with it.

No code of the authors is known to us. Every number has its source: [paper], read there;
[code xN], N re-implementations that look independent agree; [code], one of them. What is only
[code] is most likely the paper's, and not confirmed.
"""

from dataclasses import dataclass

from synthbook.image2stylegan_pp.embedding import Pace
from synthbook.image2stylegan_pp.energy import Weights
from synthbook.image2stylegan_pp.recipe import Settings
from synthbook.stylegan2 import Config

# 1024 pixels, 18 rows of 512 [code x5: all load the faces model of StyleGAN]. StyleGAN2's widths
# and depth are those of its own paper; the paper embeds into StyleGAN, whose noise has 18 maps.
GENERATOR = Config(1024, (512, 512, 512, 512, 512, 256, 128, 64, 32), latent=512, depth=8)

WEIGHTS = Weights(
    style=5e-7,  # [code]
    inside=1e-5,  # [code]; another re-implementation writes 1e-4
    outside=1e-5,  # [code], as above
    percept=1e-5,  # [code], as above
)

W_STAGE = Pace(
    steps=5000,  # [code]; others 1500
    rate=0.01, betas=(0.9, 0.999), eps=1e-8,  # [code x5], Adam
    decay=0.0,  # [code]; one re-implementation divides by 10 half-way
)

NOISE_STAGE = Pace(
    steps=3000,  # [code]; others 1000 and 1500
    rate=5.0, betas=(0.9, 0.999), eps=1e-8,  # [code x3]; belongs to WEIGHTS and to 1024 pixels
    decay=0.0,
)


@dataclass(frozen=True)
class Published:
    """The published run.

    side        : pixels of the images that VGG-16 sees [code x3]; pixels are compared at full size.
    mean_over   : latents over which the mean of w, the start, is taken [code x2].
    noise_start : N(0, 1) [code x4].
    psnr_w      : dB reached by w alone, as the abstract says [paper].
    psnr_noise  : dB reached with noise [paper].
    """

    generator: Config = GENERATOR
    settings: Settings = Settings(WEIGHTS, W_STAGE, NOISE_STAGE, pull=0.01, plain=True)
    side: int = 256
    mean_over: int = 10_000
    noise_start: str = "drawn"
    psnr_w: float = 20.0
    psnr_noise: float = 45.0


PUBLISHED = Published()
