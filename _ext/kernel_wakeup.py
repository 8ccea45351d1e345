"""Keep a chapter's execution from stalling on an `Output` widget.

nbclient answers an `Output` widget on the kernel's shell socket while another task polls that
socket; zmq may then lose the wake-up, and the cell waits for its whole time limit. Polling in
slices of half a second bounds the loss (nbclient, "OutputWidget can deadlock").
"""

import time
from queue import Empty
from typing import Any

from jupyter_client.channels import AsyncZMQSocketChannel

SLICE_MS = 500


async def get_msg(self: AsyncZMQSocketChannel, timeout: float | None = None) -> dict[str, Any]:
    """The channel's next message; :class:`queue.Empty` after `timeout` seconds."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = SLICE_MS if end is None else int((end - time.monotonic()) * 1000)
        if await self.socket.poll(max(0, min(SLICE_MS, left))):
            return await self._recv()
        if end is not None and time.monotonic() >= end:
            raise Empty


def install() -> None:
    """Use :func:`get_msg` in every client of this process."""
    AsyncZMQSocketChannel.get_msg = get_msg  # type: ignore[method-assign]
