# The tables of all images, what is made of them, and how a run ends.
from pixmake.rules import aggregate_rules as outcome_rules
from pixmake.rules.warmup import while_the_dag_is_made


# the one rule with an input for each image: Snakemake's cost is inputs times outputs
rule records:
    input:
        pixmake_later.all_records(todo, checkpoints),
        none=while_the_dag_is_made(todo, workflow),
        again=pixmake_again.force,
    output:
        outcome_rules.gathered(plan),
    log:
        pixmake_rules.log_of(plan, "records"),
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        **todo.told("records", outcome_rules.records(plan)),
        pixmake=pixmake_rules.program,
    shell:
        todo.gather("records {output:q}")


rule aggregate:
    input:
        records=outcome_rules.gathered(plan),
        found=pixmake_later.what_tells_columns(plan, checkpoints),
    output:
        **outcome_rules.in_report(outcome_rules.all_tables(plan)),
    log:
        pixmake_rules.log_of(plan, "aggregate"),
    priority: outcome_rules.TABLES_FIRST
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        columns=pixmake_later.known(plan, checkpoints, pixmake_rules.columns),
        formats=outcome_rules.formats(plan),
        appended=outcome_rules.appended(plan),
        pixmake=pixmake_rules.program,
    shell:
        "{params.pixmake} aggregate {input.records:q} --columns {params.columns:q}"
        " --formats {params.formats:q} --measurements {output.measurements:q} 2> {log:q}"


# the functions of tables that config.yaml names under `aggregate`
for function in plan.functions:

    rule:
        name:
            f"aggregate_{function.name}"
        input:
            measurements=outcome_rules.csv_tables(plan)[0],
            others=outcome_rules.csv_tables(plan)[1:],
            needed=list(function.tables.values()),
        output:
            outcome_rules.function_outputs(function),
        log:
            pixmake_rules.log_of(plan, f"aggregate_{function.name}"),
        localrule: True
        conda:
            pixmake_rules.CONDA
        params:
            task=outcome_rules.function_task(plan, function),
            pixmake=pixmake_rules.program,
        shell:
            "{params.pixmake} summarise {params.task:q} --measurements {input.measurements:q}"
            " > {log:q} 2>&1"


if plan.config.aggregate.report:

    rule report:
        input:
            records=outcome_rules.gathered(plan),
            found=pixmake_later.what_tells_columns(plan, checkpoints),
            parts=outcome_rules.function_files(plan),
        output:
            page=outcome_rules.marked_page(plan),
            pictures=directory(outcome_rules.pictures(plan)),
        log:
            pixmake_rules.log_of(plan, "report"),
        priority: outcome_rules.PAGE_NEXT
        localrule: True
        conda:
            pixmake_rules.CONDA
        threads: outcome_rules.page_threads(plan)
        params:
            columns=pixmake_later.known(plan, checkpoints, pixmake_rules.columns),
            project=outcome_rules.report_project(plan),
            kept=outcome_rules.KEPT,
            pixmake=pixmake_rules.program,
        shell:
            "{params.pixmake} page {input.records:q} {output.page:q} --columns {params.columns:q}"
            " --kept {params.kept:q} --project {params.project:q} --threads {threads} 2> {log:q}"
