"""The options of Snakemake with which it does nothing but run a project."""

from __future__ import annotations

_SAFE = """
apptainer_args apptainer_prefix benchmark_extended conda_base_path conda_cleanup_pkgs conda_frontend
conda_not_block_search_path_envvars conda_prefix config configfile cores debug default_resources directory
dryrun envvars executor force_use_threads group_components ignore_incomplete immediate_submit
job_deploy_sources jobname jobs jobscript keep_going keep_incomplete latency_wait local_cores
local_storage_prefix logger max_checksum_file_size max_inventory_time max_jobs_per_second
max_jobs_per_timespan max_status_checks_per_second max_threads nocolor nolock precommand printshellcmds
profile quiet remote_job_local_storage_prefix replace_workflow_config rerun_incomplete rerun_triggers
resources retries runtime_profile runtime_source_cache_path scheduler scheduler_greediness
scheduler_greedy_greediness scheduler_greedy_omit_prioritize_by_temp_and_input scheduler_ilp_solver
scheduler_ilp_solver_path scheduler_solver_path scheduler_subsample seconds_between_status_checks
set_resource_scopes set_resources set_threads shadow_prefix shared_fs_usage show_failed_logs
skip_script_cleanup snakefile software_deployment_method trust_io_cache use_apptainer use_conda verbose
workflow_profile wrapper_prefix
"""
SAFE = frozenset(_SAFE.split())
"""Options of Snakemake with which a rule that has nothing to do is not missed. With any other one, those of
tomorrow included, all jobs have their rules."""
