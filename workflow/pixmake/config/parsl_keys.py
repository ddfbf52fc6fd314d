"""The classes of Parsl 2026.10 and their keys: what each is here, or why it is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROFILES: Mapping[str, str] = {
    "SlurmProvider": "slurm",
    "LSFProvider": "lsf",
    "PBSProProvider": "pbs",
    "TorqueProvider": "pbs",
    "GridEngineProvider": "sge",
    "CondorProvider": "htcondor",
    "KubernetesProvider": "kubernetes",
}
"""Parsl's providers of a cluster, and the profile for each."""

CLOUDS = ("AWSProvider", "AzureProvider", "GoogleCloudProvider")
"""Parsl's providers that rent machines; pixmake rents none."""

EXECUTORS = ("ThreadPoolExecutor", "HighThroughputExecutor")
OTHER_EXECUTORS = (
    "MPIExecutor",
    "WorkQueueExecutor",
    "FluxExecutor",
    "GlobusComputeExecutor",
    "TaskVineExecutor",
)
"""Parsl's executors that speak with systems of their own."""

PROVIDERS = ("LocalProvider", *PROFILES)

TAKEN = {
    *("class", "label", "provider", "max_threads", "max_workers", "max_workers_per_node"),
    *("cores_per_worker", "mem_per_worker", "available_accelerators"),
    *("partition", "queue", "account", "project", "qos", "constraint", "clusters", "gres", "walltime"),
    *("cores_per_node", "cpus_per_node", "cores_per_slot", "cores_per_block", "max_blocks"),
    *("mem_per_node", "mem_per_slot", "gpus_per_node", "select_options", "scheduler_options"),
    *("max_cpu", "max_mem"),
}
"""Keys that say something here, too …"""

TAKEN_HERE = {
    *("class", "label", "provider", "max_threads", "max_workers", "max_workers_per_node"),
    *("cores_per_worker", "mem_per_worker", "available_accelerators"),
}
"""… and of them those that do so of an executor on this machine."""

_TO_PARSL = "it is about Parsl's own processes, of which there are none here"
_BLOCKS = "cluster jobs are sent as there is work for them; `jobs` in the profile is the most at a time"
_POD = "write it into the profile or give it to Snakemake: see docs/kubernetes.md"
LEFT: Mapping[str, str] = {
    "worker_init": "do it before you start pixmake",
    "nodes_per_block": "one cluster job has one node here",
    "strategy": _BLOCKS,
    **dict.fromkeys(("strategy_period", "max_idletime", "init_blocks", "min_blocks", "parallelism"), _BLOCKS),
    "exclusive": "a cluster job takes the cores that it asks for; `flags: --exclusive` of the executor, all",
    "retries": "write `retries` into the steps",
    "retry_handler": "write `retries` into the steps",
    "memoizer": "results that are there are not made again",
    "launcher": "one cluster job is one Snakemake on one node",
    "launch_cmd": _TO_PARSL,
    "cpu_affinity": "`flags` of the executor may ask the scheduler for it",
    "run_dir": "logs are under logs/, see docs/failures.md",
    "working_dir": "a run works in the project's folder, which nodes share",
    "storage_access": "`storage` in config.yaml says how objects are reached",
    "transfer_input_files": "nodes share the project's folder",
    "environment": "jobs get the environment in which Snakemake was started",
    "requirements": "give it as the executor's resource `classad_Requirements`: see docs/htcondor.md",
    "request_by_nodes": "one cluster job has one node here",
    "bsub_redirection": _TO_PARSL,
    "monitoring": "`pixmake status --watch` shows a run",
    "usage_tracking": "pixmake tells nobody of a run",
    **dict.fromkeys(
        (
            *(
                "dependency_resolver",
                "exit_mode",
                "garbage_collect",
                "internal_tasks_max_threads",
                "std_autopath",
            ),
            *("project_name", "initialize_logging", "thread_name_prefix", "remote_monitoring_radio"),
            *("interchange_launch_cmd", "address", "loopback_address", "worker_port", "worker_port_range"),
            *("interchange_port_range", "worker_debug", "prefetch_capacity", "heartbeat_threshold"),
            *(
                "heartbeat_period",
                "drain_period",
                "poll_period",
                "address_probe_timeout",
                "worker_logdir_root",
            ),
            *("manager_selector", "block_error_handler", "encrypted", "managed", "channel", "move_files"),
            *("regex_job_id", "cmd_timeout", "status_batch_size", "cmd_chunk_size", "checkpoint_mode"),
            *("checkpoint_files", "checkpoint_period", "app_cache", "worker_ports", "interchange_address"),
        ),
        _TO_PARSL,
    ),
    **dict.fromkeys(
        (
            *("image", "namespace", "init_cpu", "init_mem", "extra_requests", "extra_limits", "pod_name"),
            *("user_id", "group_id", "run_as_non_root", "secret", "persistent_volumes"),
            *("service_account_name", "annotations"),
        ),
        _POD,
    ),
}
"""Keys of Parsl's that say nothing here, and what does instead."""


def is_parsl(content: Mapping[str, Any]) -> bool:
    """Whether the content of a file of settings is Parsl's, and not ours."""
    return isinstance(content.get("parsl"), dict) or isinstance(content.get("executors"), list)
