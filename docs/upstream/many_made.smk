# One rule whose inputs are each made by a job of its own, all of which are done: only that one runs.
#
#   snakemake -s many_made.smk --cores 1 --config rules=3000
from pathlib import Path

N = config.get("rules", 3000)
Path("made").mkdir(exist_ok=True)
for number in range(N):
    path = Path(f"made/{number}")
    if not path.exists():
        path.write_text(f"{number}\n")


rule all:
    input:
        "gathered",


rule one:
    output:
        "made/{number}",
    shell:
        "echo {wildcards.number} > {output}"


rule gather:
    input:
        [f"made/{number}" for number in range(N)],
    output:
        "gathered",
    shell:
        "touch {output}"
