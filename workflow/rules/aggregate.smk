# The tables of all images, and how a run ends.


rule aggregate:
    input:
        pixmake_rules.records(plan),
    output:
        **pixmake_rules.tables(plan),
    localrule: True
    params:
        columns=pixmake_rules.one_line(list(plan.columns)),
    shell:
        "printf '%s\\n' {input:q} | {pixmake_python} aggregate"
        " --columns {params.columns:q} --measurements {output.measurements:q}"
        " --failures {output.failures:q}"


asked = []


onstart:
    asked.extend(asked_records(workflow.dag.jobs))


onsuccess:
    conclude(asked, **pixmake_rules.tables(plan), max_failures=plan.config.max_failures)
