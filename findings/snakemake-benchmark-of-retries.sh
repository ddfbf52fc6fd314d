#!/usr/bin/env bash
# Snakemake 9.27.1: the `benchmark` of a job that failed once and was tried again holds the last attempt alone.
#
# Guess, before it was run: a row an attempt, so that the time of both is counted.
# Seen: one row (and the header).
# Source: the file is written by the attempt that succeeds, anew.
# For an analysis: what retries have cost is in no benchmark.
. "$(dirname "$0")/common.sh"
installs snakemake==9.27.1
cat >Snakefile <<'END'
rule measure:
    output: "out.txt"
    benchmark: "benchmark.tsv"
    retries: 2
    shell: "test -e tried || {{ touch tried; exit 1; }}; echo 1 > {output}"
END
snakemake --cores 1 --quiet all >/dev/null 2>&1
{
    cat out.txt
    tail -n +2 benchmark.tsv | wc -l | tr -d ' '
} >out
seen "$0" <<'END'
1
1
END
