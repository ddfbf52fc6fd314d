# One rule per image and step.

pixmake_run = {
    step.name: pixmake_rules.run(
        pixmake_rules.run_limits(step.step, step.keeps_going, step.keep),
        step.step.python,
    )
    for step in plan.steps
}

for step, job in plan.jobs(over_several=False):

    rule:
        name:
            job.rule
        input:
            **pixmake_rules.inputs(job),
        output:
            **pixmake_rules.outputs(job, temporary=step.temporary),
        log:
            job.log,
        retries: step.step.retries
        conda:
            pixmake_rules.CONDA
        threads: step.step.threads
        resources:
            **pixmake_rules.resources(step.step),
            attempt=pixmake_rules.attempt,
        params:
            task=job.task.as_json(),
            run=pixmake_run[step.name],
        shell:
            "exec {params.run} {params.task:q} {resources.attempt} {log:q} {output:q} {input:q}"
