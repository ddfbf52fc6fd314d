# Many jobs that are done, whose params are functions, and no environment: each is asked for its params to know that.
#
#   snakemake -s many_params.smk -n --quiet all --rerun-triggers mtime --config jobs=1000
from pathlib import Path

N = config.get("jobs", 1000)
Path("made").mkdir(exist_ok=True)
for number in range(N):
    Path(f"made/{number}").touch()


def counted(wildcards):
    return sum(ord(letter) for letter in wildcards.name * 2000)


rule all:
    input:
        [f"made/{number}" for number in range(N)],


rule one:
    output:
        "made/{name}",
    params:
        counted=counted,
        twice=lambda wildcards: 2 * counted(wildcards),
    shell:
        "echo {params.counted} {params.twice} > {output}"
