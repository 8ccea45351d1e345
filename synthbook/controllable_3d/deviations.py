"""What is done otherwise than in the paper or its code, each with its reason."""

from synthbook.controllable_3d.config import Config, config
from synthbook.controllable_3d.recipe import Weights


def deviations(w: Weights = Weights(), model: Config = Config()
               ) -> tuple[tuple[str, str, str, str], ...]:
    """Rows of part, paper or code, here, why; with the numbers of a setting."""
    turned = f"one primitive of each scene, turned by up to {w.degrees:g} degrees"
    return (
        ("data", "ShapeNet cars rendered in Blender, furniture, fruit",
         "ray-cast cars, furniture and fruit",
         "generated, with known truth; the camera's distribution is the same"),
        ("image size", "64 × 64", f"{model.size} × {model.size}", "trains on a laptop"),
        ("poses", "a network chooses them, with any rotation",
         "drawn on the ground as the data's are; the network is the variant pose-mlp",
         "the network can collapse; later work draws poses too"),
        ("sizes of primitives", "a network, from the latent of all poses",
         "a network, from each primitive's own latent", "size goes with the object"),
        ("latents", "one of 128 numbers for the scene, halved for poses and appearance",
         f"{model.latent} numbers for each primitive and for the background",
         "an object keeps its look whatever else is in the scene"),
        ("numbers for each primitive", "slices of one network's output, one for each place",
         "one network for all primitives", "primitives can be added at will"),
        ("primitives of the main model", "clouds of points", "cuboids; points are a variant",
         "the paper found the kind to matter little"),
        ("rendering of solids", "meshes, with approximate gradients, at twice the size",
         "rays against exact solids with a soft edge", "no compiled code; true gradients"),
        ("features of solids", "a texture wrapped around a mesh",
         f"a block of {model.texture}³ × {model.features} numbers of which the surface shows a "
         "part", "no seams, fewer weights"),
        ("input of the 2D generator", "text: X, A and D; code: X", "X and A",
         "the silhouette is known where features are zero"),
        ("2D generator's view", "the whole picture",
         f"the whole picture; at 64 pixels a window of {config('anchored', 64).window} around the "
         "primitive's centre", "cost; what is empty weighs less in norms"),
        ("what tells one end from the other", "features alone",
         "features; in the variant anchored the place on the primitive, too",
         "with features alone cars were given two like ends"),
        ("2D generator", "128 channels at full size; a residual block before it is halved",
         f"{model.channels} channels; in that block's place a skip around the half size", "cost"),
        ("2D generator, down and up", "batch norm", "AdaIN",
         "training and sampling are then the same"),
        ("2D generator, up", "transposed convolution", "a convolution, then linear interpolation",
         "no checkerboard in short runs"),
        ("AdaIN", "the scale is the network's output", "the scale is one more than it",
         "begins as plain normalisation"),
        ("background's texture", "128 × 256, with batch norm", "16 × 32, without",
         "cost; few details"),
        ("discriminator", "an SN-ResNet of 128 channels everywhere, scores a mean over places",
         f"StyleGAN2's, {model.critic} to {model.widest * model.critic} channels, "
         "from full size down",
         "of pictures that are mostly white, the published one hardly told real from generated, "
         "and all cars stayed of one colour"),
        ("flag c", "text: 1 for composites; code: 0", "0 for composites", "as in the code"),
        ("generated backgrounds", "of draws of their own", "those behind the composites",
         "saves a pass"),
        ("compactness", "text: sum over primitives; code: mean, weight 0.03",
         f"the sum, weight {w.compactness:g}", "the same for three primitives"),
        ("area in the compactness of points", "code: from projected corners, not their area",
         "mean alpha, as in the text", "the code's pulls primitives to a corner"),
        ("consistency", "code: all primitives at every step", turned, "cost"),
        ("weight of consistency", "code: 0.1 of a mean over the picture", f"{w.consistency:g}",
         "a car covers a small part of these pictures; at 0.1 it changed its paint as it turned"),
        ("first weights of what reads latents", "code: PyTorch's",
         "those that keep a deviation from layer to layer", "else all primitives begin alike"),
        ("R1", "code: weight 10 at every step",
         f"weight {w.r1 / 2:g}, computed in every {w.r1_every}th step", "cost; small pictures"),
        ("optimiser", "RMSprop, 0.0001 for both",
         f"Adam, betas 0 and 0.99, {w.rate_g:g} and {w.rate_d:g}", "short runs"),
        ("averaged weights", "none", "exponential average, decay 0.999", "steadier samples"),
        ("dither", "uniform noise of half a grey level on real pictures", "none",
         "real and generated white are the same number"),
    )


DEVIATIONS = deviations()
