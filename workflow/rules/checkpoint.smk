# Images that are known only once the run has begun: frames of videos, pages, members of archives.

for step, job in plan.containers.jobs():

    rule:
        name:
            job.rule
        input:
            **pixmake_rules.inputs(job),
        output:
            **pixmake_rules.outputs(job),
        log:
            job.log,
        retries: pixmake_rules.retries(step)
        conda:
            pixmake_rules.CONDA
        resources:
            attempt=pixmake_rules.attempt,
        params:
            task=job.task.as_json(),
            run=pixmake_rules.run(step),
        shell:
            "exec {params.run} {params.task:q} {resources.attempt} {log:q} {output:q} {input:q}"


checkpoint find_images:
    input:
        pixmake_rules.records(plan.containers),
        [
            path
            for step in plan.containers.steps
            for path in plan.containers.files(step.name)
        ],
    output:
        pixmake_later.found_table(plan),
    log:
        pixmake_rules.log_of(plan, "find_images"),
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        terms=pixmake_later.found_terms(plan),
        config=pixmake_later.whole_config(plan),
        pixmake=pixmake_rules.program,
    shell:
        "{params.pixmake} find --content {params.config:q} 2>&1 | tee {log:q} >&2"


# One rule a step serves all images that were found.
for step in plan.steps:

    rule:
        name:
            pixmake_later.any_rule(step.name)
        input:
            **pixmake_later.inputs_of_any(plan, checkpoints, step.name),
            again=pixmake_again.force,
        output:
            **pixmake_later.outputs_of_any(plan, step),
        log:
            pixmake_later.log_of_any(plan, step.name),
        wildcard_constraints:
            id=pixmake_later.ID,
        retries: pixmake_rules.retries(step)
        localrule: step.placement.local
        conda:
            pixmake_rules.software(step.step)
        container:
            step.step.container
        threads: step.placement.threads
        resources:
            **pixmake_rules.resources(step),
            attempt=pixmake_rules.attempt,
        params:
            task=pixmake_later.task_of_any(plan, checkpoints, step.name),
            run=pixmake_run[step.name],
        shell:
            "exec {params.run} {params.task:q} {resources.attempt} {log:q} {output:q} {input.needed:q}"


pixmake_rules.forget_rule_names(globals())
