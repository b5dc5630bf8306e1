import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from s2s_pipelines.cli import COMMANDS, main


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_found_and_explains_itself(name):
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, click.Command)
    assert command.help
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_help_lists_every_command_without_importing_any():
    code = (
        "import sys\nfrom s2s_pipelines.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in sys.modules if m.startswith('s2s_pipelines.') and m != 's2s_pipelines.cli'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name, entry in COMMANDS.items():
        assert name in done.stdout
        assert entry.summary[:40] in done.stdout


def test_mistyped_command_is_answered_with_the_near_miss():
    result = CliRunner().invoke(main, ["chek"])
    assert result.exit_code == 2
    assert "Did you mean check?" in result.output
