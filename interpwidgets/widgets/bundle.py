"""The built front end."""

from __future__ import annotations

import base64
import hashlib
import zlib
from pathlib import Path

from interpwidgets.errors import BundleError

STATIC = Path(__file__).parent.parent / "static"

# Every widget carries its module to the page. Deflated, it is less than half as long;
# evaluated once a page, it serves all views of its kind.
_UNPACK = """\
const key = Symbol.for("interpwidgets.%(digest)s");
const load = async () => {
  const packed = Uint8Array.from(atob("%(packed)s"), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const source = new Blob([await new Response(stream).text()], { type: "text/javascript" });
  const url = URL.createObjectURL(source);
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
};
export default () => (globalThis[key] ??= load());
"""


def read_bundle(name: str) -> str:
    """Return the text of a built front-end file, e.g. ``"attention.js"``.

    Raises:
        BundleError: It is not there; the message names the build command.
    """
    path = STATIC / name
    if not path.is_file():
        raise BundleError(
            f"the front end {name!r} is missing from {STATIC}. Build it with `make bundles` "
            "(needs node 20 or newer), or install a released wheel, which holds it."
        )
    return path.read_text(encoding="utf-8")


def part_names(widget: str) -> tuple[str, ...]:
    """Return the names of the modules that a view fetches once it is drawn.

    Args:
        widget: The name of its bundle; ``x.tools.js`` is the part "tools" of ``x``.
    """
    return tuple(sorted(path.name.split(".")[1] for path in STATIC.glob(f"{widget}.*.js")))


def read_part(widget: str, name: str) -> str:
    """Return the text of one such module.

    Args:
        widget: The name of the view's bundle.
        name: One of its ``part_names``.

    Raises:
        BundleError: It has no such part.
    """
    names = part_names(widget)
    if name not in names:
        held = ", ".join(map(repr, names)) or "none"
        raise BundleError(
            f"the front end of {widget!r} has no part {name!r:.40}; it has {held}."
        )
    return read_bundle(f"{widget}.{name}.js")


def packed_module(name: str) -> str:
    """Return a built module as one that unpacks itself when a page loads it.

    Args:
        name: As of ``read_bundle``; its default export is an anywidget definition.
    """
    source = read_bundle(name).encode()
    packed = base64.b64encode(zlib.compress(source, 9)).decode("ascii")
    return _UNPACK % {"digest": hashlib.sha256(source).hexdigest()[:16], "packed": packed}
