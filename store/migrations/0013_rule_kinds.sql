-- What rules of more kinds keep of an alarm.

alter table alarm
    add column excess    double precision not null default 0,  -- exposure under way: (value − mean_at) × seconds
    add column detail    text not null default '',             -- of a fault: which one (catalogue/data/faults.yaml)
    add column stands_at text not null default '';             -- file and line of the rule that raised it
