# A target for each step: all of its images.

for step in pixmake_rules.step_targets(plan):

    rule:
        name:
            step
        input:
            pixmake_again.all_of(
                step, pixmake_later.records_of(plan, checkpoints, step)
            ),
        localrule: True
