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


run = []


onstart:
    pixmake_rules.tell_notes(plan)
    run.append(
        begin_run(
            workflow,
            plan.config.results,
            pixmake_rules.step_names(plan),
            pixmake_rules.over_several(plan),
        )
    )


onsuccess:
    conclude(
        *run,
        pixmake_later.asked_now(plan, run[0].records),
        **pixmake_rules.tables(plan),
        max_failures=plan.config.max_failures,
        over_several=pixmake_rules.over_several(plan),
        keep=plan.config.keep,
    )


onerror:
    stopped(*run, unfinished(workflow.dag), pixmake_rules.over_several(plan))
