# Jobs over several images: those of a plant, or all of them.

for step, job in todo.jobs(over_several=True):

    rule:
        name:
            job.rule
        input:
            **pixmake_rules.inputs_of_several(job),
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


# What stands for the results of a step, while they are gathered.
for made in todo.made():

    rule:
        name:
            made.rule
        input:
            made.files,
        output:
            temp(made.marker),
        log:
            pixmake_rules.log_of(plan, made.rule),
        localrule: True
        conda:
            pixmake_rules.CONDA
        shell:
            "touch {output:q} 2> {log:q}"


# The results of all jobs of a step in one file, for steps that need all of them.
for gathering in pixmake_rules.gatherings(plan):

    rule:
        name:
            gathering.rule
        input:
            **pixmake_later.gathering_inputs(todo, checkpoints, gathering),
            again=pixmake_again.force,
        output:
            gathering.output,
        log:
            pixmake_rules.log_of(plan, gathering.rule),
        localrule: True
        conda:
            pixmake_rules.CONDA
        params:
            **todo.told(gathering.rule, gathering.records(plan), gathering.files(plan)),
            pixmake=pixmake_rules.program,
        shell:
            todo.gather("gather {output:q}", "input.records")


pixmake_rules.forget_rule_names(globals())
