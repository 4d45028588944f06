"""The front end as it travels: short, whole, and its absence explained."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path

import pytest

from interpwidgets.errors import BundleError
from interpwidgets.widgets import bundle
from interpwidgets.widgets.attention import AttentionView

MOST_BYTES = 25_000


def test_what_travels_with_each_view_is_short() -> None:
    assert len(AttentionView._esm) <= MOST_BYTES


def test_what_travels_is_the_built_module() -> None:
    (packed,) = re.findall(r'atob\("([^"]+)"\)', bundle.packed_module("attention.js"))
    source = zlib.decompress(base64.b64decode(packed)).decode()
    assert source == bundle.read_bundle("attention.js")


def test_a_missing_bundle_names_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bundle, "STATIC", tmp_path)
    with pytest.raises(BundleError, match=r"'attention\.js' is missing .* `make bundles`"):
        bundle.read_bundle("attention.js")


def test_every_part_of_a_view_is_found() -> None:
    assert bundle.part_names("attention") == ("picture", "tools")
    assert bundle.read_part("attention", "tools") == bundle.read_bundle("attention.tools.js")


@pytest.mark.parametrize("name", ["other", "../attention", "", "css"])
def test_an_unknown_part_names_those_there_are(name: str) -> None:
    with pytest.raises(BundleError, match=r"has no part .*; it has 'picture', 'tools'"):
        bundle.read_part("attention", name)


def test_the_modules_of_a_view_know_each_other() -> None:
    first = bundle.read_bundle("attention.js")
    (digest,) = re.findall(r"interpwidgets\.part\.(\w{16})", first)
    for name in bundle.part_names("attention"):
        assert f'"{digest}"' in bundle.read_part("attention", name)
