"""A real Grid Engine on this one machine: a master and its nodes, in networks of their own.

Master and nodes have each a host name and a network, which lead to each other and nowhere else; a node
has its own processes too, so that the end of one process is a power cut of it. `qsub` and the other
commands are found in the folder's `bin`, from which they enter the master's network; everything else
stays where it is. Debian, root. Nothing is ended by name.

    python tests/cluster/gridengine.py start FOLDER    # prints the folder of commands
    python tests/cluster/gridengine.py stop FOLDER
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import psutil
from tests.cluster import processes
from tests.cluster.processes import wait_for

PACKAGES = ("gridengine-master", "gridengine-exec", "gridengine-client", "iproute2")
COMMANDS = ("qsub", "qstat", "qacct", "qdel", "qconf", "qmod", "qalter", "qhost")
SHARED = Path("/usr/share/gridengine")

NODES, SLOTS = 2, 4
PORTS = {"SGE_QMASTER_PORT": "6544", "SGE_EXECD_PORT": "6545"}
ADDRESS = "10.207.41."
"""Of a network that is seen by the cluster alone."""

BOOTSTRAP = """\
admin_user none
default_domain none
ignore_fqdn true
spooling_method classic
spooling_lib libspoolc
spooling_params {folder}/cell/common;{folder}/qmaster
binary_path /usr/sbin
qmaster_spool_dir {folder}/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
"""

CONFIGURATION = {
    "execd_spool_dir": "{folder}/execd",
    "mailer": "/bin/true",
    "administrator_mail": "none",
    "min_uid": "0",
    "min_gid": "0",
    # be quick: tests wait
    "load_report_time": "00:00:02",
    "max_unheard": "00:00:20",
    "reporting_params": "accounting=true reporting=false flush_time=00:00:01 "
    "accounting_flush_time=00:00:00 joblog=false sharelog=00:00:00",
}
"""What is not as Debian has it: in all else this is a cluster that someone has just installed."""

SCHEDULING = {"schedule_interval": "0:0:1", "flush_submit_sec": "1", "flush_finish_sec": "1"}

QUEUE = {
    "qname": "all.q",
    "hostlist": "{nodes}",
    "slots": str(SLOTS),
    "pe_list": "smp",
    "shell": "/bin/csh",
    "rerun": "FALSE",
    "load_thresholds": "NONE",
}
"""Its shell is csh, as it is by default: what is not said on submission is run by that."""

PARALLEL = """\
pe_name smp
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule $pe_slots
control_slaves FALSE
job_is_first_task TRUE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
"""

CLIENT = """\
#!/bin/sh
# on a node it is at home; elsewhere it enters the master's network
case $(uname -n) in
node*) exec /usr/bin/{command} "$@" ;;
esac
exec nsenter --target {head} --net --uts --mount --wd="$PWD" /usr/bin/{command} "$@"
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs, and the folder with all that it writes."""

    folder: Path

    @property
    def nodes(self) -> list[str]:
        """The names of its nodes."""
        return [f"node{number + 1}" for number in range(NODES)]

    @property
    def environment(self) -> dict[str, str]:
        """What finds this cluster's commands, and these their master."""
        own = {"SGE_ROOT": str(self.folder), "SGE_CELL": "cell", **PORTS}
        return {**own, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def ask(self, *words: str) -> str:
        """What one of its commands prints."""
        done = subprocess.run(
            [str(self.folder / "bin" / words[0]), *words[1:]],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def power_cut(self, node: str) -> None:
        """End a node with everything that runs on it."""
        processes.end(self.folder / f"{node}.pid", "unshare", signal.SIGKILL)

    def end_daemon(self, node: str) -> None:
        """End what speaks with the master on a node, and nothing else: jobs go on."""
        around = psutil.Process(int((self.folder / f"{node}.pid").read_text()))
        daemons = [each for each in around.children(recursive=True) if each.name() == "sge_execd"]
        for process in daemons:
            process.kill()
        psutil.wait_procs(daemons, 10)

    def power_on(self, node: str) -> None:
        """Start a node again, and wait until it takes jobs."""
        _start_node(self, node)
        wait_for(lambda: _up(self, node), f"{node} is up")


def installed() -> bool:
    """Whether everything that is needed is there."""
    programs = ("sge_qmaster", "sge_execd", "qsub", "unshare", "nsenter", "ip")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return all(shutil.which(program, path=path) for program in programs)


def install() -> None:
    """Install Debian's packages, without the cluster that they would make and start."""
    answers = [f"gridengine-{each} shared/gridengineconfig boolean false\n" for each in _PARTS]
    subprocess.run(["debconf-set-selections"], input="".join(answers), text=True, check=True)
    processes.install(PACKAGES)


_PARTS = ("common", "client", "exec", "master")


def start(folder: Path) -> Cluster:
    """Start a cluster.

    Raises
    ------
    RuntimeError
        A part of it does not come up in time.
    """
    cluster = Cluster(folder)
    for name in ("cell/common", "qmaster/job_scripts", "execd", "bin"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    _start_master(cluster)
    for host in ("head", *cluster.nodes):
        cluster.ask("qconf", "-as", host)
        cluster.ask("qconf", "-ah", host)
    for node in cluster.nodes:
        _start_node(cluster, node)
    wait_for(lambda: set(cluster.nodes) <= set(cluster.ask("qconf", "-sel").split()), "nodes are known")
    _configure(cluster)
    for node in cluster.nodes:
        wait_for(lambda name=node: _up(cluster, name), f"{node} is up")
    return cluster


def stop(folder: Path) -> None:
    """Stop what `start` started, jobs included."""
    for name in (*Cluster(folder).nodes, "head"):
        processes.end(folder / f"{name}.pid", "unshare", signal.SIGKILL)


_INSIDE = """\
mount --bind {folder}/hosts /etc/hosts
hostname {name}
ip link set lo up
"""
_HEAD = """\
ip link add name cluster type bridge
ip addr add {address}1/24 dev cluster
ip link set cluster up
SGE_ND=1 exec /usr/sbin/sge_qmaster
"""
_NODE = """\
until ip link show eth0 > /dev/null 2>&1; do sleep 0.05; done
ip addr add {address}{last}/24 dev eth0
ip link set eth0 up
SGE_ND=1 /usr/sbin/sge_execd
sleep infinity  # its jobs go on
"""


def _start_master(cluster: Cluster) -> None:
    folder = cluster.folder
    if processes.alive(folder / "head.pid", "unshare"):
        return
    lines = ["127.0.0.1 localhost", f"{ADDRESS}1 head"]
    lines += [f"{ADDRESS}{11 + number} {node}" for number, node in enumerate(cluster.nodes)]
    (folder / "hosts").write_text("\n".join(lines) + "\n")
    for name in ("util", "utilbin", "lib"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(Path("/var/lib/gridengine") / name)
    (folder / "cell/common/bootstrap").write_text(BOOTSTRAP.format(folder=folder))
    (folder / "cell/common/act_qmaster").write_text("head\n")
    _spool(cluster)
    script = (_INSIDE + _HEAD).format(folder=folder, name="head", address=ADDRESS)
    unshare = ["unshare", "--net", "--uts", "--mount", "--fork", "--kill-child"]
    head = processes.in_background(
        folder, "head", [*unshare, "bash", "-c", script], environment=cluster.environment
    )
    for command in COMMANDS:
        path = folder / "bin" / command
        path.write_text(CLIENT.format(command=command, head=head))
        path.chmod(0o755)
    wait_for(lambda: "head" in cluster.ask("qconf", "-sh"), "the master answers")


def _spool(cluster: Cluster) -> None:
    """What a master finds when it starts for the first time."""
    configuration = cluster.folder / "configuration"
    defaults = (SHARED / "default-configuration").read_text()
    configuration.write_text(_with(defaults, CONFIGURATION, cluster))
    resources = SHARED / "util/resources"
    programs = Path("/usr/lib/gridengine")
    for words in (
        [
            "spoolinit",
            "classic",
            "libspoolc",
            f"{cluster.folder}/cell/common;{cluster.folder}/qmaster",
            "init",
        ],
        ["spooldefaults", "configuration", str(configuration)],
        ["spooldefaults", "complexes", str(resources / "centry")],
        ["spooldefaults", "usersets", str(resources / "usersets")],
        ["spooldefaults", "managers", "root"],
    ):
        subprocess.run(
            [str(programs / words[0]), *words[1:]],
            env={**os.environ, **cluster.environment, "LD_LIBRARY_PATH": str(programs)},
            check=True,
            capture_output=True,
        )


def _start_node(cluster: Cluster, node: str) -> None:
    folder, number = cluster.folder, cluster.nodes.index(node)
    if processes.alive(folder / f"{node}.pid", "unshare"):
        return
    script = (_INSIDE + _NODE).format(folder=folder, name=node, address=ADDRESS, last=11 + number)
    unshare = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]
    pid = processes.in_background(
        folder, node, [*unshare, "bash", "-c", script], environment=cluster.environment
    )
    _in_head(
        cluster, f"until ip link add name {node} type veth peer name eth0 netns {pid}; do sleep 0.1; done"
    )
    _in_head(cluster, f"ip link set {node} master cluster up")


def _in_head(cluster: Cluster, script: str) -> None:
    head = (cluster.folder / "head.pid").read_text()
    subprocess.run(["nsenter", "--target", head, "--net", "bash", "-c", script], check=True, timeout=30)


def _configure(cluster: Cluster) -> None:
    """The scheduler, the parallel environment and the queue."""
    scheduling = _with(cluster.ask("qconf", "-ssconf"), SCHEDULING, cluster)
    queue = _with(_template(cluster), QUEUE, cluster)
    for option, text in (("-Msconf", scheduling), ("-Ap", PARALLEL), ("-Aq", queue)):
        path = cluster.folder / "wanted"
        path.write_text(text)
        cluster.ask("qconf", option, str(path))
    wait_for(lambda: "all.q" in cluster.ask("qconf", "-sql"), "the queue is there")


def _template(cluster: Cluster) -> str:
    """The queue that Grid Engine offers to whoever adds one."""
    done = subprocess.run(
        [str(cluster.folder / "bin/qconf"), "-aq"],
        env={**os.environ, **cluster.environment, "EDITOR": "/bin/cat"},
        capture_output=True,
        text=True,
        check=False,
    )
    return "\n".join(line for line in done.stdout.splitlines() if len(line.split()) > 1)


def _with(text: str, values: dict[str, str], cluster: Cluster) -> str:
    """A configuration with some of its values replaced."""
    lines = []
    for line in text.splitlines():
        key = line.split()[0] if line.split() else ""
        if key in values:
            line = f"{key} {values[key].format(folder=cluster.folder, nodes=' '.join(cluster.nodes))}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _up(cluster: Cluster, node: str) -> bool:
    """Whether a node has told its load, and its queue takes jobs."""
    lines = cluster.ask("qstat", "-f").splitlines()
    here = [line.split() for line in lines if line.startswith(f"all.q@{node}")]
    return bool(here) and len(here[0]) == 5 and here[0][3] != "-NA-"


if __name__ == "__main__":
    there = Path(sys.argv[2]).resolve()
    if sys.argv[1] == "start":
        if not installed():
            install()
        print(start(there).folder / "bin")
    else:
        stop(there)
