"""The TypeScript interfaces are those of Python's TypedDicts."""

from __future__ import annotations

from js.contract import TARGET, contract_ts


def test_the_generated_interfaces_are_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == contract_ts(), "run: python -m js.contract"
