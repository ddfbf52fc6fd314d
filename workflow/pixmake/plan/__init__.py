"""From config and table to jobs. Nothing here knows Snakemake.

``kinds/`` has what is known of each kind of step before a run; its other half, which does the work, is in
``job/runners``. `plan` puts it together: a job for each image and step, and what each needs.
"""
