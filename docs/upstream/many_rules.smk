# A rule for each of many files, and what the garbage collector costs: it walks over all rules again and again.
#
#   snakemake -s many_rules.smk -n --quiet all --config rules=3000
#   snakemake -s many_rules.smk -n --quiet all --config rules=3000 collect=rarely
import gc

N = config.get("rules", 3000)

if config.get("collect") == "rarely":
    gc.set_threshold(200_000, 20, 100)

for number in range(N):

    rule:
        name:
            f"one_{number}"
        output:
            f"made/{number}",
        shell:
            "touch {output}"


for name in [name for name in globals() if name.startswith("__one_")]:
    del globals()[name]


rule all:
    default_target: True
    input:
        [f"made/{number}" for number in range(N)],
