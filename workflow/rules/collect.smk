# The tables that a step makes of each image, as one.

for table in pixmake_rules.collected(plan):

    rule:
        name:
            table.rule
        input:
            pixmake_later.collected_files(todo, checkpoints, table),
        output:
            table.path,
        log:
            pixmake_rules.log_of(plan, table.rule),
        localrule: True
        conda:
            pixmake_rules.CONDA
        params:
            **todo.told(table.rule, table.files),
            ending=table.ending,
            pixmake=pixmake_rules.program,
        shell:
            todo.gather("collect --ending {params.ending:q} {output:q}")
