# What rules of one's own can wait for: all is made, and no more images have failed than may.


rule complete:
    input:
        records=outcome_rules.gathered(plan),
        made=outcome_rules.targets(plan),
    output:
        outcome_rules.complete_file(plan),
    log:
        pixmake_rules.log_of(plan, "complete"),
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        allowed=outcome_rules.allowed(plan),
        pixmake=pixmake_rules.program,
    shell:
        "{params.pixmake} complete {input.records:q} {output:q} --allowed {params.allowed:q}"
        " 2> {log:q}"
