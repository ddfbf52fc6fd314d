"""Rounds of the scheduler: nothing but an ended job asks for one on this machine."""

from types import SimpleNamespace

import pytest
from snakemake.settings.types import MaxJobsPerTimespan, SchedulingSettings

from pixmake.pacing import pace


def paced(limit, *, subsample=32, cores=2, local=True):
    parsed = None if limit is None else MaxJobsPerTimespan.parse_choice(limit)
    settings = SchedulingSettings(subsample=subsample, max_jobs_per_timespan=parsed)
    resources = SimpleNamespace(cores=cores)
    pace(SimpleNamespace(scheduling_settings=settings, resource_settings=resources, local_exec=local))
    return settings


def test_the_default_limit_is_taken_from_a_local_run():
    assert paced("100/1s").max_jobs_per_timespan is None


def test_a_limit_of_ones_own_and_that_of_a_cluster_stay():
    assert paced("5/1m").max_jobs_per_timespan.max_jobs == 5
    assert paced("100/1s", local=False).max_jobs_per_timespan.max_jobs == 100


@pytest.mark.parametrize(("subsample", "cores", "becomes"), [(32, 2, 32), (32, 64, 64), (None, 64, None)])
def test_one_round_can_fill_all_cores(subsample, cores, becomes):
    assert paced("100/1s", subsample=subsample, cores=cores).subsample == becomes


def test_without_cores_or_a_limit_nothing_is_changed():
    assert paced(None).subsample == 32
    assert paced("100/1s", cores=None).max_jobs_per_timespan.max_jobs == 100
