"""What the repository promises about itself: floors, notebooks, sizes, citations."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "synthbook"
MB = 1_000_000

FLOORS = {
    6: ("__init__", "__main__", "cli", "doctor"),
    5: ("claims", "figures", "checks"),
    4: ("catalogue", "models", "evaluation", "measuring", "study"),
    3: ("smis", "bachgan", "semantic_pyramid", "controllable_3d", "stylegan2",
        "image2stylegan_pp", "conditional_gans", "baselines", "judges", "headings"),
    2: ("game", "training", "checkpoints", "discriminators", "datasets", "metrics", "published",
        "yardsticks"),
    1: ("perceptual", "layers", "equalised", "losses", "scale", "device", "files", "plots",
        "exercises", "reading", "attempts", "streams"),
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
PAPERS = {"smis", "bachgan", "semantic_pyramid", "controllable_3d", "stylegan2",
          "image2stylegan_pp"}
ALLOWED_BETWEEN_PAPERS = {("image2stylegan_pp", "stylegan2")}


def kept_files() -> list[Path]:
    """Every file that git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str | None:
    """The file as text, or None where it is not text."""
    content = path.read_bytes()
    return None if b"\0" in content[:8000] else content.decode("utf-8")


# ---------------------------------------------------------------------------- the rooms


def room_of(path: Path) -> str:
    """The room that a module of the package is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs: all but the bodies of `if TYPE_CHECKING`."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING"):
            yield from executed(child)


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a module imports, at the top or inside a function."""
    package = ["synthbook", *path.relative_to(PACKAGE).parts[:-1]]
    rooms: set[str] = set()
    for node in executed(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for parts in (name.split(".") for name in names):
            if parts[0] == "synthbook" and parts[1:] != ["__version__"]:
                rooms.add(parts[1] if len(parts) > 1 and parts[1] in FLOOR else "__init__")
    return rooms


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def graph() -> dict[str, set[str]]:
    """For each room, the other rooms that it imports."""
    edges: dict[str, set[str]] = {}
    for path in modules():
        room = room_of(path)
        edges.setdefault(room, set()).update(imported_rooms(path) - {room})
    return edges


def test_every_room_has_a_floor():
    assert {room_of(path) for path in modules()} - set(FLOOR) == set()


def test_imports_point_down():
    upward = {
        (room, other)
        for room, others in graph().items()
        for other in others
        if FLOOR[other] > FLOOR[room]
    }
    assert upward == set()


def test_imports_run_in_no_circle():
    edges = {room: {o for o in others if o != "__init__"} for room, others in graph().items()}
    edges["__init__"] = set()
    while leaves := {room for room, others in edges.items() if not others & set(edges)}:
        edges = {room: others for room, others in edges.items() if room not in leaves}
    assert edges == {}


def test_papers_never_import_one_another():
    pairs = {(room, other) for room, others in graph().items() for other in others}
    between = {(a, b) for a, b in pairs if a in PAPERS and b in PAPERS}
    assert between - ALLOWED_BETWEEN_PAPERS == set()


# ------------------------------------------------------------------------- the chapters


def chapters() -> list[Path]:
    return sorted((ROOT / "chapters").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict]:
    """The cells of one kind, their source as one string."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [c | {"source": "".join(c["source"])} for c in found if c["cell_type"] == kind]


def test_the_contents_list_every_chapter():
    listed = set(re.findall(r"chapters/[\w-]+", (ROOT / "_toc.yml").read_text()))
    assert listed == {f"chapters/{path.stem}" for path in chapters()}


@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
class TestChapter:
    def test_is_committed_without_outputs(self, path):
        assert [c["source"] for c in cells(path, "code") if c["outputs"]] == []
        assert [c["source"] for c in cells(path, "code") if c["execution_count"]] == []
        assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]

    def test_figures_have_alt_text(self, path):
        for cell in cells(path, "code"):
            mystnb = cell["metadata"].get("mystnb", {})
            if "figure" in mystnb:
                assert mystnb.get("image", {}).get("alt", "").strip(), cell["source"]
        for cell in cells(path, "markdown"):
            assert not re.search(r"!\[\s*\]\(", cell["source"])
            pictures = re.findall(r"\{(?:image|figure)\}[^\n]*\n(.*?)`{3}", cell["source"], re.S)
            assert all(":alt:" in options for options in pictures)


# ---------------------------------------------------------------------------- the files


def test_tracked_files_stay_small():
    sizes = {path: path.stat().st_size for path in kept_files()}
    assert sum(sizes.values()) < 40 * MB
    assert [path.name for path, size in sizes.items() if size >= 16 * MB] == []


FOLDERS = "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers", "t" + "mp", "o" + "pt"))
HOSTS = "|".join(("py" + r"pi\.org/simple", "pythonho" + "sted", "registry.npm" + "js"))
WRONG = re.compile(
    rf"(?<![\w.~}}-])/(?:{FOLDERS})/\w+|{HOSTS}|file:" + r"///\w|\bfind-" + r"links\b"
    + r"|(?<!no-emit-)(?:extra-)?index-" + r"url[ =]|\"resol" + r"ved\":"
)


def test_no_file_names_a_local_path_or_a_package_index():
    found = {
        f"{path.relative_to(ROOT)}: {hit}"
        for path in kept_files()
        if (text := text_of(path)) is not None
        for hit in WRONG.findall(text)
    }
    assert found == set()


@pytest.mark.parametrize("line", [
    "    #   -c /t" + "mp/constraints.in", "# in /wo" + "rk/book", "--find-" + "links wheels",
    "--extra-index-" + "url https://a.example", "-i https://py" + "pi.org/simple",
    '"resol' + 'ved": "https://a.example/a.tgz"', "torch @ file:" + "///t" + "mp/torch.whl",
])
def test_a_path_or_an_index_is_recognised(line):
    assert WRONG.search(line)


def test_locks_and_workflows_are_among_the_files_that_are_read():
    names = ["requirements.lock", "package-lock.json", ".ci/run", ".github/workflows/test.yml"]
    assert {ROOT / name for name in names} <= set(kept_files())
    assert all(text_of(ROOT / name) for name in names)


def test_code_fits_a_head():
    sources = [p for p in kept_files() if p.suffix in (".py", ".mjs", ".js", ".css")]
    lines = {p.relative_to(ROOT).as_posix(): text_of(p).splitlines() for p in sources}
    assert [name for name, text in lines.items() if len(text) > 350] == []
    assert [name for name, text in lines.items() if any(len(line) > 100 for line in text)] == []


# ------------------------------------------------------------------------- the citations


def bibliography() -> list[str]:
    text = (ROOT / "references.bib").read_text(encoding="utf-8")
    return re.findall(r"^@\w+\{([^,\s]+),", text, re.M)


def test_bibliography_keys_are_unique():
    assert len(bibliography()) == len(set(bibliography())) > 0


def test_every_citation_has_its_reference():
    texts = [(ROOT / "index.md").read_text(encoding="utf-8")]
    texts += [cell["source"] for path in chapters() for cell in cells(path, "markdown")]
    roles = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", "\n".join(texts))
    cited = {key.strip() for keys in roles for key in keys.split(",")}
    assert cited
    assert cited - set(bibliography()) == set()


def test_the_citation_file_matches_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "title", "message", "authors"} <= set(citation)
    assert f'version = "{citation["version"]}"' in (ROOT / "pyproject.toml").read_text()
