# The tables that a step makes of each image, as one.
from pixmake.rules import aggregate_rules as outcome_rules

for table in pixmake_rules.collected(plan):

    rule:
        name:
            table.rule
        input:
            files=pixmake_later.collected_files(todo, checkpoints, table),
            records=outcome_rules.gathered(plan),
            found=pixmake_later.what_tells_columns(plan, checkpoints),
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
            step=table.step,
            columns=pixmake_later.known(plan, checkpoints, pixmake_rules.columns),
            pixmake=pixmake_rules.program,
        shell:
            todo.gather(
                "collect --records {input.records:q} --step {params.step:q} --ending {params.ending:q}"
                " --columns {params.columns:q} {output:q}",
                "input.files",
            )
