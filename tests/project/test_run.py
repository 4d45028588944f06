"""The tier runner: what it says where a tool is missing."""

from __future__ import annotations

import pytest

import run


@pytest.fixture(autouse=True)
def no_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_chromium", lambda: None)
    monkeypatch.delenv("REQUIRE_ALL", raising=False)


def test_a_missing_tool_is_named_and_tolerated(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["browser"]) == 0
    assert "NOT RUN: browser (no chromium found)" in capsys.readouterr().out


def test_a_missing_tool_is_an_error_where_all_are_required(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    assert run.main(["browser"]) == 1
    assert "NOT RUN: browser (no chromium found)" in capsys.readouterr().out


def test_an_unknown_tier_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["brwser"])
    assert "no tier brwser; there are lint, python, slow, js, browser" in (
        capsys.readouterr().err
    )


def test_no_test_is_in_two_tiers_or_in_none() -> None:
    expressions = [tier.marks for tier in run.TIERS if tier.marks]
    marks = ("browser", "js", "slow")
    for held in ((), ("slow",), ("js",), ("browser",), ("slow", "js"), ("slow", "browser")):
        values = {mark: mark in held for mark in marks}
        assert sum(eval(each, {}, values) for each in expressions) == 1, held
