# The tables of all images, and how the run ends.


rule aggregate:
    input:
        pixmake_rules.records(plan),
    output:
        **pixmake_rules.tables(plan),
    params:
        columns=pixmake_rules.one_line(list(plan.columns)),
    localrule: True
    shell:
        "printf '%s\\n' {input:q} | {pixmake_python} aggregate"
        " --columns {params.columns:q} --measurements {output.measurements:q}"
        " --failures {output.failures:q}"


onsuccess:
    conclude(workflow, plan.config.max_failures)
