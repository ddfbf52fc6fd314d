# The tables that a step makes of each image, as one.

for table in pixmake_rules.collected(plan):

    rule:
        name:
            table.rule
        input:
            pixmake_later.collected_files(plan, checkpoints, table),
        output:
            table.path,
        log:
            pixmake_rules.log_of(plan, table.rule),
        localrule: True
        conda:
            pixmake_rules.CONDA
        params:
            ending=table.ending,
            pixmake=pixmake_rules.program,
        shell:
            "printf '%s\\n' {input:q} | {params.pixmake} collect"
            " --ending {params.ending:q} {output:q} 2> {log:q}"
