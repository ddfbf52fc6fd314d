#!/usr/bin/env bash
# Snakemake 9.27.1: two params of a rule that swap their values do not run it again.
#
# Guess, before it was run: each param is compared by its name, so the job runs again.
# Seen: "Nothing to be done". Params are kept, and compared, as a set of values without their names.
# Source: snakemake/persistence, `params` and `params_changed`: the record of an output has a sorted list of texts.
# For an analysis: `low: 10, high: 200` and `low: 200, high: 10` count as one state, and the old table stays.
. "$(dirname "$0")/common.sh"
installs snakemake==9.27.1
cat >Snakefile <<'END'
rule measure:
    output: "out.txt"
    params: low=config["low"], high=config["high"]
    shell: "echo {params.low} {params.high} > {output}"
END
snakemake --cores 1 --quiet all --config low=10 high=200 2>/dev/null
{
    snakemake --cores 1 --config low=200 high=10 2>&1 | grep -o "Nothing to be done"
    cat out.txt
} >out
seen "$0" <<'END'
Nothing to be done
10 200
END
