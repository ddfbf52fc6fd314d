# Many ready jobs at once, with next to no work: what the scheduler costs.
#
#   snakemake -s many_ready.smk --cores 2 --scheduler greedy --scheduler-subsample 32 --config jobs=1000
#   snakemake … --verbose 2>&1 | grep -c 'Resources before job selection'      (rounds of the scheduler)
N = config.get("jobs", 300)


rule all:
    input:
        [f"made/{number}" for number in range(N)],


rule one:
    output:
        "made/{number}",
    shell:
        "sleep 0.01; : > {output}"
