#!/usr/bin/env bash
# Snakemake 9.27.1: a file of `script:` that has a new date, and the same text, runs its jobs again.
#
# Guess, before it was run: the reason is called "code has changed", so the text is compared; nothing runs.
# Seen: the job runs again with the reason "Code has changed since last execution".
# Source: snakemake/jobs and dag, `outputs_older_than_script_or_notebook`: the date counts as a change of code.
# For an analysis: a fresh clone, or a checkout of a branch and back, measures all images again.
. "$(dirname "$0")/common.sh"
installs snakemake==9.27.1
cat >Snakefile <<'END'
rule measure:
    output: "out.txt"
    script: "measure.py"
END
echo 'open(snakemake.output[0], "w").write("1")' >measure.py
snakemake --cores 1 --quiet all 2>/dev/null
sleep 1.1
touch measure.py
snakemake --cores 1 --dry-run 2>&1 | grep -o "reason: Code has changed since last execution" >out
seen "$0" <<'END'
reason: Code has changed since last execution
END
