"""A marimo notebook: a view as marimo's element, one by itself, and what is selected."""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import numpy as np

    import interpwidgets as iw
    from interpwidgets.results.attention import AttentionPattern

    tokens = [f"w{pos}" for pos in range(400)]
    weights = np.tril(np.ones((2, 4, 400, 400), dtype=np.float32))
    result = AttentionPattern.of_arrays(tokens, weights / weights.sum(-1, keepdims=True))
    return iw, mo, result


@app.cell
def _(iw, mo, result):
    view = iw.show(result)
    chosen, set_chosen = mo.state(view.selection)
    view.observe(lambda change: set_chosen(change.new), "selection")
    mo.ui.anywidget(view)
    return chosen, view


@app.cell
def _(chosen, mo):
    mo.md(f"chosen: {chosen().heads}")


@app.cell
def _(iw, mo, view):
    def select(_):
        view.selection = iw.Selection([(1, 3)])

    mo.ui.button(label="select", on_click=select)


@app.cell
def _(iw, result):
    iw.show(result)
