#!/usr/bin/env bash
# Snakemake 9.27.1: inputs in another order do not run a job again, though its command is another one.
#
# Guess, before it was run: the command has changed, so the job runs again.
# Seen: "Nothing to be done". Inputs are compared as a set, and the command is compared with its placeholders.
# Source: snakemake/persistence, `input_changed` (a symmetric difference of sets).
# For an analysis: image and background that change places give no new result.
. "$(dirname "$0")/common.sh"
installs snakemake==9.27.1
echo 5 >image.txt
echo 3 >background.txt
cat >Snakefile <<'END'
rule subtract:
    input: config["files"].split(",")
    output: "out.txt"
    shell: "echo $(( $(cat {input[0]}) - $(cat {input[1]}) )) > {output}"
END
snakemake --cores 1 --quiet all --config files=image.txt,background.txt 2>/dev/null
{
    snakemake --cores 1 --config files=background.txt,image.txt 2>&1 | grep -o "Nothing to be done"
    cat out.txt
} >out
seen "$0" <<'END'
Nothing to be done
2
END
