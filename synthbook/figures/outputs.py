"""What a figure shows of its model's outputs: pictures, what changed in them, numbers in words."""

import re
from dataclasses import dataclass
from typing import Any

from synthbook.files import BookError

FIELD = re.compile(r"\{(\d+)\}")


@dataclass(frozen=True)
class Image:
    """A picture.

    name      : the model's output, (1, 3, H, W) in [-1, 1].
    label     : visible name.
    pixelated : enlarge without smoothing.
    small     : it stands with other small ones in a row below.
    before    : as it was before the reader's last gesture.
    caption   : numbers in words that stand under it.
    """

    name: str
    label: str
    pixelated: bool = True
    small: bool = False
    before: bool = False
    caption: "Caption | None" = None

    def __post_init__(self):
        if not self.label.strip():
            raise BookError(f"image {self.name!r} needs a visible label")

    def describe(self) -> dict[str, Any]:
        """The output as JSON."""
        told = {"kind": "image", "name": self.name, "label": self.label,
                "pixelated": self.pixelated}
        told |= {key: True for key in ("small", "before") if getattr(self, key)}
        return told | ({"caption": self.caption.describe()} if self.caption else {})


@dataclass(frozen=True)
class Change:
    """Where a picture differs from what it was before the reader's last gesture.

    of     : name of the image.
    label  : visible name.
    within : name of a canvas, a mask or boxes; the caption then tells the change inside the class
             (mask, box) last acted on from the change elsewhere.
    """

    of: str
    label: str
    within: str | None = None

    def __post_init__(self):
        if not self.label.strip():
            raise BookError(f"the change of {self.of!r} needs a visible label")

    def describe(self) -> dict[str, Any]:
        """The output as JSON."""
        return {"kind": "change", "of": self.of, "label": self.label, "within": self.within}


@dataclass(frozen=True)
class Caption:
    """Numbers in words.

    of     : the model's output, (1, m).
    text   : a sentence in which `{0}` to `{m-1}` stand for the numbers.
    digits : decimals shown.
    """

    of: str
    text: str
    digits: int = 2

    def __post_init__(self):
        if not self.fields or re.search(r"[{}]", FIELD.sub("", self.text)):
            raise BookError(f"caption {self.text!r} must name its numbers as {{0}}, {{1}}, ...")
        if not 0 <= self.digits <= 6:
            raise BookError(f"caption {self.text!r}: digits are 0 to 6, not {self.digits}")

    @property
    def fields(self) -> set[int]:
        """Which numbers the text names."""
        return {int(n) for n in FIELD.findall(self.text)}

    def describe(self) -> dict[str, Any]:
        """The output as JSON."""
        return {"kind": "caption", "of": self.of, "text": self.text, "digits": self.digits}


Output = Image | Change | Caption
