"""The whole generator: primitives, their pictures, refined one by one, over a background.

z -> poses and features -> X, A, D of every primitive alone -> X', A', D' by the 2D generator, which
all primitives share -> the picture (Liao et al. 2020, figure 3). All that a reader may change is
in a `Scene`: where things are, what they look like, which are there, and where the camera is.

Axes: B batch, N primitives of a scene, Z channels of a latent, C features, H W pixels.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.controllable_3d.composition import compose
from synthbook.controllable_3d.config import Config
from synthbook.controllable_3d.generator_2d import Generator2D, Painted
from synthbook.controllable_3d.generator_3d import Appearance, Arrangement, Sky
from synthbook.controllable_3d.prior import draw
from synthbook.controllable_3d.renderer import (
    Rendered,
    render_background,
    render_points,
    render_solids,
)
from synthbook.controllable_3d.scenes import Draws, Scene, on
from synthbook.controllable_3d.warp import Layer, layer_of
from synthbook.controllable_3d.windows import corners, cut, put
from synthbook.files import BookError
from synthbook.layers import conv3x3

OFFSET = 1.2  # scene units: how far D' may be from the primitive's centre (released code)


class Layers(NamedTuple):
    """Every primitive alone, as refined."""

    rgb: Tensor  # X', (B, N, 3, H, W) in [-1, 1], not times alpha
    alpha: Tensor  # A', (B, N, 1, H, W) in [0, 1], never above the rendered A
    depth: Tensor  # D', (B, N, 1, H, W), scene units


class Picture(NamedTuple):
    """A picture with all that it is made of; the last three are None where nothing is 3D."""

    image: Tensor  # (B, 3, H, W) in [-1, 1]
    background: Tensor  # (B, 3, H, W), as it is behind everything
    share: Tensor | None = None  # (B, N, 1, H, W), how much of each pixel shows each primitive
    layers: Layers | None = None
    rendered: Rendered | None = None


class Turn(NamedTuple):
    """One primitive of every scene, and the angle by which to turn it."""

    which: Tensor  # (B,) integers
    angle: Tensor  # (B,) radians

    def to(self, device: torch.device | str) -> "Turn":
        """The same on another device."""
        return on(self, device)


class Controllable3D(nn.Module):
    """Primitives and their poses to a picture; see the module's text."""

    def __init__(self, config: Config):
        super().__init__()
        if config.primitive == "none":
            raise BookError("a GAN without primitives is a Vanilla, not a Controllable3D")
        self.config = config
        self.arrangement = Arrangement(config)
        self.appearance = Appearance(config)
        if config.paint:
            self.painter = Generator2D(config.shown + 1, config.latent, config.channels,
                                       config.hidden)
        if config.background == "sphere":
            self.sky = Sky(config)
            self.sky_painter = Generator2D(config.features, config.latent,
                                           max(8, config.channels * 4 // 5), config.hidden)

    # ------------------------------------------------------------------- from draws to scenes

    def draw(self, count: int, generator: torch.Generator | None = None,
             keep: Tensor | None = None) -> Draws:
        """What is random about `count` scenes, drawn on the processor; `keep` as in `prior`."""
        if count < 1:
            raise BookError(f"{count} scenes cannot be drawn: choose 1 or more")
        return draw(self.config, count, generator, keep)

    def arrange(self, draws: Draws) -> Scene:
        """Draws to scenes, by what the model has learned of poses and sizes."""
        with self._exact(draws.look):
            return Scene(draws.look, self.arrangement(draws), draws.camera, draws.behind,
                         draws.keep)

    def sample(self, count: int, generator: torch.Generator | None = None,
               keep: Tensor | None = None) -> Scene:
        """`count` new scenes on the model's device, to edit and to render."""
        return self.arrange(self.draw(count, generator, keep).to(self._device))

    # ----------------------------------------------------------------- from scenes to pictures

    def forward(self, draws: Draws, turn: Turn | None = None
                ) -> Picture | tuple[Picture, tuple[Layer, Layer]]:
        """Draws to pictures; with `turn` also to what the consistency loss compares.

        That is one primitive of every scene, before and after it is turned, drawn again from
        what the 3D generator gives without its gradients: only the 2D generator learns from it.
        """
        scene = self.arrange(draws)
        picture = self.render(scene, hidden=not self.training)
        return picture if turn is None else (picture, self.turned_pair(scene, turn))

    def render(self, scene: Scene, hidden: bool = True) -> Picture:
        """Scenes to pictures; equal layers are bit for bit equal whatever else is in the scene.

        hidden : whether primitives that are not kept are painted, too; the picture is the same.
        BookError where a scene's numbers do not fit the model.
        """
        self._check(scene)
        rendered = self.primitives(scene)
        layers = self.refine(rendered, scene.look, None if hidden else scene.keep)
        background = self.backdrop(scene)
        seen = compose(*layers[:2], rendered.depth, background, scene.keep)
        return Picture(seen.image, background, seen.share, layers, rendered)

    def primitives(self, scene: Scene) -> Rendered:
        """X, A and D of every primitive alone."""
        config = self.config
        with self._exact(scene.look):
            carried = self.appearance(scene.look)
            if config.primitive == "point":
                return render_points(scene.pose, *carried, scene.camera, config.size)
            return render_solids(config.primitive, scene.pose, *carried, scene.camera,
                                 config.size)

    def refine(self, rendered: Rendered, look: Tensor, keep: Tensor | None = None) -> Layers:
        """X', A' and D' of every primitive.

        A' = a A with a in [0, 1], so a silhouette only shrinks; D' is the centre's depth and at
        most 1.2 more or less. Without a 2D generator X' is X, A' is A and D' is D.

        keep : (B, N), which to paint; the others are empty. All unless given.
        """
        if not self.config.paint:
            share = rendered.alpha.detach().clamp(min=1e-2)
            return Layers((rendered.features / share).tanh(), rendered.alpha, rendered.depth)
        given = torch.cat([rendered.features, rendered.alpha], 2).flatten(0, 1)
        middle, z = rendered.middle.flatten(0, 1), look.flatten(0, 1)
        if keep is None:
            painted = self.paint(given, middle, z)
        else:
            kept = keep.flatten()
            painted = (x.new_zeros(len(kept), *x.shape[1:]).index_put((kept,), x)
                       for x in self.paint(given[kept], middle[kept], z[kept]))
        rgb, alpha, offset = (x.unflatten(0, look.shape[:2]) for x in painted)
        centre = rendered.centre[..., None, None, None]
        return Layers(rgb, (alpha + 1) / 2 * rendered.alpha, centre + OFFSET * offset)

    def paint(self, given: Tensor, middle: Tensor, z: Tensor) -> Painted:
        """The 2D generator's pictures of M primitives, in windows around `middle` (M, 2).

        Outside of its window a primitive is transparent.
        """
        side, size = self.config.window, self.config.size
        if not side:
            return self.painter(given, z)
        with self._exact(given):
            corner = corners(middle, size, side)
            given = cut(given, corner, side)
        rgb, alpha, offset = self.painter(given, z)
        with self._exact(given):
            shown = put(torch.cat([rgb, alpha + 1, offset], 1), corner, size)
        rgb, alpha, offset = shown.split([3, 1, 1], 1)
        return Painted(rgb, alpha - 1, offset)

    def backdrop(self, scene: Scene) -> Tensor:
        """What is behind everything, (B, 3, H, W)."""
        size = self.config.size
        if self.config.background == "white":
            return torch.ones(len(scene.look), 3, size, size, device=scene.look.device)
        with self._exact(scene.behind):
            features = render_background(self.sky(scene.behind), scene.camera, size)
        return self.sky_painter(features, scene.behind).rgb

    def turned_pair(self, scene: Scene, turn: Turn) -> tuple[Layer, Layer]:
        """One primitive of every scene as refined in two poses, (B, ...) each."""
        with torch.no_grad(), self._exact(scene.look):
            first = scene.chosen(turn.which)
            second = first._replace(pose=first.pose.turned(turn.angle[:, None]))
            seen = [self.primitives(one) for one in (first, second)]
            poses = [one.pose.seen_by(one.camera) for one in (first, second)]
        both = Rendered(*(torch.cat(pair) for pair in zip(*seen)))
        layers = self.refine(both, torch.cat([first.look, second.look]))
        pair = zip(*(x.chunk(2) for x in layers))
        return tuple(layer_of((rgb + 1) / 2, alpha, depth, pose)
                     for (rgb, alpha, depth), pose in zip(pair, poses))

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device

    @staticmethod
    def _exact(like: Tensor) -> torch.autocast:
        """Geometry is computed in float32, whatever precision the loop has set."""
        return torch.autocast(like.device.type, enabled=False)

    def _check(self, scene: Scene) -> None:
        b, n, z = (*scene.look.shape, 0, 0, 0)[:3]
        if scene.look.dim() != 3 or z != self.config.latent:
            raise BookError(f"latents of primitives are (B, N, {self.config.latent}), not "
                            f"{tuple(scene.look.shape)}")
        for name, value, shape in (("scale", scene.pose.scale, (b, n, 3)),
                                   ("keep", scene.keep, (b, n)),
                                   ("camera rotation", scene.camera.rotation, (b, 3, 3)),
                                   ("behind", scene.behind, (b, self.config.latent))):
            if tuple(value.shape) != shape:
                raise BookError(f"{name} is {tuple(value.shape)}, but {b} scenes of {n} "
                                f"primitives take {shape}")


class Up(nn.Module):
    """A residual block that doubles the picture, as in GAN stability's networks: x + 0.1 F(x)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first, self.second = conv3x3(inputs, outputs), conv3x3(outputs, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) to (B, O, 2H, 2W)."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        y = self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.2)), 0.2))
        return self.skip(x) + 0.1 * y


class Vanilla(nn.Module):
    """A GAN without primitives (Mescheder et al. 2018): all latents of a scene to its picture."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, nf = config, config.channels
        widths = [6 * nf, 4 * nf, 3 * nf, 2 * nf, nf]
        doublings = (config.size // 4).bit_length() - 1
        if 4 << doublings != config.size:
            raise BookError(f"a GAN doubles 4 pixels: {config.size} is no such size")
        widths = [widths[0]] * (doublings - 3) + widths[:1 + min(doublings, 3)]
        latents = config.latent * (config.primitives + 1)
        self.first = nn.Linear(latents, widths[0] * 16)
        self.blocks = nn.ModuleList(Up(a, b) for a, b in zip(widths, widths[1:]))
        self.last = conv3x3(widths[-1], 3)

    def draw(self, count: int, generator: torch.Generator | None = None) -> Draws:
        """As for a model with primitives, of which only the latents are used."""
        return draw(self.config, count, generator)

    def forward(self, draws: Draws, turn: None = None) -> Picture:
        """Latents to pictures (B, 3, H, W) in [-1, 1]."""
        z = torch.cat([draws.look.flatten(1), draws.behind], 1)
        x = self.first(z).unflatten(1, (-1, 4, 4))
        for block in self.blocks:
            x = block(x)
        image = self.last(F.leaky_relu(x, 0.2)).float().tanh()
        return Picture(image, image)


def build(config: Config) -> nn.Module:
    """The generator of a config, with primitives or without."""
    return Vanilla(config) if config.primitive == "none" else Controllable3D(config)
