# Where the results come from.
from pixmake.results.provenance import provenance_file
from pixmake.rules import provenance_rules


rule provenance:
    input:
        outcome_rules.gathered(plan),
    output:
        provenance_file(plan.config.results),
    log:
        pixmake_rules.log_of(plan, "provenance"),
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        about=provenance_rules.about_line(plan, workflow),
        pixmake=pixmake_rules.program,
    shell:
        "printf '%s\\n' {params.about:q} | {params.pixmake} provenance {input:q} {output:q} 2> {log:q}"
