#!/usr/bin/env bash
# Snakemake 9.27.1: `runtime: 1.5h` and `5400s` are 90 minutes, `1h30m` is an error.
#
# Guess, before it was run: 1h30m, as people write it, is 90 minutes too.
# Seen: a WorkflowError while the rule is read; the others give 90.
# Source: humanfriendly.parse_timespan, which Snakemake calls, takes one number and one unit.
. "$(dirname "$0")/common.sh"
installs snakemake==9.27.1
cat >Snakefile <<'END'
rule measure:
    output: "out.txt"
    resources: runtime=config["runtime"]
    shell: "echo {resources.runtime} > {output}"
END
for runtime in 90m 1.5h 5400s 1h30m; do
    rm -f out.txt
    snakemake --cores 1 --quiet all --config runtime="$runtime" >/dev/null 2>&1 || true
    echo "$runtime $(cat out.txt 2>/dev/null || echo error)"
done >out
seen "$0" <<'END'
90m 90
1.5h 90
5400s 90
1h30m error
END
