# Jobs over several images: those of a plant, or all of them.

for step, job in plan.jobs(over_several=True):

    rule:
        name:
            job.rule
        input:
            **pixmake_rules.inputs_of_several(job, storage=pixmake_storage),
            **pixmake_again.of(job),
        output:
            **pixmake_rules.outputs(job, temporary=step.temporary),
        log:
            job.log,
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
            task=job.task.as_json(),
            run=pixmake_run[step.name],
        shell:
            "exec {params.run} {params.task:q} {resources.attempt} {log:q} {output:q} {input.needed:q}"


# The results of all jobs of a step in one file, for steps that need all of them.
for gathering in pixmake_rules.gatherings(plan):

    rule:
        name:
            gathering.rule
        input:
            records=pixmake_later.known(plan, checkpoints, gathering.records),
            files=pixmake_later.known(plan, checkpoints, gathering.files),
            again=pixmake_again.force,
        output:
            gathering.output,
        log:
            pixmake_rules.log_of(plan, gathering.rule),
        localrule: True
        conda:
            pixmake_rules.CONDA
        params:
            pixmake=pixmake_rules.program,
        shell:
            "printf '%s\\n' {input.records:q} | {params.pixmake} gather {output:q} 2> {log:q}"


pixmake_rules.forget_rule_names(globals())
