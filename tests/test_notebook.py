"""The notebook runs from top to bottom, and what it shows is what is committed."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "docs" / "library.ipynb"


def texts(notebook):
    """What each cell printed."""
    return [
        "".join(out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.slow
def test_the_notebook_runs_and_draws(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    committed = texts(notebook)
    # outputs of a run never come from the file: the client clears them cell by cell
    folder = {"metadata": {"path": tmp_path}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert len([out for out in outputs if "image/png" in out.get("data", {})]) >= 7
    assert not [out for out in outputs if out.output_type == "error"]
    ran = texts(notebook)
    assert [text.count("\n") for text in ran] == [text.count("\n") for text in committed]
    assert "degrees per 1/255" in "".join(ran)
