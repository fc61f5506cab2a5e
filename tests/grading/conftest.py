"""A submission of dot_interaction, as a file and judged."""

import nbformat
import pytest

from microdlrm.grading import submissions


@pytest.fixture
def notebook(tmp_path):
    """Write a notebook of these cells; its path."""

    def write(*sources):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "ann.ipynb")
        return tmp_path / "ann.ipynb"

    return write


@pytest.fixture
def judged():
    """(passed, mistake) of dot_interaction in a file, judged in this process."""

    def judge(path):
        (found,) = submissions.judge_file(path, ["dot_interaction"], 2**31)
        return found

    return judge
