"""Where policies are read from: the packs shipped with agentkit, and files."""

from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from agentkit.errors import InvalidPolicy


@dataclass(frozen=True)
class PolicyText:
    """Rules as written, before they meet the tools."""

    name: str
    """The first half of a rule's name: `supervised` in `supervised/reads-run`."""
    text: str
    file: str = "<policy text>"
    """What error messages call the place."""


def read(source: str | Path) -> PolicyText:
    """Read a policy: a pack by its name (`supervised`), or a file by its path, which ends in `.cedar`.

    Raises:
        InvalidPolicy: there is no such pack or file; the message lists the packs.
    """
    if isinstance(source, Path) or source.endswith(".cedar"):
        return _read_file(Path(source))
    shipped = _shipped()
    if source not in shipped:
        raise InvalidPolicy(
            f"no policy pack named {source!r}; there are {sorted(shipped)}. A file is given by a path that "
            "ends in '.cedar', and Cedar text through Policy.from_text"
        )
    return PolicyText(source, _decode(shipped[source].read_bytes(), f"{source}.cedar"), f"{source}.cedar")


def _read_file(path: Path) -> PolicyText:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidPolicy(f"cannot read the policy {path}: {error.strerror}") from None
    return PolicyText(path.stem, _decode(content, str(path)), str(path))


def _decode(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidPolicy(f"{file} is not UTF-8 text (byte {error.start}): write it as UTF-8") from None


def _shipped() -> dict[str, Traversable]:
    """The wheel carries the packs inside the package; a checkout has them beside it."""
    installed = resources.files("agentkit") / "_policies"
    folder = installed if installed.is_dir() else Path(__file__).parents[2] / "policies"
    files = folder.iterdir() if folder.is_dir() else ()
    return {file.name.removesuffix(".cedar"): file for file in files if file.name.endswith(".cedar")}
