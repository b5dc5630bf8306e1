"""Database servers for trials: started on a free port in a folder of their own, stopped and removed at the end.

Tests and benchmarks start theirs here. Nothing asks for a server that is already running, and nothing is shared between two
processes. PostgreSQL and MariaDB refuse to run as root, so root starts them under the users that their packages create.
"""

import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
PASSWORD = "pa;ss}w@rd/1"  # noqa: S105 - of invented logins; the odd characters are there to be escaped
"""Password of every login made here. It holds what connection strings and URLs must escape."""


@dataclass
class Server:
    """A server that this process started.

    Attributes:
        process: the server's own process, for tests that stop or kill it.
        make: creates an empty database of the given name.
    """

    kind: str
    host: str
    port: int
    process: "subprocess.Popen[bytes]"
    folder: Path
    admin: str
    make: Callable[["Server", str], None]
    _names: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str, user: str | None = None) -> str:
        """A SQLAlchemy URL of one database; of the admin login, or of another with the common password."""
        driver = {"postgres": "postgresql+psycopg2", "mariadb": "mysql+pymysql"}[self.kind]
        from sqlalchemy import URL

        url = URL.create(
            driver,
            username=user or self.admin,
            password=PASSWORD,
            host=self.host,
            port=self.port,
            database=database,
            query={"charset": "utf8mb4"} if self.kind == "mariadb" else {},
        )
        return url.render_as_string(hide_password=False)

    def odbc(self, database: str, user: str | None = None) -> str:
        """An ODBC connection string of one database, values in braces where they need them."""
        driver = {"postgres": "PostgreSQL Unicode", "mariadb": "MariaDB Unicode"}[self.kind]
        password = "{" + PASSWORD.replace("}", "}}") + "}"
        return (
            f"Driver={{{driver}}};Server={self.host};Port={self.port};Database={database};"
            f"UID={user or self.admin};PWD={password}"
        )

    def new_database(self) -> str:
        """The name of a new, empty database."""
        name = f"trial_{next(self._names)}"
        self.make(self, name)
        return name


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(name: str, *folders: str) -> str | None:
    found = shutil.which(name)
    if found:
        return found
    for folder in folders:
        for path in sorted(Path("/").glob(f"{folder.lstrip('/')}/{name}"), reverse=True):
            return str(path)
    return None


def _runs_as(user: str) -> list[str] | None:
    """The words to put before a command so that it does not run as root; None when that cannot be done."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    try:
        pwd.getpwnam(user)
    except KeyError:
        return None
    return [setpriv, f"--reuid={user}", f"--regid={user}", "--init-groups"] if setpriv else None


@functools.cache
def missing_server(kind: str) -> str | None:
    """Why a server (``postgres``, ``mariadb``) cannot be had on this machine, or None."""
    if kind == "postgres":
        return _missing_server("PostgreSQL", "postgres", _postgres_programs())
    return _missing_server("MariaDB", "mysql", _mariadb_programs())


def _missing_server(label: str, user: str, programs: Sequence[str | None]) -> str | None:
    if not all(programs):
        return f"{label} is not installed"
    if _runs_as(user) is None:
        return f"{label} cannot run as root here and there is no user {user}"
    return None


def _postgres_programs() -> list[str | None]:
    folder = "/usr/lib/postgresql/*/bin"
    return [_program("initdb", folder), _program("postgres", folder)]


def _mariadb_programs() -> list[str | None]:
    return [_program("mariadb-install-db"), _program("mariadbd", "/usr/sbin")]


@contextlib.contextmanager
def _server_folder(user: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="s2s-server-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user, user)
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str], log: Path) -> None:
    with log.open("ab") as out:
        done = subprocess.run(  # noqa: S603 - programs found above, words of our own
            command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, cwd="/"
        )
    if done.returncode:
        raise RuntimeError(f"{command[-1]} failed:\n{log.read_text(errors='replace')[-2000:]}")


def _start(command: Sequence[str], user: str, log: Path, farewell: str) -> "subprocess.Popen[bytes]":
    prefix = _runs_as(user) or []
    # The kernel ends the server when this process dies without being able to.
    setpriv = shutil.which("setpriv")
    if setpriv:
        prefix = [*(prefix or [setpriv]), "--pdeathsig", farewell]
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - as above
            [*prefix, *command], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd="/"
        )


def _wait(process: "subprocess.Popen[bytes]", answers: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if answers():
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def postgres(*, is_durable: bool = False) -> Iterator[Server]:
    """A PostgreSQL of its own, stopped and removed at the end; a ``durable`` one waits for the disk as one in earnest does."""
    initdb, program = _postgres_programs()
    with _server_folder("postgres") as folder:
        log = folder / "server.log"
        secret = folder / "password"
        secret.write_text(PASSWORD + "\n")
        if os.geteuid() == 0:
            shutil.chown(secret, "postgres", "postgres")
        options = ["-D", f"{folder}/data", "-U", "trial", "-A", "scram-sha-256", f"--pwfile={secret}"]
        _run([*(_runs_as("postgres") or []), str(initdb), *options, "-E", "UTF8", "--locale=C", "--no-sync"], log)
        port = free_port()
        quick = [] if is_durable else ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        quick += [f"unix_socket_directories={folder}", f"port={port}", "listen_addresses=127.0.0.1"]
        quick += ["max_connections=60", "logging_collector=off"]
        command = [str(program), "-D", f"{folder}/data", *itertools.chain(*(("-c", q) for q in quick))]
        process = _start(command, "postgres", log, "INT")
        server = Server("postgres", "127.0.0.1", port, process, folder, "trial", _make_postgres_database)
        try:
            _wait(process, lambda: _answers(server, "postgres"), log)
            yield server
        finally:
            _stop(process, signal.SIGQUIT)  # at once: nothing of it is needed any more


@contextlib.contextmanager
def mariadb() -> Iterator[Server]:
    """A MariaDB of its own, stopped and removed at the end."""
    install, program = _mariadb_programs()
    with _server_folder("mysql") as folder:
        log = folder / "server.log"
        base = ["--no-defaults", f"--datadir={folder}/data"]
        install_words = [str(install), *base, "--auth-root-authentication-method=normal", "--skip-test-db"]
        _run([*(_runs_as("mysql") or []), *install_words], log)
        grants = folder / "grants.sql"
        grants.write_text(
            f"CREATE USER 'trial'@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO 'trial'@'%' WITH GRANT OPTION;\n"
        )
        port = free_port()
        quick = [
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder}/mariadb.sock",
            f"--init-file={grants}",
        ]
        quick += ["--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--innodb-buffer-pool-size=64M"]
        quick += ["--innodb-flush-method=nosync", "--skip-innodb-doublewrite", "--sync-frm=0"]
        quick += [
            "--default-time-zone=+02:00",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            f"--pid-file={folder}/mariadb.pid",
        ]
        process = _start([str(program), *base, *quick], "mysql", log, "TERM")
        server = Server("mariadb", "127.0.0.1", port, process, folder, "trial", _make_mariadb_database)
        try:
            _wait(process, lambda: _answers(server, "mysql"), log)
            yield server
        finally:
            _stop(process, signal.SIGKILL)  # at once: nothing of it is needed any more


def _engine(server: Server, database: str) -> "sa.Engine":
    import sqlalchemy as sa

    return sa.create_engine(server.url(database), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")


def _answers(server: Server, database: str) -> bool:
    import sqlalchemy as sa

    engine = _engine(server, database)
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(sa.text("SELECT 1")) == 1)
    except sa.exc.DBAPIError:
        return False
    finally:
        engine.dispose()


def _make_postgres_database(server: Server, name: str) -> None:
    _execute(server, "postgres", f'CREATE DATABASE "{name}"')


def _make_mariadb_database(server: Server, name: str) -> None:
    _execute(server, "mysql", f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")


def _execute(server: Server, database: str, statement: str) -> None:
    engine = _engine(server, database)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
