# One rule per image and step.

pixmake_limits = {step.name: pixmake_rules.limits(step) for step in plan.steps}

for step, job in plan.jobs():

    rule:
        name:
            job.rule
        input:
            images=pixmake_rules.images(job),
            needed=job.needed,
            gathered=pixmake_rules.gathered(job),
        output:
            record=job.record,
            files=temp(job.files) if step.temporary else job.files,
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
            " {resources.attempt} {log:q} {output:q} {input.images:q} {input.needed:q}"


# The results of all jobs of a step in one file, for steps that need all of them.
for gathering in pixmake_rules.gatherings(plan):

    rule:
        name:
            gathering.rule
        input:
            records=gathering.records,
            files=gathering.files,
        output:
            gathering.output,
        log:
            pixmake_rules.log_of(gathering.rule),
        localrule: True
        conda:
            pixmake_rules.CONDA
        params:
            pixmake=pixmake_rules.program,
        shell:
            "printf '%s\\n' {input.records:q} | {params.pixmake} gather {output:q} 2> {log:q}"


pixmake_rules.forget_rule_names(globals())
