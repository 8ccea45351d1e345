"""Choose the device and the number format once, and say why."""

from dataclasses import dataclass

import torch

from synthbook.files import BookError


@dataclass(frozen=True)
class Device:
    """Where tensors live, the precision of training steps, and the reason for both."""

    device: torch.device
    precision: str  # "no" (float32) or "bf16" (mixed), as HF Accelerate names them
    reason: str


def amx() -> bool:
    """Whether this CPU multiplies bfloat16 tiles in hardware (Intel AMX)."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="ignore") as file:
            return "amx_bf16" in file.read()
    except OSError:
        return False


def choose(name: str | None = None) -> Device:
    """The device called `name` (`cpu`, `cuda`, `cuda:1`, ...), or the best there is.

    Apple's MPS is used only when asked for: the reference results are the CPU's.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
        why = "a CUDA device is present" if name == "cuda" else "no CUDA device was found"
    else:
        why = "asked for"
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise BookError(f"device {name!r} cannot be used here; try cpu") from error
    if device.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported()
        numbers = "bfloat16 steps" if bf16 else "float32: no bfloat16 on this card"
    else:
        bf16 = device.type == "cpu" and amx()
        numbers = "bfloat16 steps: the CPU has AMX" if bf16 else "float32"
    return Device(device, "bf16" if bf16 else "no", f"{device} ({why}; {numbers})")
