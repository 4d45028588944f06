"""A notebook as one page."""

from __future__ import annotations

import html
import warnings
from pathlib import Path
from typing import Any

from interpwidgets.errors import ExportError
from interpwidgets.export.markup import code_html, heading_text, markdown_html
from interpwidgets.export.outputs import Outputs
from interpwidgets.export.page import Page, write_page
from interpwidgets.export.report import Report, counted

_STATE_MIME = "application/vnd.jupyter.widget-state+json"


def export(notebook_path: str | Path, output_path: str | Path | None = None) -> Report:
    """Write a notebook as one HTML file with its views live, for where there is no network.

    The notebook is not run: the page shows what was saved. Views are live from the copies
    that they leave in the notebook, also where no widget state was saved.

    Args:
        notebook_path: A ``.ipynb`` file.
        output_path: The page; beside the notebook by default.

    Returns:
        What was written, and what had to be left out.

    Raises:
        ExportError: There is no such notebook, it is none, or the page cannot be written.
    """
    source = Path(notebook_path)
    target = source.with_suffix(".html") if output_path is None else Path(output_path)
    if target.is_dir():
        target = target / source.with_suffix(".html").name
    notebook = _read(source)
    page = Page()
    outputs = Outputs(page, source.parent, _widget_names(notebook))
    language = _language(notebook)
    cells = [_cell(cell, outputs, source.parent, language) for cell in notebook["cells"]]
    title = _title(notebook) or source.stem
    n_bytes = write_page(target, page.html(title, "\n".join(filter(None, cells))))
    return Report(target, n_bytes, page.n_views, counted(outputs.notes))


def _read(path: Path) -> dict[str, Any]:
    import nbformat

    if not path.is_file():
        raise ExportError(f"there is no notebook {path}. Give the path of a .ipynb file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing cell ids, which a page does not need
            notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except (nbformat.ValidationError, ValueError, AttributeError, TypeError) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise ExportError(
            f"{path} is no Jupyter notebook: {why:.200}. Give a .ipynb file; make one of a "
            ".py with `jupytext --to ipynb`."
        ) from error
    if not isinstance(notebook.get("cells"), list):
        raise ExportError(f"{path} is no Jupyter notebook: it has no cells.")
    for cell in notebook["cells"]:
        # Hand-made notebooks lack these at times; Jupyter opens them too.
        for name, default in (("cell_type", "raw"), ("source", ""), ("outputs", [])):
            cell.setdefault(name, default)
    return dict(notebook)


def _cell(cell: dict[str, Any], outputs: Outputs, folder: Path, language: str) -> str:
    tags = cell.get("metadata", {}).get("tags", [])
    if "remove-cell" in tags:
        return ""
    if cell["cell_type"] == "markdown":
        text = markdown_html(cell["source"], cell.get("attachments", {}), folder)
        return f'<section class="text">{outputs.check_loads(text)}</section>'
    if cell["cell_type"] != "code":
        return f"<pre>{html.escape(cell['source'])}</pre>"
    code = "" if "remove-input" in tags else _code(cell, language)
    shown = "" if "remove-output" in tags else outputs.html(cell["outputs"])
    return f'<section class="cell">{code}{shown}</section>' if code or shown else ""


def _code(cell: dict[str, Any], language: str) -> str:
    if not cell["source"].strip():
        return ""
    code = code_html(cell["source"], language)
    hidden = cell.get("metadata", {}).get("jupyter", {}).get("source_hidden")
    return f"<details><summary>code</summary>{code}</details>" if hidden else code


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata", {})
    info = metadata.get("language_info", {})
    told = info.get("pygments_lexer") or info.get("name")
    return str(told or metadata.get("kernelspec", {}).get("language") or "python3")


def _title(notebook: dict[str, Any]) -> str | None:
    told = notebook.get("metadata", {}).get("title")
    texts = (cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    return told or next(filter(None, map(heading_text, texts)), None)


def _widget_names(notebook: dict[str, Any]) -> dict[str, str]:
    widgets = notebook.get("metadata", {}).get("widgets", {})
    state = widgets.get(_STATE_MIME, {}).get("state", {})
    return {
        model_id: str(model.get("model_name", "widget")).removesuffix("Model")
        for model_id, model in state.items()
    }
