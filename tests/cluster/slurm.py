"""A real SLURM cluster on this one machine, loopback only: munge, slurmctld, accounting and its nodes.

Each node has its own process, host name and mount namespace, so that the end of one process is a power
cut of that node. Debian, root. Nothing is ended by name: every part is known by the number of its process.

    python tests/cluster/slurm.py start FOLDER     # prints the nodes
    python tests/cluster/slurm.py stop FOLDER
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import psutil
from tests.cluster import processes
from tests.cluster.processes import wait_for

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge", "slurmdbd", "mariadb-server")
CONFIGURATION = Path("/etc/slurm")
"""Where it must be: SLURM's own variable for it does not survive `srun` in every executor."""

NODES, CPUS, MEMORY_MB = 2, 4, 6000
CONTROL, ACCOUNTS, DATABASE, FIRST_NODE = 26817, 26819, 23307, 27001  # ports

DAEMONS = ("slurmd",)
"""What speaks with the rest of the cluster on a node."""

ACCOUNTING = """\
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={accounts}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_accounts
"""

CLUSTER = """\
ClusterName=pixmake
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
StateSaveLocation={folder}/state
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool/%n
# no control groups: a container may have none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
# memory is looked at every second, and too much of it ends the job, as with control groups
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
# nodes offer what is written here, whatever this machine has; what can never run is refused
SlurmdParameters=config_overrides
EnforcePartLimits=ALL
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# be quick: tests wait
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
SlurmdTimeout=8
KillWait=2
OverTimeLimit=0
ReturnToService=2
MinJobAge=600
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounts}
AccountingStoragePass={folder}/munge.sock
{nodes}
PartitionName=main Nodes=ALL Default=YES LLN=YES DefMemPerCPU=500
"""

SQL = """\
CREATE DATABASE IF NOT EXISTS slurm_accounts;
CREATE USER IF NOT EXISTS slurm@'127.0.0.1' IDENTIFIED BY 'slurm';
GRANT ALL ON slurm_accounts.* TO slurm@'127.0.0.1';
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs, and the folder with all that it writes."""

    folder: Path

    @property
    def nodes(self) -> list[str]:
        """The names of its nodes."""
        return [f"node{number + 1}" for number in range(NODES)]

    def power_cut(self, node: str) -> None:
        """End a node with everything that runs on it."""
        processes.end(self.folder / f"{node}.pid", "unshare", signal.SIGKILL)

    def cut_off(self, node: str) -> None:
        """Take a node from the network: to its cluster it is lost, but what runs on it goes on."""
        for process in self._daemons(node):
            process.send_signal(signal.SIGSTOP)
        # it would find out by itself, and until then send more jobs there
        self._set(node, "State=DOWN", "Reason=cut off")

    def reconnect(self, node: str) -> None:
        """Bring it back, and wait until it has ended the jobs that are not its own any more."""
        for process in self._daemons(node):
            process.send_signal(signal.SIGCONT)

        def is_back() -> bool:
            if _idle(self.nodes):
                return not self.at_work(node)
            # who has told its cluster by itself that it is back (ReturnToService) cannot be resumed; who is
            # found to be lost in this moment, though it goes on, has to be
            with contextlib.suppress(subprocess.CalledProcessError):
                self._set(node, "State=RESUME")
            return False

        try:
            wait_for(is_back, f"{node} is idle")
        except RuntimeError as error:
            states = subprocess.run(["sinfo", "-N", "-h"], capture_output=True, text=True, check=False).stdout
            error.add_note(f"{states}\nat work: {self.at_work(node)}")
            raise

    def at_work(self, node: str) -> list[str]:
        """The commands of jobs that run on a node."""
        words = [process.info["cmdline"] or [] for process in self._processes(node)]
        return [" ".join(line) for line in words if "snakemake" in " ".join(line)]

    def _set(self, node: str, *words: str) -> None:
        words = ("scontrol", "update", f"NodeName={node}", *words)
        subprocess.run(words, check=True, capture_output=True)

    def _daemons(self, node: str) -> list[psutil.Process]:
        return [process for process in self._processes(node) if process.info["name"] in DAEMONS]

    def _processes(self, node: str) -> list[psutil.Process]:
        around = psutil.Process(int((self.folder / f"{node}.pid").read_text()))
        children = around.children(recursive=True)
        for process in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.info = process.as_dict(["name", "cmdline"])
        return [process for process in children if hasattr(process, "info")]

    def power_on(self, node: str) -> None:
        """Start a node again, and wait until it takes jobs."""
        _start_node(self.folder, node)
        number = self.nodes.index(node)
        wait_for(lambda: processes.listens(FIRST_NODE + number), f"{node} listens")
        wait_for(lambda: _idle(self.nodes), f"{node} is idle")


def installed() -> bool:
    """Whether everything that is needed is there."""
    programs = ("slurmctld", "slurmd", "slurmdbd", "sbatch", "munged", "mariadbd", "unshare")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return all(shutil.which(program, path=path) for program in programs)


def install() -> None:
    """Install Debian's packages."""
    processes.install(PACKAGES)


def start(folder: Path) -> Cluster:
    """Start a cluster.

    Raises
    ------
    RuntimeError
        A part of it does not come up in time, or another cluster's configuration is there.
    """
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir(exist_ok=True)
    _start_munge(folder)
    _start_accounting(folder)
    _start_control(folder)
    cluster = Cluster(folder)
    for node in cluster.nodes:
        _start_node(folder, node)
    wait_for(lambda: _idle(cluster.nodes), "all nodes are idle")
    return cluster


def stop(folder: Path) -> None:
    """Stop what `start` started, jobs included."""
    processes.end(folder / "slurmctld.pid", "slurmctld", signal.SIGTERM)
    for node in Cluster(folder).nodes:
        processes.end(folder / f"{node}.pid", "unshare", signal.SIGKILL)
    for name in ("slurmdbd", "mariadbd", "munged"):
        processes.end(folder / f"{name}.pid", name, signal.SIGTERM)
    for name in ("slurm.conf", "slurmdbd.conf"):
        link = CONFIGURATION / name
        if link.is_symlink() and Path(os.readlink(link)) == folder / name:
            link.unlink()


def _start_munge(folder: Path) -> None:
    if processes.alive(folder / "munged.pid", "munged"):
        return
    key = folder / "munge.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
    files = {"socket": "munge.sock", "key-file": "munge.key", "pid-file": "munged.pid"}
    files |= {"seed-file": "munge.seed", "log-file": "munged.log"}
    options = [f"--{option}={folder / name}" for option, name in files.items()]
    subprocess.run(["munged", "--force", *options], check=True)


def _start_accounting(folder: Path) -> None:
    if not processes.alive(folder / "mariadbd.pid", "mariadbd"):
        data = folder / "database"
        if not (data / "mysql").is_dir():
            data.mkdir(exist_ok=True)
            shutil.chown(data, "mysql")
            with (folder / "install-database.log").open("w") as log:
                command = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}"]
                subprocess.run([*command, "--skip-test-db"], check=True, stdout=log, stderr=log)
        (folder / "database.sql").write_text(SQL)
        options = ["--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={data / 'socket'}"]
        options += [f"--init-file={folder / 'database.sql'}", "--bind-address=127.0.0.1"]
        options += [f"--port={DATABASE}", "--skip-name-resolve", "--innodb-buffer-pool-size=64M"]
        options += ["--innodb-lock-wait-timeout=900", "--innodb-flush-log-at-trx-commit=0"]
        processes.in_background(folder, "mariadbd", ["mariadbd", *options])
        wait_for(lambda: processes.listens(DATABASE), "MariaDB listens")
    if not processes.alive(folder / "slurmdbd.pid", "slurmdbd"):
        _configure(folder, "slurmdbd.conf", ACCOUNTING)
        subprocess.run(["slurmdbd"], check=True)
        wait_for(lambda: processes.listens(ACCOUNTS), "slurmdbd listens")


def _start_control(folder: Path) -> None:
    if processes.alive(folder / "slurmctld.pid", "slurmctld"):
        return
    _configure(folder, "slurm.conf", CLUSTER)
    subprocess.run(["slurmctld"], check=True)
    wait_for(lambda: processes.listens(CONTROL), "slurmctld listens")


def _start_node(folder: Path, node: str) -> None:
    if processes.alive(folder / f"{node}.pid", "unshare"):
        return
    hosts = folder / f"{node}.hosts"
    hosts.write_text(Path("/etc/hosts").read_text() + f"127.0.0.1 {node}\n")
    inside = 'mount --bind "$2" /etc/hosts; hostname "$1"; slurmd -D -N "$1"; :'
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]
    processes.in_background(folder, node, [*unshare, "bash", "-c", inside, "bash", node, str(hosts)])


def _configure(folder: Path, name: str, text: str) -> None:
    link = CONFIGURATION / name
    if link.exists() and not link.is_symlink():
        raise RuntimeError(f"{link} is another cluster's")
    nodes = [
        f"NodeName=node{number + 1} NodeAddr=127.0.0.1 Port={FIRST_NODE + number} CPUs={CPUS} "
        f"RealMemory={MEMORY_MB}"
        for number in range(NODES)
    ]
    filled = text.format(
        folder=folder,
        host=platform.node().split(".")[0],
        control=CONTROL,
        accounts=ACCOUNTS,
        database=DATABASE,
        nodes="\n".join(nodes),
    )
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(filled)
    path.chmod(0o600 if name == "slurmdbd.conf" else 0o644)
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(path)


def _idle(nodes: Sequence[str]) -> bool:
    words = ["sinfo", "--noheader", "--Node", "--states=idle,alloc,mix", "--format=%N"]
    listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
    return set(nodes) <= set(listed)


if __name__ == "__main__":
    if sys.argv[1] == "start":
        if not installed():
            install()
        print(*start(Path(sys.argv[2]).resolve()).nodes)
    else:
        stop(Path(sys.argv[2]).resolve())
