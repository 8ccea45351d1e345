"""How the book is built: what fails a build, what executes a chapter again, what is patched."""

import asyncio
from queue import Empty
from types import SimpleNamespace

import cache_key
import kernel_wakeup
import pytest
import synthbook_ext
from minibook import book  # noqa: F401
from jupyter_client.channels import AsyncZMQSocketChannel


def test_a_cell_that_raises_fails_the_build_every_time(book):  # noqa: F811
    for _ in range(2):
        code, said = book.build("raise ValueError('a broken cell')")
        assert code == 1
        assert "a broken cell" in said


def test_an_image_without_alt_text_fails_the_build(book):  # noqa: F811
    draw = "import PIL.Image\nPIL.Image.new('L', (4, 4))"
    code, said = book.build(draw)
    assert code == 1
    assert "image without alt text" in said


def test_a_change_in_the_package_executes_the_chapter_again(book):  # noqa: F811
    cells = (
        "import ipywidgets\nwith ipywidgets.Output():\n    print('in an output widget')",
        "import os, pathlib\n"
        "print(os.environ['SYNTHBOOK_SCALE'], os.environ['SYNTHBOOK_STATIC'])\n"
        "print('read', pathlib.Path('synthbook/value.txt').read_text())",
    )
    assert book.build(*cells)[0] == 0
    assert "smoke 1" in book.page and "read first" in book.page

    (book.root / "synthbook" / "value.txt").write_text("second")
    assert book.build(*cells)[0] == 0
    assert "read second" in book.page and "read first" not in book.page


@pytest.mark.parametrize("name", ["synthbook/a.py", "data/art/x.bin", "requirements.lock"])
def test_the_execution_key_changes_with_one_byte(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"abc")
    before = cache_key.execution_key(tmp_path, "smoke")
    assert cache_key.execution_key(tmp_path, "smoke") == before
    assert cache_key.execution_key(tmp_path, "laptop") != before
    path.write_bytes(b"abd")
    assert cache_key.execution_key(tmp_path, "smoke") != before


def test_the_execution_key_ignores_what_is_not_read(tmp_path):
    (tmp_path / "synthbook").mkdir()
    before = cache_key.execution_key(tmp_path, "smoke")
    for name in ("synthbook/__pycache__/a.pyc", "synthbook/.hidden", "tests/test_a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert cache_key.execution_key(tmp_path, "smoke") == before


def test_a_stale_cache_is_removed_and_a_fresh_one_kept(tmp_path):
    source, output = tmp_path / "book", tmp_path / "out"
    (source / "synthbook").mkdir(parents=True)
    assert cache_key.refresh(source, output, "smoke")
    for name in (".jupyter_cache", ".doctrees", "html"):
        (output / name).mkdir()
    assert not cache_key.refresh(source, output, "smoke")
    assert (output / ".jupyter_cache").is_dir()

    (source / "synthbook" / "new.py").touch()
    assert cache_key.refresh(source, output, "smoke")
    assert not (output / ".jupyter_cache").exists() and not (output / ".doctrees").exists()
    assert (output / "html").is_dir()


class Socket:
    """A socket whose first `lost` polls miss the message that is there."""

    def __init__(self, lost: int):
        self.lost, self.slices = lost, []

    async def poll(self, milliseconds: int) -> bool:
        self.slices.append(milliseconds)
        self.lost -= 1
        return self.lost < 0


def receive(lost: int, timeout: float | None = None):
    async def _recv():
        return {"content": "answer"}

    socket = Socket(lost)
    channel = SimpleNamespace(socket=socket, _recv=_recv)
    return asyncio.run(kernel_wakeup.get_msg(channel, timeout)), socket


@pytest.mark.parametrize("timeout", [None, 300])
def test_a_lost_wake_up_costs_one_slice_not_the_cell_limit(timeout):
    message, socket = receive(lost=1, timeout=timeout)
    assert message == {"content": "answer"}
    assert len(socket.slices) == 2
    assert max(socket.slices) <= kernel_wakeup.SLICE_MS


def test_a_silent_kernel_still_times_out():
    with pytest.raises(Empty):
        receive(lost=10**9, timeout=0.01)


class App:
    """As much of Sphinx as the extension's setup touches."""

    def __init__(self):
        self.handlers = {}

    def connect(self, event, handler):
        self.handlers[event] = handler

    def add_role(self, *_):
        pass

    def add_directive(self, *_):
        pass

    def add_node(self, *_):
        pass


def test_the_extension_patches_the_client_and_tells_the_kernels(monkeypatch):
    monkeypatch.setattr(AsyncZMQSocketChannel, "get_msg", AsyncZMQSocketChannel.get_msg)
    monkeypatch.setenv("SYNTHBOOK_STATIC", "")
    synthbook_ext.setup(App())
    assert AsyncZMQSocketChannel.get_msg is kernel_wakeup.get_msg
    assert synthbook_ext.os.environ["SYNTHBOOK_STATIC"] == "1"


@pytest.mark.parametrize("address", ["", "https://github.com/someone/synthbook"])
def test_launch_buttons_follow_the_repository_address(address):
    app = SimpleNamespace(events=SimpleNamespace(listeners={}))
    options = {"repository_url": address, "launch_buttons": {"colab_url": "https://a.example"}}
    synthbook_ext.configure(app, SimpleNamespace(html_theme_options=options))
    assert ("launch_buttons" in options) == bool(address)
    assert options["use_repository_button"] == bool(address)


def test_thebe_is_not_set_up_and_others_stay():
    def init_thebe_core():
        """A listener by the name that sphinx-thebe gives its own."""

    def other():
        pass

    listeners = {"env": [SimpleNamespace(handler=init_thebe_core), SimpleNamespace(handler=other)]}
    app = SimpleNamespace(events=SimpleNamespace(listeners=listeners))
    synthbook_ext.configure(app, SimpleNamespace(html_theme_options={}))
    assert [one.handler for one in listeners["env"]] == [other]


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "nothing"), (7.2, "7 seconds"), (150, "2.5 minutes")]
)
def test_a_run_time_is_said_as_people_say_it(monkeypatch, seconds, words):
    monkeypatch.setenv("SYNTHBOOK_SCALE", "laptop")
    assert synthbook_ext.spoken(seconds).startswith(words)
