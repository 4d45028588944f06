"""What travels between Python and the browser, as types: one file a view.

``docs/wire.md`` says what each field means. ``js/src/contract.gen.ts`` is generated from
these files by ``python -m js.contract``; a test holds the two together.
"""
