# The tables of all images, and how a run ends.


# the one rule with an input for each image: Snakemake's cost is inputs times outputs
rule gather:
    input:
        pixmake_rules.records(plan),
    output:
        pixmake_rules.gathered(plan),
    log:
        pixmake_rules.log_of("gather"),
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        pixmake=pixmake_rules.program,
    shell:
        "printf '%s\\n' {input:q} | {params.pixmake} gather {output:q} 2> {log:q}"


rule aggregate:
    input:
        pixmake_rules.gathered(plan),
    output:
        **pixmake_rules.table_files(plan),
    log:
        pixmake_rules.log_of("aggregate"),
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        columns=pixmake_rules.one_line(list(plan.columns)),
        formats=pixmake_rules.formats(plan),
        results=plan.config.results,
        pixmake=pixmake_rules.program,
    shell:
        "{params.pixmake} aggregate {input:q} --columns {params.columns:q}"
        " --formats {params.formats:q} --results {params.results:q} 2> {log:q}"


asked = []


onstart:
    asked.extend(asked_records(workflow.dag.jobs))


onsuccess:
    conclude(asked, **pixmake_rules.tables(plan), max_failures=plan.config.max_failures)
