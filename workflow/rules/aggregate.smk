# The tables of all images, and how a run ends.


rule aggregate:
    input:
        pixmake_rules.records(plan),
    output:
        **pixmake_rules.tables(plan),
    log:
        pixmake_rules.log_of("aggregate"),
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        columns=pixmake_rules.one_line(list(plan.columns)),
        pixmake=pixmake_rules.program,
    shell:
        "printf '%s\\n' {input:q} | {params.pixmake} aggregate"
        " --columns {params.columns:q} --measurements {output.measurements:q}"
        " --failures {output.failures:q} 2> {log:q}"


run = []


onstart:
    run.append(
        begin_run(workflow, plan.config.results, [step.name for step in plan.steps])
    )


onsuccess:
    conclude(*run, **pixmake_rules.tables(plan), max_failures=plan.config.max_failures)


onerror:
    stopped(*run, unfinished(workflow.dag))
