# One rule per image and step.

for step, job in todo.jobs(over_several=False):

    rule:
        name:
            job.rule
        input:
            **pixmake_rules.inputs(job),
            **pixmake_again.of(job),
        output:
            **pixmake_rules.outputs(job, temporary=step.temporary),
        log:
            job.log,
        retries: pixmake_rules.retries(step)
        group:
            job.group
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
            "exec {params.run} {params.task:q} {resources.attempt} {log:q} {output:q} {input:q}"
