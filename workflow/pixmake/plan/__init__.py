"""From config and table to jobs; nothing here knows Snakemake."""
