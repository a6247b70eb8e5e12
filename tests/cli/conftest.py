"""The command line, called as a shell calls it."""

import shlex

import pytest

from lrviz import cli


@pytest.fixture
def lrviz(capsys):
    def call(command):
        with pytest.raises(SystemExit) as stop:
            cli.main(shlex.split(command))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return stop.value.code or 0, captured.out, captured.err

    return call
