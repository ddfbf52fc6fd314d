# The tables of all images, and how a run ends.


rule aggregate:
    input:
        pixmake_later.all_records(plan, checkpoints),
    output:
        **pixmake_rules.tables(plan),
    log:
        pixmake_rules.log_of("aggregate"),
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        columns=pixmake_later.known(plan, checkpoints, pixmake_rules.columns),
        pixmake=pixmake_rules.program,
    shell:
        "printf '%s\\n' {input:q} | {params.pixmake} aggregate"
        " --columns {params.columns:q} --measurements {output.measurements:q}"
        " --failures {output.failures:q} 2> {log:q}"


asked = []


onstart:
    pixmake_rules.tell_notes(plan)
    asked.extend(asked_records(workflow.dag.jobs))


onsuccess:
    conclude(
        pixmake_later.asked_now(plan, asked),
        **pixmake_rules.tables(plan),
        max_failures=plan.config.max_failures,
        over_several=pixmake_rules.over_several(plan),
        keep=plan.config.keep,
    )
