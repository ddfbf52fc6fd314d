# One rule per image and step.

pixmake_run = {
    step.name: pixmake_rules.run(
        pixmake_rules.run_limits(step.step, step.keeps_going), step.step.python
    )
    for step in plan.steps
}

for step, job in plan.jobs():

    rule:
        name:
            job.rule
        input:
            **pixmake_rules.inputs(job),
        output:
            **pixmake_rules.outputs(job),
        log:
            job.log,
        retries: step.step.retries
        conda:
            pixmake_rules.CONDA
        threads: step.step.threads
        resources:
            **step.step.resources.given(),
            attempt=pixmake_rules.attempt,
        params:
            task=job.task.as_json(),
            run=pixmake_run[step.name],
        shell:
            "exec {params.run} {params.task:q} {resources.attempt} {log:q} {output:q} {input:q}"


pixmake_rules.forget_rule_names(globals())
