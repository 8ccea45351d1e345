"""Build the book: execute the chapters at one scale and write OUTPUT/html.

Usage: python _ext/build_book.py [--scale smoke|laptop] [--output _build] [--source .]

Warnings are errors, a cell that raises is an error, and after a failed build every page is
parsed again: an incremental build would report success because nothing is out of date.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import cache_key

sys.modules.setdefault("rfc3987_syntax", None)  # optional to jsonschema; takes seconds to import

from jupyter_book.sphinx import build_sphinx  # noqa: E402

DONE = ".built"


def main(argv: list[str] | None = None) -> int:
    """Return the exit code: 0 when every page was built without a warning."""
    arguments = parse(argv)
    source, output = arguments.source.resolve(), arguments.output.resolve()
    os.environ["SYNTHBOOK_SCALE"] = arguments.scale
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    started = time.monotonic()
    forget_unless_good(source, output, arguments.scale)
    result = build_sphinx(
        source,
        output / "html",
        noconfig=True,
        path_config=source / "_config.yml",
        confoverrides={
            "external_toc_path": (source / "_toc.yml").as_posix(),
            "latex_individualpages": False,
            "nitpicky": True,
        },
        doctreedir=output / ".doctrees",
        warningiserror=True,
        keep_going=True,
    )
    if result != 0:
        if isinstance(result, Exception) and result.__cause__:
            print(f"\n{result}\n{result.__cause__}", file=sys.stderr)
        print(f"\nThe book at scale {arguments.scale} was NOT built: see above.", file=sys.stderr)
        return 1
    (output / DONE).write_text(cache_key.pages_key(source))
    index = (output / "html" / "index.html").as_uri()
    print(f"\nThe book at scale {arguments.scale} took {time.monotonic() - started:.0f} s.")
    print(f"Open {index}")
    return 0


def forget_unless_good(source: Path, output: Path, scale: str) -> None:
    """Keep of the last build only what a new one may trust."""
    if cache_key.refresh(source, output, scale):
        print("The package, the data, the lock or the scale changed: executing every chapter.")
    done = output / DONE
    if not (done.is_file() and done.read_text() == cache_key.pages_key(source)):
        shutil.rmtree(output / ".doctrees", ignore_errors=True)
        shutil.rmtree(output / "html", ignore_errors=True)
    done.unlink(missing_ok=True)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="laptop")
    parser.add_argument("--output", type=Path, default=Path("_build"))
    parser.add_argument("--source", type=Path, default=Path("."))
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
