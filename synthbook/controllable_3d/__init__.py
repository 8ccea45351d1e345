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
from synthbook.controllable_3d.losses import compactness, geometric_consistency
from synthbook.controllable_3d.poses import Pose, jittered, of_cars, pose_of, upright, yaw
from synthbook.controllable_3d.primitives import Surface, cuboid, ellipsoid
from synthbook.controllable_3d.renderer import (
    Rendered,
    render_background,
    render_points,
    render_solids,
)
from synthbook.controllable_3d.warp import Layer, layer_of, warp

__all__ = ["Camera", "Composite", "Layer", "Pose", "Rendered", "Surface", "compactness",
           "compose", "cuboid", "draw_cameras", "each_alone", "ellipsoid", "from_extrinsics",
           "geometric_consistency", "intrinsics", "jittered", "of_cars", "orbit", "pose_of",
           "project", "rays", "render_background", "render_points", "render_solids",
           "some_dropped", "upright", "visible", "warp", "yaw"]
