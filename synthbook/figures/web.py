"""The figures' JavaScript, put together for a page or for Jupyter, and files as classic scripts.

A page opened from a file may neither fetch nor import its neighbours, but it may run classic
scripts. So the page gets one script that holds all modules, and every binary file arrives as
scripts of gzip and base64.
"""

import base64
import gzip
import re
from pathlib import Path

from synthbook.files import BookError, reason, replacing

IMPORT = re.compile(r'^import\s[^;]*?from "\./([\w-]+\.js)";\n', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.M)


def web_dir() -> Path:
    """The folder of the modules: a checkout's own, else the copy that the wheel carries."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent / "web" / "figures"
    return checkout if (checkout / "figure.js").is_file() else package / "_web"


def source(name: str) -> str:
    """The text of one file of `web_dir()`."""
    try:
        return (web_dir() / name).read_text(encoding="utf-8")
    except OSError as error:
        raise BookError(f"cannot read the figures' {name}: {reason(error)}; install the package "
                        "again, or restore web/figures") from error


def modules(entry: str) -> list[str]:
    """Names of `entry` and of all modules that it needs, each after those that it needs."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for needed in IMPORT.findall(source(name)):
                visit(needed)
            order.append(name)

    visit(entry)
    return order


def script(entry: str) -> str:
    """`entry` and all that it imports as one text, without its import lines and `export` words."""
    return "\n".join(EXPORT.sub("", IMPORT.sub("", source(name))) for name in modules(entry))


def page_script() -> str:
    """The classic script of a page; it finds its assets beside itself."""
    return f'(() => {{\n"use strict";\n{script("page.js")}}})();\n'


def kernel_module() -> str:
    """The module that anywidget loads in Jupyter."""
    return f"{script('kernel.js')}\nexport default {{ render }};\n"


def stylesheet() -> str:
    """The figures' CSS, the same for page and Jupyter."""
    return source("figures.css")


def safe_name(name: str) -> str:
    """An asset's name as the start of file names: `smis/vspade@x` is `smis--vspade@x`."""
    return name.replace("/", "--")


def assets(name: str, content: bytes, folder: Path, chunk: int = 1_000_000) -> int:
    """Write `content` as classic scripts `FOLDER/SAFE-NAME-K.js`; how many they are.

    Each holds at most `chunk` characters of the base64 of the gzip of all bytes and calls
    `synthbookAsset(name, K, count, text)`. The same content always gives the same files, and
    files left by a longer content of this name are removed.
    """
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")
    step = max(4, chunk - chunk % 4)
    parts = [packed[k:k + step] for k in range(0, len(packed), step)]
    for old in folder.glob(f"{safe_name(name)}-*.js"):
        if old.stem.removeprefix(f"{safe_name(name)}-").isdigit():
            old.unlink()
    for k, part in enumerate(parts):
        with replacing(folder / f"{safe_name(name)}-{k}.js") as path:
            path.write_text(f'synthbookAsset("{name}", {k}, {len(parts)}, "{part}");\n')
    return len(parts)
