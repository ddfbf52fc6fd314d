# One rule with many inputs and several outputs: checksums of all inputs for each output.
#
#   snakemake -s many_inputs.smk --cores 1 --config inputs=3000 outputs=20
from pathlib import Path

N, M = config.get("inputs", 3000), config.get("outputs", 20)
Path("given").mkdir(exist_ok=True)
for number in range(N):
    path = Path(f"given/{number}")
    if not path.exists():
        path.write_text(f"{number}\n")


rule all:
    input:
        [f"gathered/{number}" for number in range(M)],


rule gather:
    input:
        [f"given/{number}" for number in range(N)],
    output:
        [f"gathered/{number}" for number in range(M)],
    shell:
        "touch {output}"
