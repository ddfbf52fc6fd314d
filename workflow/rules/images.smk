# One rule per image and step.

pixmake_limits = {step.name: pixmake_rules.limits(step) for step in plan.steps}

for step, job in plan.jobs():

    rule:
        name:
            job.rule
        input:
            images=pixmake_rules.images(job),
            needed=job.needed,
        output:
            record=job.record,
            files=job.files,
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
            limits=pixmake_limits[step.name],
            client=pixmake_rules.client,
            python=step.step.python or pixmake_rules.SAME_PYTHON,
        shell:
            "exec {params.client} {params.task:q} {params.limits:q} {params.python:q}"
            " {resources.attempt} {log:q} {output:q} {input:q}"


pixmake_rules.forget_rule_names(globals())
