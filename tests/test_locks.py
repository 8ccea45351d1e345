"""What locks and workflows name: versions and hashes, no host, no folder of a machine."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PAGE = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
JOBS = [*sorted((ROOT / ".github/workflows").glob("*.yml")), ROOT / ".ci/run"]

WHY = r"[\w.-]+(?: \(pyproject\.toml\))?\n"
PIN = re.compile(
    r"([\w.-]+)==[\w.!+]+(?: ; [^/\\#@]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    rf"    # via(?: {WHY}|\n(?:    #   {WHY})+)"
)
PLACE = re.compile(r"[\w+]+://|(?:file|git|link|github|workspace):|git@|~?/|\.\.?/")


def odd(lock: str) -> str:
    """What of a Python lock is no pin: a name, a version, hashes and who asked for it."""
    return PIN.sub("", lock)


def places(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a JSON value that names a place, with its key; without those to give to."""
    pairs = value.items() if isinstance(value, dict) else ()
    pairs = ((key, inner) for inner in value) if isinstance(value, list) else pairs
    for name, inner in pairs:
        if name != "funding":
            yield from places(inner, name)
    if isinstance(value, str) and PLACE.match(value):
        yield key, value


def hosts_and_folders(job: str) -> list[str]:
    """Addresses in a workflow or script, and folders that only one machine may have."""
    body = re.sub(r"\A#!.*\n", "", job)
    return re.findall(r"\w+://\S+|(?<![\w.~})\"/-])/(?!dev/null)\w[\w./-]*", body)


def test_the_lock_holds_versions_hashes_and_names_only():
    assert odd(LOCK) == ""
    assert {"torch", "jupyter-book", "pytest"} <= {match[1] for match in PIN.finditer(LOCK)}


@pytest.mark.parametrize("line", [
    "    #   -c /a/constraints.in\n", "    # via /a/b.in\n", "--index-" "url=https://a.example\n",
    "-r more.txt\n", "torch @ https://a.example/torch.whl\n", "torch>=2\n", "-e .\n",
    "torch==2.0 \\\n    --hash=md5:0123\n    # via a\n", "torch==2.0\n    # via a\n",
])
def test_a_lock_with_more_in_it_is_recognised(line):
    middle = LOCK.index("torch==")
    assert odd(LOCK[:middle] + line + LOCK[middle:])


def test_the_page_s_lock_names_packages_by_version_and_hash_only():
    packages = {name: value for name, value in PAGE["packages"].items() if name}
    assert list(places(PAGE)) == []
    assert [n for n, p in packages.items() if not re.match(r"\d+\.\d+\.\d+", p["version"])] == []
    assert [n for n, p in packages.items() if not p["integrity"].startswith("sha512-")] == []
    asked = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert asked == PAGE["packages"][""]["dependencies"]


@pytest.mark.parametrize("field, value", [
    ("resolved", "https://a.example/a.tgz"), ("version", "file:../a"), ("resolved", "/a/b.tgz"),
    ("version", "git+ssh://git@a.example/a.git"), ("resolved", "../a"),
])
def test_a_page_s_lock_that_names_a_place_is_recognised(field, value):
    changed = copy.deepcopy(PAGE)
    changed["packages"]["node_modules/mathjax"][field] = value
    assert list(places(changed)) == [(field, value)]


@pytest.mark.parametrize("path", JOBS, ids=lambda p: p.name)
def test_workflows_name_no_host_and_no_folder_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert hosts_and_folders(text) == []
    used = re.findall(r"uses: (\S+)", text)
    assert [u for u in used if not re.fullmatch(r"actions/[\w-]+@v\d+\.\d+\.\d+", u)] == []


def test_there_are_workflows_for_a_push_a_week_and_the_pages():
    starts = {p.stem: p.read_text(encoding="utf-8") for p in JOBS if p.suffix == ".yml"}
    assert "push:" in starts["test"] and ".ci/run" in starts["test"]
    assert "schedule:" in starts["weekly"] and "make book" in starts["weekly"]
    assert "make book" in starts["pages"] and "actions/deploy-pages" in starts["pages"]
    assert "make test" in (ROOT / ".ci/run").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", [
    "pip install -i https://a.example/simple x", "cd /srv/book", "path: /data/cache",
])
def test_a_workflow_that_names_a_place_is_recognised(line):
    assert hosts_and_folders(f"jobs:\n  - run: {line}\n")
