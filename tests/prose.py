"""What of a text is prose, and which of its numbers look like results."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = "three|four|five|six|seven|eight|nine|ten|twenty|fifty|a hundred|a thousand"
MORE = r"as|more|less|fewer|larger|smaller|higher|lower|faster|slower|bigger|longer|shorter|wider"
RESULT = re.compile(
    r"\b\d+\.\d+\b"
    # how sure an interval is, is no result
    r"|(?<!middle )\b\d+ ?(?:%|per ?cent\b)(?! (?:confidence )?intervals?\b)"
    rf"|\b(?:\d+|{WORDS})(?: times (?:{MORE})\b|-?fold\b)"
    r"|\b\d+ ?[×x](?! ?\d)(?= |$)")
SOURCED = re.compile(r"\b(\d+(?:\.\d+)?)( ?%)?<!-- (\S+\.json) (\S+) -->")


def prose(markdown: str) -> str:
    """A text cell without what is not prose: code, formulas, addresses, licence names."""
    lines, fence = [], None
    for line in markdown.splitlines():
        mark = re.match(r"\s*(`{3,}|~{3,})\s*(.*)", line)
        if fence:
            fence = None if mark and mark[1].startswith(fence) and not mark[2] else fence
        elif mark and re.match(r"\{(?!math|code|bibliography)", mark[2]):
            lines.append(mark[2])
        elif mark:
            fence = mark[1] if mark[2] else None
        else:
            lines.append(line)
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", " ", "\n".join(lines), flags=re.S)
    text = re.sub(r"`[^`\n]*`|<[^>]*>|\]\([^)]*\)|https?://\S+", " ", text)
    text = re.sub(r"CC BY(-\w+)* \d\.\d|\b\d{4}\.\d{4,5}\b", " ", text)
    return re.sub(r"(§|Sections?|Eqs?\.|Equations?|Tables?|Figs?\.|Figures?)\s*[\d.]+", " ", text)


def typed(markdown: str) -> list[str]:
    """The numbers of a text's prose that look like results: 0.5, 50 %, 5 times as much, 5×."""
    text = " ".join(prose(markdown).split())
    return [match[0] for match in RESULT.finditer(text)]


def unsourced(text: str, root: Path = ROOT) -> list[str]:
    """What :func:`typed` finds and no file holds.

    A number says where it is from in a comment right behind it, which pages do not show:
    `0.21<!-- data/results/smis/NAME.json metrics.mcsd.value -->`. It must be that value, rounded.
    """
    wrong = [match[0] for match in SOURCED.finditer(text) if not held(match, root)]
    return wrong + typed(SOURCED.sub(" ", text))


def held(match: re.Match, root: Path) -> bool:
    """Whether the file named behind a number holds it."""
    number, percent, name, keys = match.groups()
    if not name.startswith(("data/results/", "data/weights/")) or not (root / name).is_file():
        return False
    value = json.loads((root / name).read_text(encoding="utf-8"))
    for key in keys.split("."):
        inside = isinstance(value, list) and key.isdigit() and int(key) < len(value)
        value = value[int(key)] if inside else value.get(key) if isinstance(value, dict) else None
    digits = len(number.partition(".")[2])
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and f"{value * (100 if percent else 1):.{digits}f}" == number
