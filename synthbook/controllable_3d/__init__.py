"""3D controllable image synthesis: primitives in space (Liao, Schwarz, Mescheder, Geiger 2020)."""

from synthbook.controllable_3d.cameras import (
    Camera,
    draw_cameras,
    from_extrinsics,
    intrinsics,
    orbit,
    project,
    rays,
)
from synthbook.controllable_3d.composition import (
    Composite,
    compose,
    each_alone,
    some_dropped,
    visible,
)
from synthbook.controllable_3d.config import VARIANTS, Config, config
from synthbook.controllable_3d.discriminator import Discriminator
from synthbook.controllable_3d.losses import compactness, geometric_consistency
from synthbook.controllable_3d.network import Controllable3D, Layers, Picture, Turn, Vanilla, build
from synthbook.controllable_3d.poses import Pose, jittered, of_cars, pose_of, upright, yaw
from synthbook.controllable_3d.primitives import Surface, cuboid, ellipsoid
from synthbook.controllable_3d.renderer import (
    Rendered,
    render_background,
    render_points,
    render_solids,
)
from synthbook.controllable_3d.scenes import Draws, Scene
from synthbook.controllable_3d.warp import Layer, layer_of, warp

__all__ = ["Camera", "Composite", "Config", "Controllable3D", "Discriminator", "Draws", "Layer",
           "Layers", "Picture", "Pose", "Rendered", "Scene", "Surface", "Turn", "VARIANTS",
           "Vanilla", "build", "compactness", "compose", "config", "cuboid", "draw_cameras",
           "each_alone", "ellipsoid", "from_extrinsics", "geometric_consistency", "intrinsics",
           "jittered", "of_cars", "orbit", "pose_of", "project", "rays", "render_background",
           "render_points", "render_solids", "some_dropped", "upright", "visible", "warp", "yaw"]
