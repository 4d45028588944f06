"""Finds the programs outside Python that some tiers need. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

OLDEST_NODE = 20
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find_chromium() -> str | None:
    """Return a Chromium's path: ``$CHROMIUM`` if set, else one that is installed."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    return str(CHROMIUM_ON_MACOS) if CHROMIUM_ON_MACOS.exists() else None


def find_npm() -> str | None:
    """Return npm's path, where node is there too and new enough."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    command = [node, "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    major = re.match(r"v(\d+)", told.stdout)
    return npm if major and int(major[1]) >= OLDEST_NODE else None
